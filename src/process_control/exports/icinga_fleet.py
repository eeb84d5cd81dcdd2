"""The state of the jobs of the fleet as the output of a plugin, in the form of `icinga`. Pure."""

from collections.abc import Sequence
from datetime import datetime

from process_control.core.fleet.troubles import FAILING, KINDS, FleetTrouble
from process_control.core.moments import in_local_time
from process_control.exports.icinga import CRITICAL, OK, WARNING, WORDS, Answer, Trouble, in_one_line, plain


def answer_of_fleet(found: Sequence[FleetTrouble], jobs: int) -> Answer:
    """Return the output of the plugin. `jobs`: how many were asked for."""
    now = datetime.now().astimezone()
    troubles = [
        Trouble(
            severity=CRITICAL if each.kind == FAILING else WARNING,
            slug=plain(each.job),
            state=each.kind,
            why=plain(in_local_time(each.why, now)),
        )
        for each in found
    ]
    troubles.sort(key=lambda trouble: (-trouble.severity, trouble.slug))
    code = max((trouble.severity for trouble in troubles), default=OK)
    counts = [f"{kind}={sum(trouble.state == kind for trouble in troubles)};0;;0" for kind in KINDS]
    figures = " ".join([f"jobs={jobs};;;0", *counts])
    first = f"PROCESS-CONTROL FLEET {WORDS[code]} - {in_one_line(troubles, jobs)} | {figures}"
    rest = [f"{WORDS[trouble.severity]}: {trouble}" for trouble in troubles]
    return Answer(code=code, text="\n".join([first, *rest]), troubles=tuple(troubles))
