"""What a job prints to stderr in good runs: lines become patterns, and patterns of good runs become rules.

Pure. A run is good when its command exited with 0, whatever it printed to stderr.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_LINE = 200
MAX_PROPOSALS = 30
MASK = "***"

# What varies within one message from run to run: masked secrets, words with digits in them, numbers.
_VARIES = re.compile(r"\*\*\*|[A-Za-z0-9_]*[0-9][A-Za-z0-9_]*|[^\x20-\x7e]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A pattern of lines, and in how many runs it occurred."""

    #: a regex
    pattern: str
    #: a line that it was made from
    example: str
    good_runs: int
    failed_runs: int


def pattern_of(line: str) -> str:
    """Return an anchored regex for all lines that differ from `line` in numbers only.

    Only the first MAX_LINE characters count.
    """
    text = line[:MAX_LINE]
    parts, end = [], 0
    for match in _VARIES.finditer(text):
        parts += [_plain(text[end : match.start()]), _varying(match[0])]
        end = match.end()
    parts.append(_plain(text[end:]))
    return "^" + "".join(parts) + ("$" if len(line) <= MAX_LINE else "")


def _plain(text: str) -> str:
    """Return `text` escaped for a regex, with fewer backslashes than `re.escape` writes."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def _varying(word: str) -> str:
    if word == MASK:
        return ".*"
    if not word.isascii() or not word.isprintable():
        return "."
    return r"\d+" if word.isdigit() else r"\w+"


def learn(good: Sequence[Iterable[str]], failed: Sequence[Iterable[str]]) -> list[Noise]:
    """Return the patterns of lines in good runs, the most frequent first.

    Each run is given as the lines that it wrote to stderr.
    """
    in_good, examples = _count(good)
    in_failed, _ = _count(failed)
    found = [
        Noise(
            pattern=pattern,
            example=examples[pattern],
            good_runs=count,
            failed_runs=in_failed.get(pattern, 0),
        )
        for pattern, count in in_good.items()
    ]
    return sorted(found, key=lambda noise: (-noise.good_runs, noise.pattern))[:MAX_PROPOSALS]


def _count(runs: Sequence[Iterable[str]]) -> tuple[dict[str, int], dict[str, str]]:
    counts: dict[str, int] = {}
    examples: dict[str, str] = {}
    for lines in runs:
        of_run = {pattern_of(line): line for line in lines if line.strip()}
        for pattern, line in of_run.items():
            counts[pattern] = counts.get(pattern, 0) + 1
            examples.setdefault(pattern, line)
    return counts, examples


def new_lines(lines: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the `lines` whose pattern no line of `known` has."""
    patterns = {pattern_of(line) for line in known}
    return {line for line in lines if pattern_of(line) not in patterns}


def as_rules(noises: Sequence[Noise]) -> str:
    """Return `verdicts` to paste into a job file: one rule for each pattern, with its counts as a comment."""
    lines = ["verdicts:"]
    for noise in noises:
        failed = f", {noise.failed_runs} that failed" if noise.failed_runs else ""
        runs = "1 good run" if noise.good_runs == 1 else f"{noise.good_runs} good runs"
        quoted = noise.pattern.replace("'", "''")
        lines.append(f"  - {{stderr: '{quoted}', verdict: ignore}}   # in {runs}{failed}")
    return "\n".join(lines)
