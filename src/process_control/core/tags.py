"""Tags that are probably misspelled: on one job only, and nearly the same as one of several jobs. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

MIN_LENGTH = 4
CUTOFF = 0.85
#: Letters of a part in which two names may differ on purpose: team-a and team-b, prod-eu and prod-us.
MAX_SHORT_PART = 2
_PARTS = re.compile(r"[^A-Za-z0-9]+|(?<=[A-Za-z])(?=[0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddTag:
    """A tag of one job, and the one that was probably meant."""

    job: str
    tag: str
    meant: str
    #: how many jobs have that
    jobs: int


def odd_tags(tags: Mapping[str, Sequence[str]]) -> list[OddTag]:
    """Return the near misses in the tags of all jobs. A tag that merely is on one job is none."""
    counts = Counter(tag for of_job in tags.values() for tag in set(of_job))
    common = {tag: count for tag, count in counts.items() if count > 1}
    found = []
    for job, of_job in tags.items():
        for tag in dict.fromkeys(of_job):
            meant = _meant(tag, common) if counts[tag] == 1 else None
            if meant is not None and meant not in of_job:
                found.append(OddTag(job=job, tag=tag, meant=meant, jobs=common[meant]))
    return found


def _meant(tag: str, common: Mapping[str, int]) -> str | None:
    same = next((other for other in common if _spelling(other) == _spelling(tag)), None)
    if same is not None:
        return same
    near = get_close_matches(tag, common, n=3, cutoff=CUTOFF) if len(tag) >= MIN_LENGTH else []
    return next((other for other in near if not _differ_on_purpose(tag, other)), None)


def _spelling(tag: str) -> str:
    return "".join(_PARTS.split(tag)).lower()


def _differ_on_purpose(first: str, second: str) -> bool:
    """Return whether the two differ in a number, or in a short part only."""
    changes = SequenceMatcher(a=first, b=second).get_opcodes()
    different = "".join(first[a:b] + second[c:d] for what, a, b, c, d in changes if what != "equal")
    if any(character.isdigit() for character in different):
        return True
    parts = _PARTS.split(first), _PARTS.split(second)
    if len(parts[0]) != len(parts[1]):
        return False
    pairs = [pair for pair in zip(*parts, strict=True) if pair[0] != pair[1]]
    return all(max(map(len, pair)) <= MAX_SHORT_PART for pair in pairs)
