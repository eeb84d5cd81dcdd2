"""`run-job --list-jobs` and `run-job --status`: what is there, what runs, what each job did last."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from process_control.cli.print.output import print_line
from process_control.cli.print.plain import clean, print_tabbed
from process_control.cli.run_job.options import Options
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.notify.message import escape_controls
from process_control.state.block import Block, read_block, runner_is_alive

_RUN_IN_JSON = (
    *("run_id", "job", "trigger", "scheduled_at", "started_at"),
    *("pid", "outcome", "reason", "exit_code", "signal", "log"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the list: a job or an invalid file, and the block of the run that goes on."""

    job: Job | InvalidJob
    running: Block | None

    @property
    def fault(self) -> str | None:
        return None if isinstance(self.job, Job) else on_one_line(str(self.job.error))

    @property
    def state(self) -> str:
        if isinstance(self.job, InvalidJob):
            return "invalid"
        return "running" if self.running else "disabled" if self.job.disabled else "idle"


def list_jobs(settings: Settings, word: str | None, *, as_json: bool) -> int:
    """List all jobs, or those that the word names; one bad file never hides the others; exit 0."""
    jobs = _named(settings, word)
    if as_json:
        return _print_as_json(settings, jobs, only_running=False)
    rows = [Listed(job=job, running=running_block(settings, job.slug)) for job in jobs]
    if sys.stdout.isatty():
        _print_job_table(rows)
    else:
        for row in rows:
            print_line(_as_line(row))
    return 0


def _named(settings: Settings, word: str | None) -> list[Job | InvalidJob]:
    """Return all jobs, or those that the word names: a slug, a glob, tag:NAME. Raises JobNotFound (66)."""
    if word is None:
        return load_all(settings)
    from process_control.cli.session import select_jobs

    return select_jobs(settings, [word])


def _as_line(row: Listed) -> str:
    name = row.job.name if isinstance(row.job, Job) else f"invalid: {row.fault}"
    state = f"\t{{pid: {row.running['pid']}, status: running}}" if row.running else ""
    return f"{clean(row.job.slug)} - {clean(name)}{state}"


def _print_job_table(rows: list[Listed]) -> None:
    from process_control.cli.run_job.tables import print_jobs_table

    print_jobs_table([(row, _warnings(row.job)) for row in rows])


def _warnings(job: Job | InvalidJob) -> list[str]:
    """Return what a person should know of a file that loads: its hard tabs. A run never says it."""
    from process_control.config.yaml.document import parse
    from process_control.system.plain_file import open_plain

    try:
        with open_plain(job.path) as file:
            source = file.read()
    except OSError:
        return []
    if b"\t" not in source:
        return []
    return [on_one_line(escape_controls(str(warning))) for warning in parse(source, f"{job.slug}.yaml").warnings()]


def running_block(settings: Settings, slug: str) -> Block | None:
    """Return the block of the run that goes on, or None."""
    block = read_block(settings.state_directory, slug)
    return block if block is not None and block.get("end") is None and runner_is_alive(block) else None


def show_status(settings: Settings, options: Options) -> int:
    """Show what each job (or those named) did last. Raises JobNotFound (66)."""
    jobs = _named(settings, options.job)
    if options.json:
        return _print_as_json(settings, jobs, only_running=options.only_running)
    rows = [(job.slug, *_last_of(settings, job)) for job in jobs]
    if options.only_running:
        rows = [row for row in rows if row[1] == "running"]
    if sys.stdout.isatty():
        from process_control.cli.run_job.tables import print_status_table

        print_status_table(rows)
    else:
        for slug, state, told in rows:
            print_tabbed([slug, state, told])
    return 0


def _print_as_json(settings: Settings, jobs: Sequence[Job | InvalidJob], *, only_running: bool) -> int:
    """Print the jobs as `process-control list --json` does."""
    from datetime import UTC, datetime

    from process_control.cli.history_index import open_index
    from process_control.cli.verbs.status import print_jobs
    from process_control.config.cache.next_slots import KnownSchedules
    from process_control.views.status import read_statuses

    with open_index(settings.state_directory) as index:
        statuses = read_statuses(settings, jobs, index)
    schedules = KnownSchedules(settings, datetime.now(UTC))
    print_jobs([status for status in statuses if status.running is not None or not only_running], schedules)
    return 0


def _last_of(settings: Settings, job: Job | InvalidJob) -> tuple[str, str]:
    """Return (state, in words) of what the job did last, as its block tells."""
    if isinstance(job, InvalidJob):
        return "invalid", on_one_line(str(job.error))
    block = read_block(settings.state_directory, job.slug)
    if block is None:
        return "never ran", ""
    end = block.get("end")
    if isinstance(end, dict):
        told = f"{end.get('detail') or end.get('reason') or ''}".strip()
        return str(end.get("outcome")), f"{end.get('at')}{', ' + told if told else ''}"
    if runner_is_alive(block):
        return "running", f"pid {block['pid']} since {block['started_at']}, run {block['run_id']}"
    return "lost", f"run {block['run_id']} of {block['started_at']} has no end and no runner"


def run_as_json(block: Block) -> dict[str, object]:
    """Return a run as page 4 of the manual has it in JSON."""
    names = [
        "run_id",
        "job",
        "trigger",
        "scheduled_at",
        "started_at",
        "pid",
        "outcome",
        "reason",
        "exit_code",
        "signal",
        "log",
    ]
    return {name: block.get(name) for name in names} | {"ended_at": block.get("at")}


def on_one_line(text: str) -> str:
    return text.replace("\n  hint: ", "; ").replace("\n", " | ")
