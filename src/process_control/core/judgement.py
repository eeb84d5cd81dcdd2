"""What an attempt came to, once it is judged: a value. How it is judged is in `verdict.py`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from process_control.core.finding import SeenLine, Verdict

if TYPE_CHECKING:
    from process_control.core.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What an attempt came to. `reason` and `detail` are None when there is nothing to tell.

    `rule` and `line` are what decided, where a rule or a line of output did. `ended_well`: how the command ended is no
    failure.
    """

    outcome: str
    reason: str | None = None
    detail: str | None = None
    verdict: Verdict = Verdict.IGNORE
    rule: "Rule | None" = None
    line: SeenLine | None = None
    ended_well: bool = False
