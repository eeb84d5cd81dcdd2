"""Write the report of a failed run, for `report_on_stderr.py`.

Lean module, loaded only then.
"""

from process_control.core.masking import mask_excerpt
from process_control.notify.message import (
    advice,
    decision,
    escape_controls,
    faults_of,
    headline,
    last_states,
    notes,
)


def failure_report(end: dict[str, object], stderr: bytes, secrets: list[str], *, is_terminal: bool) -> str:
    """Return the headline, a command to paste, notes, and the job's stderr (at most 64 KiB)."""
    lines = [headline(end)]
    by = decision(end)
    if by:
        lines.append(f"  decided by {by}")
    hint = advice(end)
    if hint:
        lines.append(f"  hint: {hint}")
    lines += [f"  {note}" for note in notes(end)]
    excerpt = mask_excerpt(stderr.decode("utf-8", "surrogateescape"), secrets) if stderr else ""
    report = "\n".join(lines) + "\n" + last_states(excerpt)
    return escape_controls(report) if is_terminal else report


def faults_in_a_line(end: dict[str, object], *, is_terminal: bool) -> str:
    """Return in one line what could not be recorded of a successful run."""
    line = headline(end)
    more = [fault for fault in faults_of(end) if fault not in line]
    line = "; ".join([line, *more])
    return (escape_controls(line) if is_terminal else line) + "\n"
