"""Checks for processes of runs that have ended: what a run left behind, and what carries its id."""

from collections import defaultdict
from collections.abc import Iterable

from process_control.core.job import Job
from process_control.execution import cgroup, groups_of_runs
from process_control.history.index.past_run import Run
from process_control.state.all_jobs import live_blocks
from process_control.state.block import Block, read_block
from process_control.state.past_runs import open_index
from process_control.state.secrets_of_run import describe_survivors
from process_control.system import proc
from process_control.system.ask import NoAnswer, ask
from process_control.views.doctor.finding import BAD, WARN, Finding, found_or_fine, not_checked
from process_control.views.doctor.look import Look

CHECK = "orphans"
LOOK_SECONDS = 10.0
MAX_NAMED = 5


def check(look: Look) -> list[Finding]:
    """Return the processes that survived their runs, by the run's control group and by its id."""
    state = look.settings.state_directory
    jobs = {job.slug: job for job in look.valid_jobs}
    try:
        by_run = _carriers()
    except (NoAnswer, OSError) as error:
        return not_checked(CHECK, f"the environments of processes cannot be read: {error}")
    live = {str(block.get("run_id")) for block in live_blocks(state)}
    blocks = {str(block.get("run_id")): block for block in _blocks(state, jobs)}
    for run_id, block in blocks.items():
        if cgroup.is_ours(block.get("cgroup")):
            by_run[run_id] += groups_of_runs.processes(str(block["cgroup"]))
    wanted = [run_id for run_id, pids in by_run.items() if pids and run_id not in live]
    with open_index(state) as index:
        runs = index.runs_by_id(wanted)
    found = [
        _finding(runs[run_id], blocks.get(run_id), sorted(set(by_run[run_id])), jobs.get(runs[run_id].job), state)
        for run_id in wanted
        if run_id in runs and runs[run_id].outcome is not None
    ]
    return found_or_fine([each for each in found if each], CHECK, "no process of a run that has ended is alive")


def _carriers() -> dict[str, list[int]]:
    """Return the pids of the living processes that carry the id of a run, of our account or root's."""
    candidates = proc.may_be_of_run(None)
    found: defaultdict[str, list[int]] = defaultdict(list)
    for pid, run_id in ask(lambda: _pairs(candidates), seconds=LOOK_SECONDS):
        found[run_id].append(pid)
    return found


def _pairs(candidates: Iterable[int]) -> list[list[object]]:
    pairs = ((pid, proc.environment_value(pid, proc.RUN_ID_VARIABLE)) for pid in candidates)
    return [[pid, run_id.decode("ascii", "replace")] for pid, run_id in pairs if run_id]


def _blocks(state: str, jobs: Iterable[str]) -> list[Block]:
    blocks = [read_block(state, slug) for slug in jobs]
    return [block for block in blocks if block is not None]


def _finding(run: Run, block: Block | None, pids: list[int], job: Job | None, state: str) -> Finding | None:
    if job is not None and job.leftovers == "keep":
        return None
    about = block or {"run_id": run.run_id, "started_at": run.started_at, "job": run.job}
    named = ", ".join(describe_survivors(state, about, job, pids[:MAX_NAMED]))
    stuck = [f"pid {pid} {proc.state_in_words(pid)}" for pid in pids[:MAX_NAMED] if _is_stuck(pid)]
    more = f" and {len(pids) - MAX_NAMED} more" if len(pids) > MAX_NAMED else ""
    words = f"; {'; '.join(stuck)}" if stuck else ""
    what = f"{run.job}: run {run.run_id} has ended, and these processes of it live: {named}{more}{words}"
    if block is None:  # not its last run: nothing of the job knows of them any more
        return Finding(check=CHECK, state=WARN, what=what, remedy=f"kill {' '.join(map(str, pids))}")
    return Finding(check=CHECK, state=BAD, what=what, remedy=f"run-job --kill-job {run.job}")


def _is_stuck(pid: int) -> bool:
    return proc.stat_fields(pid)[:1] in ([b"D"], [b"T"], [b"t"])
