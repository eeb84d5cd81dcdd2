"""The importer of crontabs: each line is accounted for, its job starts when it does, and adopting it can be undone."""

from datetime import UTC
from pathlib import Path

from process_control.config.job_file import read_job
from process_control.core.job import is_slug
from process_control.core.schedule.between import slots_between
from process_control.core.schedule.debian_cron import CronEntry, starts_of
from process_control.core.schedule.schedule import Schedule
from process_control.crontab.adopted_line import adopt_line, adopted_lines, is_adopted, restore_line, without_our_part
from process_control.crontab.job_of_entry import Draft, Source, draft_of, origin_of
from process_control.crontab.read import Kind, Line, read_lines
from process_control.errors import BadConfiguration, Fault

DAY = 86400
#: A leap day, and the first of a month after it.
FROM = 1_835_308_800 // DAY * DAY
DAYS = 3


def import_crontab(data: bytes, folder: Path) -> None:
    """Each line is something, each entry a job or a fault; a job is due when its line is, and can be given back."""
    text = data.decode("utf-8", "surrogateescape")
    own, generated = without_our_part(text)
    assert own + generated == text
    for has_users in (False, True):
        lines = read_lines(own, has_users=has_users)
        assert "\n".join(line.text for line in lines) == own.removesuffix("\n")
        for line in lines:
            if line.kind is Kind.UNREADABLE:
                assert line.fault
            elif line.kind is Kind.ENTRY:
                _becomes_a_job_or_a_fault(line, has_users=has_users)
                _can_be_given_back(own, line, has_users=has_users)


def _becomes_a_job_or_a_fault(line: Line, *, has_users: bool) -> None:
    assert line.entry is not None
    user = line.entry.user or "root"
    draft = draft_of(line, Source(name="/etc/cron.d/x", owner=None if has_users else user), user=user, host="host")
    if isinstance(draft, Fault):
        assert draft.what
        assert draft.hint
        return
    assert isinstance(draft, Draft)
    assert is_slug(draft.slug)
    assert origin_of(draft.text) is not None
    try:
        job = read_job(draft.text.encode(), slug=draft.slug, path="/x.yaml", default_values={}, log_bytes=1)
    except BadConfiguration:  # then these are its faults
        return
    schedule = Schedule.parse(job.schedule, time_zone=UTC, host="host", slug=draft.slug)
    due = starts_of(CronEntry.read(line.entry.schedule), UTC, FROM, FROM + DAYS * DAY)
    assert slots_between(schedule, FROM, FROM + DAYS * DAY) == due


def _can_be_given_back(own: str, line: Line, *, has_users: bool) -> None:
    changed = adopt_line(own, line.number, "job-2")
    [adopted] = [each for each in adopted_lines(changed) if each.number == line.number]
    assert (adopted.job, adopted.line) == ("job-2", line.text)
    assert is_adopted(changed.split("\n")[line.number - 1])
    assert read_lines(changed, has_users=has_users)[line.number - 1].kind is Kind.COMMENT
    assert restore_line(changed, adopted) == own


CHECKS = {"import-crontab": import_crontab}
