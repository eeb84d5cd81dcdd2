"""A finding of `doctor`: what was checked, how it stands, and the command that puts it right. Values only."""

from dataclasses import dataclass
from typing import Any

OK, WARN, BAD = STATES = "ok", "warn", "bad"
MAKE_DIRECTORY, SET_MODE, REBUILD_HEALTH, REBUILD_INDEX, REMOVE_GROUPS = (
    "make directory",
    "set mode",
    "rebuild health",
    "rebuild index",
    "remove groups",
)
#: Findings of one check that are shown; the rest is a number.
MAX_SHOWN = 10
_COMMANDS = ("chmod ", "chown ", "install -d ", "sudo ", "useradd ", "process-control ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What `doctor --fix` may do about a finding."""

    #: MAKE_DIRECTORY, SET_MODE, REBUILD_HEALTH, REBUILD_INDEX or REMOVE_GROUPS
    kind: str
    #: a path, or the slug of a job
    target: str = ""
    mode: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one check."""

    check: str
    #: OK, WARN or BAD
    state: str
    what: str
    #: a command that works when pasted; None when nothing is to be done
    remedy: str | None = None
    repair: Repair | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the finding with the keys of the `--json` answer."""
        return {"check": self.check, "state": self.state, "what": self.what, "remedy": self.remedy}


def command_in(hint: str, *, otherwise: str) -> str:
    """Return a hint that is a command; another command for one that is a sentence."""
    return hint if hint.startswith(_COMMANDS) else otherwise


def fine(check: str, what: str) -> list[Finding]:
    return [Finding(check=check, state=OK, what=what)]


def not_checked(check: str, why: str, *, remedy: str | None = None) -> list[Finding]:
    """Return that a check could not be made, which is no fault by itself."""
    return [Finding(check=check, state=OK, what=f"not checked: {why}", remedy=remedy)]


def found_or_fine(found: list[Finding], check: str, what: str) -> list[Finding]:
    """Return what was found, the rest of very many as a number; `what` in words when that is nothing."""
    if not found:
        return fine(check, what)
    more = len(found) - MAX_SHOWN
    if more <= 0:
        return found
    worst = BAD if any(each.state == BAD for each in found[MAX_SHOWN:]) else WARN
    rest = [each.repair for each in found[MAX_SHOWN:]]
    remedy = "process-control doctor --fix" if all(rest) else "process-control doctor, once these are put right"
    return [*found[:MAX_SHOWN], Finding(check=check, state=worst, what=f"and {more} more like these", remedy=remedy)]
