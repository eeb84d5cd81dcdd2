"""Who is notified about a job: interim."""

from process_control.config.failmail import failmail_of
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.recipient import Recipient


def recipients_of(job: Job | None, settings: Settings) -> list[Recipient]:
    failmail = failmail_of(job, settings)
    if failmail is None:
        return []
    after = 1 if job is None else job.failure_threshold_for_mail
    return [Recipient(url=f"mailto:{','.join(failmail.to_addresses)}", after=after)]


def global_recipients(settings: Settings) -> list[Recipient]:
    return recipients_of(None, settings)
