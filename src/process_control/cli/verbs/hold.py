"""`hold`, `pause` and `release`: prevent the scheduled runs of jobs, and let them run again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from process_control.cli.chosen import Asked, agree, become_whoever_may, changes_jobs, choose, print_dry_run
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.job_directory import InvalidJob
from process_control.config.keys.kinds import seconds_of
from process_control.core.health import NO_POLICY, Cause, Event, Health, Policy, State
from process_control.core.hold_in_words import hold_for_people
from process_control.core.job import Job
from process_control.core.moments import day_and_time, parse_iso
from process_control.errors import UsageError
from process_control.notify.announce import announce
from process_control.state.after_boot import recover
from process_control.state.block import read_block, runner_is_alive
from process_control.state.health_changes import Changed, change_by_hand
from process_control.state.job_state import JobRecord
from process_control.system import proc
from process_control.system.clock import iso
from process_control.views.status import hold_as_json

OLD_NAMES = ("state", "slow_successes", "since", "by", "run_id", "release_at", "hold_kind")
"""In JSON until 1.0: `state` is `health`, the others are in `held`."""
IN_A_PIPE = "In a pipe, separated by tabs: job, what was done, state now, why."


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one job: in a word, and how it stands now."""

    slug: str
    what: str
    changed: Changed

    @property
    def health(self) -> Health:
        return self.changed.new

    def to_json(self) -> dict[str, object]:
        record = self.health.to_record()
        return {
            "job": self.slug,
            "done": self.what,
            "changed": self.changed.is_change,
            "health": self.health.state.value,
            "failures_in_row": self.health.failures_in_row,
            "held": hold_as_json(self.health),
            "why": self.health.why,
            **{name: record[name] for name in OLD_NAMES if name in record},
        }


@verb(
    "hold",
    epilog=f"{JOBS_HELP} {IN_A_PIPE} Exit code 0: the jobs are held. A run that goes on is left alone: `stop` ends it.",
)
@changes_jobs
def hold(session: Session, jobs: Sequence[str], note: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Hold jobs: no scheduled run until somebody releases them, at once, and while a run goes on too."""
    return _hold(session, jobs, verb="hold", until=None, note=note, yes=yes, dry_run=dry_run, as_json=as_json)


@verb("pause", epilog=f"{JOBS_HELP} {IN_A_PIPE} A pause never shortens a hold that has no end.")
@click.option("--for", "time_word", metavar="TIME", required=True, help="How long: 90s, 10m, 2h, 1d.")
@changes_jobs
def pause(
    session: Session,
    jobs: Sequence[str],
    time_word: str,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Hold jobs for a time: a hold that ends by itself."""
    seconds = seconds_of(time_word)
    if not seconds:
        raise UsageError(f"--for {time_word}: not a time above 0", mend="90s, 10m, 2h, 1d")
    until = iso(time.time() + seconds)
    return _hold(session, jobs, verb="pause", until=until, note=note, yes=yes, dry_run=dry_run, as_json=as_json)


@verb(
    "release",
    epilog=(
        f"{JOBS_HELP} {IN_A_PIPE} Exit code 0: released; 1: nothing was held. It ends a backoff too, and mends a "
        "health file that cannot be understood."
    ),
)
@changes_jobs
def release(session: Session, jobs: Sequence[str], note: str | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Release jobs that are held: the next runs are small doses when the job has slow_start, else full ones."""
    asked = become_whoever_may(session, "release")
    chosen = choose(asked.settings, jobs)
    if dry_run and as_json:
        return print_dry_run("release", [job.slug for job in chosen])
    if not agree("release", [job.slug for job in chosen], yes=yes, dry_run=dry_run):
        return 0
    cause = Cause(at=iso(time.time()), by=asked.who, why=note)
    done = [_step(asked, job, Event.RELEASED, cause, _released) for job in chosen]
    _print(done, as_json=as_json)
    return 0 if any(each.changed.is_change for each in done) else 1


def _hold(
    session: Session,
    words: Sequence[str],
    *,
    verb: str,
    until: str | None,
    note: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    asked = become_whoever_may(session, verb)
    chosen = choose(asked.settings, words)
    if dry_run and as_json:
        return print_dry_run(verb, [job.slug for job in chosen])
    if not agree(verb, [job.slug for job in chosen], yes=yes, dry_run=dry_run):
        return 0
    cause = Cause(at=iso(time.time()), by=asked.who, why=note, until=until)
    done = [_step(asked, job, Event.HELD_BY_HAND, cause, _held) for job in chosen]
    _print(done, as_json=as_json)
    for each in done:
        _tell_of_a_live_run(asked, each.slug)
    return 0


def _step(asked: Asked, job: Job | InvalidJob, event: Event, cause: Cause, in_a_word: Callable[[Changed], str]) -> Done:
    """Take one step of the table of health for one job. Raises CannotRecord (74)."""
    policy = Policy.of(job) if isinstance(job, Job) else NO_POLICY
    store = JobRecord(asked.settings.state_directory, job.slug)
    store.open_since_boot(proc.boot_id(), recover)
    try:
        changed = change_by_hand(store, event, cause, host=asked.host, policy=policy)
    finally:
        store.close()
    for record in changed.records:
        announce(asked.settings, record)
    return Done(slug=job.slug, what=in_a_word(changed), changed=changed)


def _held(changed: Changed) -> str:
    if changed.old.state is not State.HELD:
        return "held"
    return "held still" if changed.is_change else "was held already"


def _released(changed: Changed) -> str:
    if changed.old.state is State.HELD:
        return "released"
    return "backoff ended" if changed.is_change else "was not held"


def _tell_of_a_live_run(asked: Asked, slug: str) -> None:
    block = read_block(asked.settings.state_directory, slug)
    if block is not None and block.get("end") is None and runner_is_alive(block):
        talk(f"{slug}: run {block['run_id']} goes on; to end it: process-control stop {slug}")


# --- what is printed -------------------------------------------------------------------------------------------------


def _print(done: Sequence[Done], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in done]})
    elif is_terminal():
        for each in done:
            talk(f"{each.slug}: {_in_words(each)}")
    else:
        for each in done:
            print_tabbed([each.slug, each.what, each.health.state.value, each.health.why])


def _in_words(done: Done) -> str:
    """Return what became of one job, for a person: what it is held for, or how the next runs will be."""
    old, new, now = done.changed.old, done.health, datetime.now(UTC)
    if new.state is not State.HELD:
        slowly = "; the next runs use slow_start_command" if new.state is State.SLOW_START else ""
        return f"{done.what}{slowly}"
    until = day_and_time(parse_iso(new.release_at), now)
    note = f" (note: {new.why})" if new.why else ""
    if old.state is not State.HELD:
        return f"paused until {until}{note}" if until else f"on hold{note}"
    if not done.changed.is_change:
        already = f"already paused until {until}" if until else f"already {hold_for_people(new.to_record(), now)}"
        return f"{already}; not changed"
    if old.release_at and not new.release_at:
        return f"the pause is now a hold without end{note}"
    if old.release_at and new.release_at != old.release_at:
        return f"the pause is now until {until}{note}"
    return hold_for_people(new.to_record(), now)
