"""How the jobs of this host stand: read, and printed as JSON, for a pipe or on the terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from process_control.cli.history_index import open_index, report_garbled
from process_control.cli.print.error_output import talk_of_trouble
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, marks, print_header, print_tabbed
from process_control.cli.session import Session
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.in_charge import InCharge
from process_control.core.job import Job
from process_control.crontab.in_charge import in_charge
from process_control.crontab.left_out import left_out, left_out_in_words
from process_control.crontab.troubles_of_all import troubles_of_all
from process_control.history.index.index import Garbled
from process_control.views.in_charge import lag_in_words, lag_of_the_scheduler
from process_control.views.job_status import JobStatus
from process_control.views.selected_jobs import select_with_ad_hoc
from process_control.views.status import only_failed, read_statuses


def show_here(
    session: Session,
    jobs: Sequence[str],
    *,
    show_all: bool,
    failed: bool,
    heading: str,
    as_json: bool,
    columns: Sequence[str],
) -> None:
    """Print how the jobs stand; in a pipe below a line of the `columns`, if there are any."""
    if heading:
        talk(heading)
    settings = session.settings("status")
    schedules = KnownSchedules(settings, datetime.now(UTC))
    chosen = select_with_ad_hoc(settings, jobs)
    statuses, garbled = read(settings, chosen, schedules)
    charge = in_charge(settings) if as_json or not jobs else None
    of_all = [] if jobs else troubles_of_all(settings, chosen, statuses, charge)
    of_all += left_out_in_words(left_out(settings, chosen, statuses))
    if failed:
        statuses = only_failed(statuses)
    if as_json:
        print_jobs(statuses, schedules, alerts=of_all, charge=charge)
        schedules.keep()
        return
    for trouble in of_all:
        talk_of_trouble(trouble)
    if not is_terminal():
        print_header(columns, wanted=bool(columns))
        _print_statuses(statuses, schedules)
    elif len(statuses) == 1 and jobs:
        from process_control.cli.verbs.status_of_one import show_one_job

        show_one_job(settings, statuses[0], schedules)
    else:
        from process_control.cli.verbs.jobs_screen import show_all_jobs
        from process_control.views.open_incidents import count_in_words

        lag = None if charge is None else lag_of_the_scheduler(settings.state_directory, charge)
        if lag is not None:
            talk(f"the scheduler starts the jobs: {lag_in_words(lag)}")
        known = None if jobs else count_in_words(settings.state_directory)
        if known is not None:
            talk(known)
        besides = [*of_all, *([known] if known else []), *(each.file for each in garbled)]
        show_all_jobs(statuses, schedules, show_all=show_all, besides=besides)
    schedules.keep()
    report_garbled(settings, garbled)


def read(
    settings: Settings, jobs: Sequence[Job | InvalidJob], schedules: KnownSchedules
) -> tuple[list[JobStatus], list[Garbled]]:
    with open_index(settings.state_directory) as index:
        return read_statuses(settings, jobs, index, schedules), index.garbled()


def print_jobs(
    statuses: Sequence[JobStatus],
    schedules: KnownSchedules,
    *,
    alerts: list[str] | None = None,
    charge: InCharge | None = None,
) -> None:
    """Print the jobs as JSON, in the one form that every command uses. `alerts` are about no single job."""
    of_all: dict[str, object] = {} if alerts is None else {"alerts": alerts}
    if charge is not None:
        of_all["in_charge"] = charge.to_json()
    print_json({**of_all, "jobs": [status.to_json(schedules) for status in statuses]})


def _print_statuses(statuses: Sequence[JobStatus], schedules: KnownSchedules) -> None:
    for status in statuses:
        slot = status.next_slot(schedules)
        last = status.last
        print_tabbed(
            [
                status.slug,
                status.state,
                _utc(slot) if slot else None,
                last.outcome if last else None,
                last.reason if last else None,
                last.started_at if last else None,
                last.duration_seconds if last else None,
                status.median_seconds,
                marks(status.recent),
                fault_on_one_line(status) if status.state == "invalid" else _why(status),
            ]
        )


def _utc(slot: datetime) -> str:
    return f"{slot.replace(tzinfo=None).isoformat()}.000Z"  # strftime takes three times as long


def _why(status: JobStatus) -> str | None:
    """Return the reason for the state, what else needs a look, and until when nobody is notified."""
    silenced = [f"silenced until {status.silenced_until}"] if status.silenced_until is not None else []
    return "; ".join([*([status.why] if status.why else []), *status.alerts, *silenced]) or None


def fault_on_one_line(status: JobStatus) -> str:
    """Return the faults of an invalid file on one line."""
    return " | ".join((status.why or "").replace("\n  hint: ", "; ").split("\n"))
