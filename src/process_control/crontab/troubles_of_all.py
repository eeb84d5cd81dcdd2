"""What concerns all jobs at once: what starts them, `watch`, messages that wait."""

from collections.abc import Sequence
from datetime import UTC, datetime

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.in_charge import InCharge
from process_control.core.job import Job
from process_control.crontab.condition import troubles_of_the_trigger
from process_control.crontab.watch_line import dead_watch
from process_control.views.delivery import stuck_messages
from process_control.views.job_status import JobStatus


def troubles_of_all(
    settings: Settings,
    jobs: Sequence[Job | InvalidJob],
    statuses: Sequence[JobStatus],
    charge: InCharge | None = None,
) -> list[str]:
    """Return what is wrong with more than one job, a sentence each, with what to do. `charge`: None to look."""
    now = datetime.now(UTC).timestamp()
    stuck = stuck_messages(settings.state_directory, now)
    found = [*troubles_of_the_trigger(settings, jobs, statuses, charge), *dead_watch(settings, now)]
    return [*found, stuck.what] if stuck is not None else found
