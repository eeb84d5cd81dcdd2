"""`plan`: what a change in git of the job directory changes in what runs."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import NO_HEADER_HELP, is_terminal, print_header, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.core.schedule.plan_change import FAR_SECONDS
from process_control.errors import FINE, NO, UsageError
from process_control.system.revision import Revision, revisions_of
from process_control.views.expected import in_words
from process_control.views.plan import JobChange, PlannedChange, planned_change
from process_control.views.plan_in_words import remarks, schedules
from process_control.views.plan_json import to_json
from process_control.views.replay import replay_in_words, replays
from process_control.views.revision_jobs import jobs_at
from process_control.views.time_words import moment_of_flag
from process_control.views.usual_durations import usual_durations

DAY_SECONDS = 86400
MAX_DAYS = FAR_SECONDS // DAY_SECONDS
COLUMNS = ("what", "job", "before", "after")


@verb(
    "plan",
    epilog="Exit code 0: the same planned times as before; 1: some are added or removed. In a pipe, separated by "
    f"tabs, below a line of their names: {', '.join(COLUMNS)}.",
)
@click.argument("revisions", required=False, metavar="[REV..REV|REV]")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), default=7, show_default=True, help="How far to look ahead.")
@click.option("--replay", metavar="TIME", help="Judge the runs since then by the changed rules: 90d, a date.")
@click.option("--markdown", is_flag=True, help="Print it as a comment for a review.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "jobs": [...], "expected": [...], ...}')
@click.option("--no-header", is_flag=True, help=NO_HEADER_HELP)
@paged
def plan(session: Session, revisions: str | None, markdown: bool, as_json: bool, no_header: bool, **how: Any) -> int:
    """Show what a change in git changes: planned times, settings, jobs at once, overlaps to be expected.

    REV..REV compares two commits, REV a commit with the files as they are; without it that commit is HEAD.
    """
    if markdown and as_json:
        raise UsageError("--markdown and --json do not go together")
    now = datetime.now(UTC).replace(microsecond=0)
    settings = session.settings("plan")
    before, after = revisions_of(settings.job_directory, revisions)
    change = _change(settings, before, after, now, **how)
    if as_json:
        print_json(to_json(change, before, after))
    elif markdown:
        from process_control.cli.verbs.plan_markdown import comment

        print_line(comment(change, before, after, now))
    elif is_terminal():
        from process_control.cli.verbs.plan_screen import show_plan

        show_plan(change, before, after, now)
    else:
        print_header(COLUMNS, wanted=not no_header)
        for row in _rows(change, now):
            print_tabbed(row)
    return NO if change.fires_differently else FINE


def _change(
    settings: Settings, before: Revision, after: Revision | None, now: datetime, *, days: int, replay: str | None
) -> PlannedChange:
    since = None if replay is None else moment_of_flag("--replay", replay, now)
    present = load_all(settings)
    old = jobs_at(settings, before, present)
    new = present if after is None else jobs_at(settings, after, [*present, *old])
    begin = int(now.timestamp())
    with open_index(settings.state_directory) as index:
        usual = usual_durations(index, {job.slug for job in (*old, *new)})
        change = planned_change(settings, old, new, usual, begin=begin, end=begin + days * DAY_SECONDS)
        again = None if since is None else replays(old, new, settings, index, since=since)
    return dataclasses.replace(change, replays=again)


def _rows(change: PlannedChange, now: datetime) -> Iterator[tuple[object, ...]]:
    for each in change.jobs:
        yield from _rows_of_job(each)
    for old, new in change.renamed:
        yield "renamed", new, old, new
    before, after = change.before.peak, change.after.peak
    yield "peak", None, before.jobs if before else 0, after.jobs if after else 0
    for expected in change.gone:
        yield "expected", None, in_words(expected, now), None
    for expected in change.new:
        yield "expected", None, None, in_words(expected, now)
    for found in change.replays or ():
        for sentence in replay_in_words(found):
            yield "replay", found.job, None, sentence


def _rows_of_job(each: JobChange) -> Iterator[tuple[object, ...]]:
    yield each.change, each.job, *schedules(each)
    for key in each.keys:
        yield key.key, each.job, key.before, key.after
    if each.slots.first is not None:
        yield "planned times", each.job, -len(each.slots.removed), len(each.slots.added)
    for remark in remarks(each):
        yield "remark", each.job, None, remark
