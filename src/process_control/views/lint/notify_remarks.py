"""Warnings about who is notified of a job: messages that go elsewhere, or never come, and pings."""

from collections.abc import Iterator

from process_control.config.keys.notify_kinds import is_unencrypted
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.views.lint.finding import NOTIFY, PING, Remark


def notify_remarks(job: Job, settings: Settings) -> Iterator[Remark]:
    """Yield the warnings about one job."""
    yield from _held_before(job)
    if job.owner_mail and job.failmail_to and job.failmail_to != settings.default_job_config.get("failmail_to"):
        what = f"mail goes to the owner, {', '.join(job.owner_mail)}, and not to failmail.to_address"
        hint = "remove one of the two; for both write owner: {team: …, mail: […, …]}"
        yield Remark(kind=NOTIFY, key="failmail", what=what, hint=hint)
    if job.ping_url is None:
        return
    if job.schedule and job.ping_api_key_file is None:
        what = "without 'api_key_file' the schedule stands in two places: here and at the service of the ping"
        hint = f"write ping: {{url: '{job.ping_url}', api_key_file: /etc/process-control.healthchecks}}"
        yield Remark(kind=PING, key="ping", what=what, hint=hint)
    if is_unencrypted(job.ping_url):
        what = "the ping sends the last output of the job unencrypted"
        yield Remark(kind=PING, key="ping", what=what, hint="write https://")


def _held_before(job: Job) -> Iterator[Remark]:
    """Yield which messages never come, because the job is put on hold before so many runs have failed."""
    limit = job.hold_after_failures
    if limit is None:
        return
    wanted = [("notify", item, each["after"]) for item, each in enumerate(job.notify) if "after" in each]
    wanted.append(("failure_threshold_for_mail", 0, job.failure_threshold_for_mail))
    for key, item, after in wanted:
        if after > limit:
            what = (
                f"nobody is notified: the job is put on hold after {limit} failed runs in a row, before the {after}th"
            )
            hint = f"write {limit} or less here, or hold: {{after_failures: {after}}}"
            yield Remark(kind=NOTIFY, key=key, item=item, what=what, hint=hint)
