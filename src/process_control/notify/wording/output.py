"""The lines of output that a message shows: of stderr, else the last of stdout. Reads the log, masked with secrets."""

from process_control.history.log_line import STDERR, STDOUT
from process_control.history.log_reader import current_path, last_lines
from process_control.notify.wording.known import Record, Subject, text_of
from process_control.state.secrets_of_run import SecretsUnknown, secrets_of_run

MAX_LINES, FIRST_LINES, STDOUT_LINES = 50, 10, 15


def output_of(subject: Subject) -> tuple[str, str]:
    """Return a title and the lines that decided; two empty texts when there are none."""
    end = subject.end
    posted = text_of(subject.notice.posted, "stderr") if subject.is_posted else ""
    stderr = subject.masked(posted).split("\n") if posted.strip() else []
    if not stderr and end.get("stderr_bytes"):
        stderr = _last_lines(subject, end, STDERR)
    while stderr and not stderr[-1].strip():
        stderr.pop()
    if stderr:
        return "Output to stderr", "\n".join(_middle_left_out(stderr))
    stdout = _last_lines(subject, end, STDOUT) if end.get("stdout_bytes") else []
    return ("Last output", "\n".join(stdout)) if stdout else ("", "")


def _last_lines(subject: Subject, end: Record, stream: str) -> list[str]:
    recorded = text_of(end, "log")
    if not recorded:
        return []
    path = current_path(recorded, subject.settings.output_directory)
    count = MAX_LINES if stream == STDERR else STDOUT_LINES
    try:
        secrets, _ = secrets_of_run(
            subject.settings.state_directory,
            run_id=text_of(end, "run_id"),
            began=text_of(end, "started_at"),
            job=subject.job,
        )
        subject.secrets += [secret for secret in secrets if secret not in subject.secrets]
        found = last_lines(path, count, streams=[stream], secrets=secrets)
    except SecretsUnknown as error:
        return [f"(not quoted: {error.faults[0].what})"]
    except OSError:
        return []
    return [line.text.decode("utf-8", "backslashreplace") for line in found]


def _middle_left_out(lines: list[str]) -> list[str]:
    if len(lines) <= MAX_LINES:
        return lines
    left_out = f"[… {len(lines) - MAX_LINES} lines left out, see the log …]"
    return [*lines[:FIRST_LINES], left_out, *lines[FIRST_LINES - MAX_LINES :]]
