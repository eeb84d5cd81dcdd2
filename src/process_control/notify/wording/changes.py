"""What has changed since the last good run of a job, as far as it is recorded or can be seen: a line each."""

from process_control.core.moments import parse_iso
from process_control.notify.wording.host_changes import host_changes
from process_control.notify.wording.known import Record, Subject, text_of


def changes_of(subject: Subject) -> tuple[str, ...]:
    """Return a line for each change; nothing when nothing has changed, or there was no good run."""
    good = subject.past.last_good
    began = parse_iso(good.started_at) if good is not None else None
    if began is None:
        return ()
    found = [*_of_its_file(subject), *host_changes(subject, began.timestamp())]
    return tuple(subject.masked(line) for line in found)


def _of_its_file(subject: Subject) -> list[str]:
    """Return what changed in the job's file, or in what it plans."""
    good, versions = subject.past.last_good, subject.past.versions
    since = good.started_at if good is not None else ""
    newer = [each for each in versions if text_of(each, "since") > since]
    if not newer:
        return []
    last = newer[-1]
    when = subject.moment(text_of(last, "since"))
    more = f" (and {len(newer) - 1} times before)" if len(newer) > 1 else ""
    if last.get("state") == "gone":
        return [f"its job file was removed, {when}{more}"]
    if last.get("state") == "invalid":
        return [f"its job file is invalid since {when}: {text_of(last, 'detail')}{more}"]
    if good is not None and good.version and last.get("version") == good.version:
        return [f"what it plans: the defaults of the configuration, the time zone or a calendar, {when}{more}"]
    return [f"its job file, {when}{_commit(last)}{more}"]


def _commit(record: Record) -> str:
    commit, author = text_of(record, "commit"), text_of(record, "author")
    if not commit:
        return ""
    dirty = ", changed since that without a commit" if record.get("dirty") else ""
    return f": commit {commit}{f' by {author}' if author else ''}{dirty}"
