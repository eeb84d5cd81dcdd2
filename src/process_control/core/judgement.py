"""The judgement of an attempt: a value. How it is made is in `verdict.py`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from process_control.core.finding import SeenLine, Verdict

if TYPE_CHECKING:
    from process_control.core.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an attempt amounts to."""

    #: one of `core.facts.OUTCOMES`
    outcome: str
    #: None for a plain success
    reason: str | None = None
    #: the reason in a sentence
    detail: str | None = None
    #: the worst verdict of all facts
    verdict: Verdict = Verdict.IGNORE
    #: the rule that decided, if one did
    rule: "Rule | None" = None
    #: the line of output that decided, if one did
    line: SeenLine | None = None
    #: whether the way in which the command ended is no failure
    ended_well: bool = False
