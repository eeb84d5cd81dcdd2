"""The line of the invocation log for an event of the journal: slug, sentence, facts as key=value.

Lean module, pure.
"""

from process_control.notify.syslog_facts import FACTS
from process_control.system.syslog import ERROR, INFO, NOTICE, WARNING

_HEALTH = {
    "hold": "held",
    "release": "released",
    "slow_start": "slow start",
    "probe": "on hold, but one run is tried (a probe)",
    "backoff": "backing off",
}
_CRONTAB = {"added": "added to", "removed": "removed from", "changed": "changed in"}
_WEB = {
    "login": "logged in",
    "link_opened": "opened the link of the page",
    "logout": "logged out",
    "refused": "login refused",
    "session_ended": "ended a session",
    "token_created": "made a token",
    "token_revoked": "revoked a token",
}
_NEVER_FACTS = ("event", "at", "job", "host", "version", "detail", "attempts", "health")
_SEVERITIES = {"succeeded": INFO, "warned": WARNING, "failed": ERROR, "lost": ERROR}


def severity(record: "dict[str, object]") -> int:
    """Return the severity of the event: one of the four of system/syslog.py."""
    event = record["event"]
    if event == "end":
        return _SEVERITIES.get(str(record.get("outcome")), NOTICE)
    if event in ("attempt", "fault", "stray"):
        return WARNING
    if event == "refusal":
        return ERROR
    if event in ("mail", "message"):
        return INFO if record.get("result") == "sent" else WARNING
    if event == "hold":
        return NOTICE if record.get("by") else ERROR
    if event == "web" and record.get("change") == "refused":
        return WARNING
    return INFO if event in ("start", "skip", "repeat", "waiting", "seal") else NOTICE


def invocation(record: "dict[str, object]") -> str:
    """Return `backup: failed: exited with 3, run=01k… exit_code=3 …`; an unknown event shows all its facts."""
    event = str(record["event"])
    if event == "seal":
        return sentence(record)
    known = FACTS.get(event, "").split() or [key for key in record if key not in _NEVER_FACTS]
    facts = [f"{_name(key)}={_value(record[key])}" for key in known if _is_worth_showing(record.get(key))]
    line = f"{record.get('job') or event}: {sentence(record)}"
    return f"{line}, {' '.join(facts)}" if facts else line


def sentence(record: "dict[str, object]") -> str:
    """Return what happened, without slug and facts: `started`, `failed: exited with 3`."""
    event = str(record["event"])
    if event == "start":
        return f"started: {record['note']}" if record.get("note") else "started"
    if event == "end":
        return _end_in_words(record)
    if event == "fault":
        return str(record.get("health_fault"))
    if event == "attempt":
        why = record.get("detail") or record.get("reason")
        return f"attempt {record.get('attempt')} failed: {why}; the next one follows in {record.get('delay_seconds')} s"
    if event == "skip":
        return f"skipped: {record.get('detail') or record.get('reason')}"
    if event == "stray":
        return f"{record.get('detail')}: the crontab does not match the files; nothing was done"
    if event == "waiting":
        return f"waits for {record.get('detail')}"
    if event == "repeat":
        return "its planned time (slot) has been run already: nothing to do"
    if event == "mark":
        return f"planned time settled by hand: {record.get('note')}"
    if event == "version":
        return _version_in_words(record)
    if event == "refusal":
        return f"not started: {record.get('detail')}"
    if event in ("mail", "message"):
        return _message_in_words(record)
    if event == "incident":
        return f"incident {record.get('change')}: {record.get('detail')}"
    if event == "silence":
        return _silence_in_words(record)
    if event == "stop":
        return f"stop requested: {record['detail']}" if record.get("detail") else "stop requested"
    if event in _HEALTH:
        return _health_in_words(event, record)
    if event == "crontab":
        return f"{_CRONTAB.get(str(record.get('change')), 'changed in')} the crontab"
    if event == "seal":
        return f"sealed {record.get('path')} {record.get('bytes')} {record.get('sha256')}"
    if event == "unit":
        kind = str(record.get("unit")).rpartition(".")[2]
        return f"{kind} of systemd {record.get('change')}"
    if event == "scheduler":
        return _scheduler_in_words(record)
    if event == "web":
        return _web_in_words(record)
    return event


def sentence_for_people(record: "dict[str, object]") -> str:
    """Return the same for a terminal, with the output line that decided the run, which the syslog does not get."""
    from process_control.core.lateness import late_in_words
    from process_control.core.why import outcome_of_record, why_of_record

    if record["event"] == "end" and record.get("outcome"):
        return outcome_of_record(record)
    if record["event"] == "attempt":
        return sentence({**record, "detail": why_of_record(record)})
    late = late_in_words(record.get("late_seconds"), record.get("late_parts")) if record["event"] == "start" else ""
    return f"{sentence(record)}, {late}" if late else sentence(record)


def _end_in_words(record: "dict[str, object]") -> str:
    if not record.get("outcome"):
        return "ended"
    from process_control.notify.message import reason_in_words  # no start needs it

    return reason_in_words(record)


def _health_in_words(event: str, record: "dict[str, object]") -> str:
    words = _HEALTH[event]
    words += f" {record['step']}" if record.get("step") else ""
    words += f" until {record['until']}" if record.get("until") else ""
    return f"{words}: {record['detail']}" if record.get("detail") else words


def _version_in_words(record: "dict[str, object]") -> str:
    """Return `job file version 099757fc423e, commit 1f2e3d by Ann <ann@x>`, or that the file is invalid or gone."""
    if record.get("state") == "gone":
        return "the job file is gone"
    if record.get("state") == "invalid":
        return f"the job file is invalid: {record.get('detail')}"
    words = f"job file version {record.get('hash')}"
    if not record.get("commit"):
        return words
    changed = ", changed since" if record.get("dirty") else ""
    return f"{words}, commit {record['commit']} by {record.get('author')}{changed}"


def _message_in_words(record: "dict[str, object]") -> str:
    what = f"{record.get('channel') or 'mail'} about the {record.get('letter')}"
    if record.get("result") == "sent":
        return f"{what} was sent"
    if record.get("result") == "given_up":
        return f"{what} could not be sent and was discarded {record.get('detail')}"
    return f"{what} is not sent yet and will be tried again: {record.get('detail')}"


def _scheduler_in_words(record: "dict[str, object]") -> str:
    words = f"the scheduler {record.get('change')}"
    return f"{words}: {record['detail']}" if record.get("detail") else words


def _web_in_words(record: "dict[str, object]") -> str:
    words = _WEB.get(str(record.get("change")), str(record.get("change")))
    return f"{words}: {record['detail']}" if record.get("detail") else words


def _silence_in_words(record: "dict[str, object]") -> str:
    jobs = record.get("jobs")
    whom = f"tag:{record['tag']}" if record.get("tag") else ", ".join(jobs) if isinstance(jobs, list) else ""
    if record.get("change") == "removed":
        return f"messages about {whom} are sent again"
    return f"no messages about {whom} until {record.get('until')}"


def _is_worth_showing(value: object) -> bool:
    return value is not None and value is not False


def _name(key: str) -> str:
    return "run" if key == "run_id" else key


def _value(value: object) -> str:
    """Return a fact's value, in quotes when a space or another special character is in it."""
    if value is True:
        return "yes"
    if isinstance(value, dict):
        value = ",".join([f"{name}:{part}" for name, part in value.items()])
    text = str(value)
    if text and not any(char in text for char in ' "=\\') and text.isprintable():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
