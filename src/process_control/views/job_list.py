"""What `run-job --list-jobs` and `--status` show: each job by its file and its block. The history is not asked."""

from dataclasses import dataclass

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.config.yaml.document import parse
from process_control.core.job import Job
from process_control.notify.message import escape_controls
from process_control.state.all_jobs import live_block
from process_control.state.block import Block, read_block, runner_is_alive
from process_control.system.plain_file import open_plain

_RUN_IN_JSON = (
    *("run_id", "job", "trigger", "scheduled_at", "started_at"),
    *("pid", "outcome", "reason", "exit_code", "signal", "log"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the list: a job or an invalid file, and the block of the run in progress."""

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


def listed(settings: Settings, job: Job | InvalidJob) -> Listed:
    return Listed(job=job, running=live_block(settings.state_directory, job.slug))


def last_of(settings: Settings, job: Job | InvalidJob) -> tuple[str, str]:
    """Return (state, in words) of what the job did last, from its block."""
    if isinstance(job, InvalidJob):
        return "invalid", on_one_line(str(job.error))
    block = read_block(settings.state_directory, job.slug)
    if block is not None and block.get("end") is None and not runner_is_alive(block):
        block = read_block(settings.state_directory, job.slug)  # a run that ended during the first look has its end now
    if block is None:
        return "never ran", ""
    end = block.get("end")
    if isinstance(end, dict):
        why = f"{end.get('detail') or end.get('reason') or ''}".strip()
        return str(end.get("outcome")), f"{end.get('at')}{', ' + why if why else ''}"
    if runner_is_alive(block):
        return "running", f"pid {block['pid']} since {block['started_at']}, run {block['run_id']}"
    return "lost", f"run {block['run_id']} of {block['started_at']} has no end and no runner"


def warnings_of(job: Job | InvalidJob) -> list[str]:
    """Return warnings about a file that loads: its hard tabs. A run does not print them."""
    try:
        with open_plain(job.path) as file:
            source = file.read()
    except OSError:
        return []
    if b"\t" not in source:
        return []
    return [on_one_line(escape_controls(str(warning))) for warning in parse(source, f"{job.slug}.yaml").warnings()]


def run_as_json(block: Block) -> dict[str, object]:
    """Return a run with the keys that `--json` has for it."""
    return {name: block.get(name) for name in _RUN_IN_JSON} | {"ended_at": block.get("at")}


def on_one_line(text: str) -> str:
    return text.replace("\n  hint: ", "; ").replace("\n", " | ")
