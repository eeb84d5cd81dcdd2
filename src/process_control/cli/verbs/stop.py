"""`stop`: end the runs of jobs."""

from collections.abc import Sequence

import click

from process_control.actions import stop as action
from process_control.cli.chosen import agree, become_whoever_may, changes_jobs, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.cli.verbs.fleet_by_hand import stop_in_fleet
from process_control.config.settings import Settings
from process_control.core.job import is_slug
from process_control.state.all_jobs import live_block
from process_control.state.block import Identity
from process_control.views.selected_jobs import select_with_ad_hoc


@verb(
    "stop",
    epilog=(
        f"{JOBS_HELP} In a pipe, separated by tabs: job, stopped or not, run id, words. Exit code 0: stopped; 1: "
        "nothing was running, or something could not be ended."
    ),
)
@changes_jobs
@click.option("--fleet", "in_fleet", is_flag=True, help="On whatever host of the fleet they run.")
def stop(
    session: Session,
    jobs: Sequence[str],
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    in_fleet: bool,
) -> int:
    """Stop the runs of jobs: TERM to the whole tree, kill_grace, KILL; they are gone when this returns."""
    if in_fleet:
        done = stop_in_fleet(session, jobs, note=note, yes=yes, dry_run=dry_run, as_json=as_json)
        return done if isinstance(done, int) else _print_stopped(done, as_json=as_json)
    identity = Identity()
    actor = become_whoever_may(session, "stop")
    slugs = _chosen(actor.settings, jobs)
    running = [slug for slug in slugs if live_block(actor.settings.state_directory, slug) is not None]
    if dry_run and as_json:
        return print_dry_run("stop", running)
    if dry_run and not running:
        talk(f"dry run: nothing to stop, {_none_runs(len(slugs))}")
        return 1
    if running and not agree("stop", running, yes=yes, dry_run=dry_run):
        return 0
    stopped = action.stop(actor.settings, slugs, identity, by=actor.by, note=note, progress=talk)
    return _print_stopped(stopped, as_json=as_json)


def _chosen(settings: Settings, words: Sequence[str]) -> list[str]:
    """Return the slugs that the words name. The run of a job whose file is gone is named by its slug."""
    running = [word for word in words if is_slug(word) and action.has_something_to_stop(settings, word)]
    others = [word for word in words if word not in running]
    found = [job.slug for job in select_with_ad_hoc(settings, others)] if others else []
    return list(dict.fromkeys([*running, *found]))


def _print_stopped(stopped: Sequence[action.Stopped], *, as_json: bool) -> int:
    """Print what came of it, and return the exit code."""
    _print(stopped, as_json=as_json)
    if any(each.left for each in stopped):
        return 1
    return 0 if any(each.is_stopped for each in stopped) else 1


def _print(stopped: Sequence[action.Stopped], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in stopped]})
        return
    if not is_terminal():
        for each in stopped:
            print_tabbed([each.slug, each.done, each.run_id, each.words])
        return
    shown = [each for each in stopped if each.is_stopped or each.left or len(stopped) == 1]
    for each in shown:
        talk(f"{each.slug}: {each.words}")
    if len(stopped) > len(shown):
        others = len(stopped) - len(shown)
        talk(f"{others:,} others were not running" if shown else _none_runs(others))


def _none_runs(count: int) -> str:
    return "the job is not running" if count == 1 else f"none of the {count:,} jobs is running"
