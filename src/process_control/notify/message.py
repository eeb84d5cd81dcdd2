"""A run in words, for terminals, mails and the syslog: the reason first.

Lean module, pure.
"""

_VISIBLE = {"\n": "\n", "\t": "\t"}


def escape_controls(text: str) -> str:
    """Return `text` with every control character but newline and tab shown as \\x1b: nothing can steer a terminal."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() or char in _VISIBLE else _shown(char) for char in text])


def one_line(text: str) -> str:
    """Return `text` on one line and without control characters: for headers, and for values."""
    return escape_controls(text).replace("\n", " ").replace("\t", " ")


def last_states(text: str) -> str:
    """Return `text` as a terminal shows it in the end: of lines overwritten after a carriage return, the last state."""
    if "\r" not in text:
        return text
    return "\n".join([line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")])


def as_on_a_screen(text: str, *, at_line_start: bool) -> tuple[str, bool, bool]:
    """Return what to show of the next piece of output, whether it overwrites the line that was begun, and whether the
    cursor is at the start of a line afterwards.
    """
    text = text.replace("\r\n", "\n")
    overwrites = not at_line_start and "\r" in text.partition("\n")[0]
    text = last_states(text)
    return text, overwrites, text.endswith("\n") or (not text and (at_line_start or overwrites))


def _shown(char: str) -> str:
    number = ord(char)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def reason_in_words(end: "dict[str, object]") -> str:
    """Return `failed: exited with 3`, `succeeded`: outcome and why."""
    why = end.get("detail") or end.get("reason")
    return f"{end['outcome']}: {why}" if why else str(end["outcome"])


def headline(end: "dict[str, object]") -> str:
    """Return a run in one line: slug, outcome, reason, run id and log file."""
    log = f", log {end['log']}" if end.get("log") else ""
    return f"{end['job']}: {reason_in_words(end)} (run {end['run_id']}{log})"


def decision(end: "dict[str, object]") -> str | None:
    """Return which rule and which line decided, `rule 2, {exit_code: 78, verdict: hold}`; None when it was neither."""
    by = end.get("decided_by")
    if not isinstance(by, dict) or not (by.get("rule") or by.get("condition")):
        return None
    rule = f"rule {by['rule']}, {by.get('condition')}" if by.get("rule") else str(by.get("condition"))
    if by.get("line_number") is None:
        return rule
    return f"{rule}, on line {by['line_number']} of {by.get('stream')}: {by.get('line')}"


def advice(end: "dict[str, object]") -> str | None:
    """Return a line to paste into the job file where one would help, or None."""
    by = end.get("decided_by")
    if end.get("reason") == "stderr" and isinstance(by, dict) and by.get("rule"):
        return None
    if end.get("reason") == "stderr" and end["outcome"] == "warned":
        return f"if this output never matters, write in {end['job']}.yaml:  stderr: ignore"
    if end.get("reason") == "stderr":
        return f"if this output is no failure, write in {end['job']}.yaml:  stderr: warn"
    if end.get("reason") == "timeout":
        return f"if it may take longer, write in {end['job']}.yaml:  timeout: 2h"
    return None


def faults_of(end: "dict[str, object]") -> list[str]:
    """Return what could not be written of a run: the journal, its health, its output."""
    return [str(end[key]) for key in ("record_fault", "health_fault", "log_error") if end.get(key)]


def notes(end: "dict[str, object]") -> list[str]:
    """Return what else to report: attempts, what could not be written or was cut, a hold, what does not follow."""
    attempts = end.get("attempts")
    lines = [f"note: {len(attempts)} attempts"] if isinstance(attempts, list) and len(attempts) > 1 else []
    faults = end.get("regex_faults")
    lines += [f"note: {fault}" for fault in faults if fault != end.get("detail")] if isinstance(faults, list) else []
    lines += [f"note: {fault}" for fault in faults_of(end) if fault != end.get("detail")]
    if end.get("log_dropped_bytes"):
        lines.append(f"note: {end['log_dropped_bytes']} bytes of output were dropped from the middle of the log")
    if end.get("held"):
        lines.append(f"{end['held']}. To release: process-control release {end['job']}")
    if end.get("nothing_follows"):  # put in for the terminal only
        lines.append(str(end["nothing_follows"]))
    return lines


def duration_in_words(seconds: float) -> str:
    """Return 0.12 s, 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
