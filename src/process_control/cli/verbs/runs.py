"""`run`, `stop` and `wait`: start, end and await the runs of jobs, one or many."""

import os
import select
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from process_control.actions.start import Launched, follow, launch
from process_control.actions.stop import Stopped, Stopping, ask_to_stop, wait_until_stopped
from process_control.cli.chosen import agree, become_whoever_may, changes_jobs, choose, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, select_jobs, verb
from process_control.config.keys.kinds import seconds_of
from process_control.core.job import is_slug
from process_control.core.why import outcome_of_record
from process_control.errors import ProcessControlError, UsageError
from process_control.state.block import Block, Identity, read_block, runner_is_alive
from process_control.system.account import check_allowed
from process_control.system.as_account import ask_as

LOOK_AGAIN_SECONDS = 0.5


# --- run -------------------------------------------------------------------------------------------------------------


@verb(
    "run",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, run id, what hindered it. Exit code 0: all were started. One "
        "job that was not: the exit code of run-job (75: it runs already, or is held); of several: 1. With --follow: "
        "that of run-job."
    ),
)
@changes_jobs
@click.option("--follow", "-f", is_flag=True, help="Stay, show its output, and end as it ends: one job only.")
@click.option(
    "--show", "shown", flag_value="--show", help="With --follow: show the output, which it does without this too."
)
@click.option("--quiet", "shown", flag_value="--quiet", help="With --follow: show only the report of a failed run.")
@click.option("--slow-start", is_flag=True, help="With the small-dose command.")
@click.option("--force", is_flag=True, help="Though the job is held; in full though it is in slow start.")
def run(
    session: Session,
    jobs: Sequence[str],
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    follow: bool,
    shown: str | None,
    slow_start: bool,
    force: bool,
) -> int:
    """Start jobs now and return at once, with the ids of their runs. They go on when this terminal is closed."""
    if shown and not follow:
        raise UsageError(f"{shown} goes with --follow", mend="process-control run --help")
    settings = session.load()
    account = check_allowed(settings.user, words="process-control run", where=settings.path or "")
    slugs = ask_as(account, lambda: [job.slug for job in select_jobs(settings, jobs)])
    slugs = [slug for slug in slugs if isinstance(slug, str) and is_slug(slug)]
    if follow and len(slugs) > 1:
        raise UsageError(
            f"--follow takes one job, not {len(slugs)}", mend="without it; then: process-control wait JOB..."
        )
    if dry_run and as_json:
        return print_dry_run("run", slugs)
    if not agree("run", slugs, yes=yes, dry_run=dry_run):
        return 0
    flags = ["--config", session.config] if session.config else []
    flags += [flag for flag, is_set in (("--slow-start", slow_start), ("--force", force)) if is_set]
    flags += ["--note", note] if note else []
    if follow:  # who stays wants to see it, in a pipe too
        session.paths.forget()  # a run keeps its own limits
        return _follow(slugs[0], [*flags, shown or "--show"])
    launched = launch(slugs, flags, account, settings.state_directory)
    _print_launched(launched, as_json=as_json)
    refused = [each for each in launched if each.exit_code is not None]
    if not refused:
        return 0
    return refused[0].exit_code or 1 if len(launched) == 1 else 1


def _follow(slug: str, flags: Sequence[str]) -> int:
    sys.stdout.flush()
    return follow(slug, flags)


def _print_launched(launched: Sequence[Launched], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in launched], "started": [each.old_json() for each in launched]})
        return
    for each in launched:
        if not is_terminal():
            print_tabbed([each.slug, each.run_id, each.why])
        elif each.run_id is not None:
            print_tabbed([f"{each.slug}: run {each.run_id}"])
        if each.why and is_terminal():
            talk(each.why)


# --- stop ------------------------------------------------------------------------------------------------------------


@verb(
    "stop",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, stopped or not, run id, words. Exit code 0: stopped; 1: "
        "nothing was running, or something could not be ended."
    ),
)
@changes_jobs
def stop(session: Session, jobs: Sequence[str], note: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Stop the runs of jobs: TERM to the whole tree, kill_grace, KILL; they are gone when this returns."""
    identity = Identity()
    asked = become_whoever_may(session, "stop")
    slugs = [job.slug for job in choose(asked.settings, jobs)]
    running = [each.slug for each in _live_runs(asked.settings.state_directory, slugs)]
    if dry_run and as_json:
        return print_dry_run("stop", running)
    if dry_run and not running:
        talk(f"dry run: nothing to stop, {_none_runs(len(slugs))}")
        return 1
    if running and not agree("stop", running, yes=yes, dry_run=dry_run):
        return 0
    stopping = [ask_to_stop(asked.settings, slug, identity, by=asked.by, note=note) for slug in slugs]
    stopped = [wait_until_stopped(each) if isinstance(each, Stopping) else each for each in stopping]
    _print_stopped(stopped, as_json=as_json)
    if any(each.left for each in stopped):
        return 1
    return 0 if any(each.is_stopped for each in stopped) else 1


def _print_stopped(stopped: Sequence[Stopped], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "jobs": [
                    {
                        "job": each.slug,
                        "done": "stopped" if each.is_stopped else "not stopped",
                        "changed": each.is_stopped,
                        "run_id": each.run_id,
                        "why": each.words,
                        "left": list(each.left),
                        "stopped": each.is_stopped,  # these two names until 1.0
                        "words": each.words,
                    }
                    for each in stopped
                ]
            }
        )
        return
    if not is_terminal():
        for each in stopped:
            print_tabbed([each.slug, "stopped" if each.is_stopped else "not stopped", each.run_id, each.words])
        return
    shown = [each for each in stopped if each.is_stopped or each.left or len(stopped) == 1]
    for each in shown:
        talk(f"{each.slug}: {each.words}")
    if len(stopped) > len(shown):
        others = len(stopped) - len(shown)
        talk(f"{others:,} others were not running" if shown else _none_runs(others))


def _none_runs(count: int) -> str:
    return "it is not running" if count == 1 else f"none of the {count:,} jobs is running"


# --- wait ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Awaited:
    """A run that goes on: its block, and a pidfd of its runner (None: it cannot be seen from here)."""

    slug: str
    block: Block
    handle: int | None


@verb(
    "wait",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, run id, outcome and why. Exit code 0: they have ended, "
        "however; 1: --timeout was over before."
    ),
)
@click.argument("jobs", nargs=-1, required=True, metavar="JOB...")
@click.option("--timeout", metavar="TIME", help="At most so long: 90s, 10m, 2h.")
@click.option("--json", "as_json", is_flag=True, help="The runs that were waited for, as JSON.")
def wait(session: Session, jobs: Sequence[str], timeout: str | None, as_json: bool) -> int:
    """Wait until the runs of jobs have ended, and tell how. Of a job that runs no more: how its last run ended."""
    seconds = None if timeout is None else seconds_of(timeout)
    if timeout is not None and seconds is None:
        raise UsageError(f"--timeout {timeout}: not a time", mend="90s, 10m, 2h, 1d")
    settings = session.settings("wait")
    limit = None if seconds is None else time.monotonic() + seconds
    slugs = [job.slug for job in select_jobs(settings, jobs)]
    awaited = _runs_of(settings.state_directory, slugs, named=frozenset(jobs))
    late = [each for each in awaited if not _ended(each, settings.state_directory, limit)]
    _print_awaited(awaited, settings.state_directory, as_json=as_json)
    return 1 if late else 0


def _live_runs(state_directory: str, slugs: Sequence[str]) -> list[Awaited]:
    """Return the runs that go on; no handle is opened."""
    return _runs_of(state_directory, slugs, named=frozenset(), watch=False)


def _runs_of(state_directory: str, slugs: Sequence[str], *, named: frozenset[str], watch: bool = True) -> list[Awaited]:
    """Return the runs that go on; of jobs that are named by their slug also the last run, when it has ended already.

    So a script learns the result of what it has started, however short that was. Without `watch` no handle is opened.
    """
    found = []
    for slug in slugs:
        block = read_block(state_directory, slug)
        if block is None:
            continue
        lives = block.get("end") is None and runner_is_alive(block)
        if lives or slug in named:
            found.append(Awaited(slug, block, _handle_of(block) if lives and watch else None))
    return found


def _handle_of(block: Block) -> int | None:
    """Return a pidfd of the runner, None when the pid is another process here (a container shares the state)."""
    from process_control.execution.stop import open_runner

    identity = Identity()
    return open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)


def _ended(awaited: Awaited, state_directory: str, limit: float | None) -> bool:
    """Wait for one run; return False when the time was over before."""
    while True:
        left = None if limit is None else max(0.0, limit - time.monotonic())
        if awaited.handle is not None:
            gone = bool(select.select([awaited.handle], [], [], left)[0])
            os.close(awaited.handle)
            awaited.handle = None
            return gone
        block = read_block(state_directory, awaited.slug)
        if block is None or block.get("run_id") != awaited.block["run_id"] or block.get("end") is not None:
            return True
        if not runner_is_alive(block):
            return True
        if left is not None and left <= 0:
            return False
        select.select([], [], [], LOOK_AGAIN_SECONDS if left is None else min(left, LOOK_AGAIN_SECONDS))


def _print_awaited(awaited: Sequence[Awaited], state_directory: str, *, as_json: bool) -> None:
    rows = [(each.slug, str(each.block["run_id"]), _end_of(each, state_directory)) for each in awaited]
    if as_json:
        print_json({"runs": [_as_json(each, end) for each, (_, _, end) in zip(awaited, rows, strict=True)]})
        return
    for slug, run_id, end in rows:
        words = outcome_of_record(end) if end.get("outcome") else "still running"
        if is_terminal():
            talk(f"{slug}: {words} (run {run_id})")
        else:
            print_tabbed([slug, run_id, words])
    if not rows and is_terminal():
        talk("nothing is running")


def _as_json(awaited: Awaited, end: dict[str, object]) -> dict[str, object]:
    block = awaited.block
    start = {name: block.get(name) for name in ("run_id", "job", "trigger", "scheduled_at", "started_at")}
    names = ("outcome", "reason", "detail", "exit_code", "signal")
    return start | {"ended_at": end.get("ended_at") or end.get("at")} | {name: end.get(name) for name in names}


def _end_of(awaited: Awaited, state_directory: str) -> dict[str, object]:
    """Return the end of the run, empty while it goes on: from the block, or when that has moved on, the history."""
    block = read_block(state_directory, awaited.slug) or {}
    end = block.get("end")
    if block.get("run_id") == awaited.block["run_id"] and isinstance(end, dict):
        return end
    from process_control.state.past_runs import open_index

    try:
        with open_index(state_directory) as index:
            run = index.runs_by_id([str(awaited.block["run_id"])]).get(str(awaited.block["run_id"]))
    except (OSError, ProcessControlError):
        return {}
    return run.to_json() if run is not None and run.outcome is not None else {}
