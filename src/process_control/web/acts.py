"""What people do by the page and the API: each verb calls the action of the same name, as the caller."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from process_control.actions import acknowledge as acknowledge_action
from process_control.actions import hold as hold_action
from process_control.actions import pause as pause_action
from process_control.actions import release as release_action
from process_control.actions import silence as silence_action
from process_control.actions import stop as stop_action
from process_control.actions.start import How, Started, start
from process_control.config.all_jobs import load_all
from process_control.config.keys.number_kinds import seconds_of
from process_control.config.settings import Settings
from process_control.core.facts import one_line
from process_control.errors import NotStarted, UsageError
from process_control.notify.incident_json import incident_json
from process_control.scheduler.starts_by_hand import start_through_the_scheduler
from process_control.state.past_runs import open_index
from process_control.system.account import account_of
from process_control.views.selected_jobs import select_jobs, select_with_ad_hoc
from process_control.views.slot_words import account_named, named_time
from process_control.views.slots import Ledger
from process_control.web.access.caller import Caller
from process_control.web.answers import incident
from process_control.web.site import Site, now

RUN, STOP, HOLD, RELEASE, PAUSE, SILENCE = VERBS = ("run", "stop", "hold", "release", "pause", "silence")

NO_SCHEDULER = "no scheduler runs, and this page starts no job itself"
_NOT_STARTED = NotStarted.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for, besides the jobs."""

    note: str | None = None
    #: Of a pause or a silence.
    seconds: float = 0.0
    slow_start: bool = False
    force: bool = False
    #: The past planned time that a run is for, as it was typed.
    slot: str | None = None

    @classmethod
    def of(cls, verb: str, given: Mapping[str, Any]) -> "Wish":
        """Return the wish in a form or in a JSON body. Raises UsageError (2)."""
        word, slot = given.get("for"), given.get("slot")
        seconds = seconds_of(str(word)) if word not in (None, "") else None
        if verb in (PAUSE, SILENCE) and not seconds:
            raise UsageError(f"for: not a time above 0: {word!s}", hint="90s, 10m, 2h, 1d")
        note = given.get("note")
        return cls(
            note=one_line(str(note)) if note else None,
            seconds=seconds or 0.0,
            slow_start=_is_yes(given.get("slow_start")),
            force=_is_yes(given.get("force")),
            slot=str(slot) if slot else None,
        )


def act(site: Site, caller: Caller, verb: str, words: Sequence[str], wish: Wish) -> list[dict[str, Any]]:
    """Do it; return the result for each job, as `--json` has it.

    Raises NotPermitted (77), UsageError (2), JobNotFound (66), CannotRecord (74).
    """
    if verb not in VERBS:
        raise UsageError(f"no such act: {verb}", hint=", ".join(VERBS))
    if not words:
        raise UsageError("no job is chosen")
    actor = site.actor(caller)
    if verb == STOP:
        slugs = [job.slug for job in select_with_ad_hoc(site.settings, words)]
        done = stop_action.stop(site.settings, slugs, site.identity, by=actor.by, note=wish.note)
        return [each.to_json() for each in done]
    jobs = select_jobs(site.settings, words)
    if verb == RUN:
        return [each.to_json() for each in run(site, caller, [job.slug for job in jobs], wish)]
    if verb == SILENCE:
        slugs = [job.slug for job in jobs]
        silenced = silence_action.silence(actor, jobs=slugs, tags=[], seconds=wish.seconds, note=wish.note)
        return [each.to_json("silenced") for each in silenced]
    changed = {
        HOLD: lambda: hold_action.hold(actor, jobs, note=wish.note),
        RELEASE: lambda: release_action.release(actor, jobs, note=wish.note),
        PAUSE: lambda: pause_action.pause(actor, jobs, seconds=wish.seconds, note=wish.note),
    }[verb]()
    return [each.to_json() for each in changed]


def run(site: Site, caller: Caller, slugs: Sequence[str], wish: Wish) -> list[Started]:
    """Start runs: through the scheduler where one is alive, else beside this process.

    Raises JobNotFound (66) for a time that was not planned, UsageError (2), NotStarted (75).
    """
    account = account_of(os.geteuid())
    found: dict[str, Started] = {}
    for slot, some in _by_slot(site.settings, slugs, wish.slot).items():
        how = How(
            slow_start=wish.slow_start,
            force=wish.force,
            slot=slot,
            note=wish.note,
            config=site.config,
            by=caller.by,
        )
        started = start_through_the_scheduler(site.settings, some, account, how)
        taken = {each.slug for each in started}
        left = [slug for slug in some if slug not in taken]
        if left and site.starts_nothing:
            if not found and not started:
                raise NotStarted(NO_SCHEDULER, hint=site.command("run", *some, *_flags(wish)))
            started += [Started(slug=slug, run_id=None, why=NO_SCHEDULER, exit_code=_NOT_STARTED) for slug in left]
        elif left:
            started += start(site.settings, left, account, how)
        found |= {each.slug: each for each in started}
    return [found[slug] for slug in slugs]


def _by_slot(settings: Settings, slugs: Sequence[str], word: str | None) -> dict[int | None, list[str]]:
    """Return the jobs by the planned time that a word means for each. Raises JobNotFound (66), UsageError (2)."""
    if word is None:
        return {None: list(slugs)}
    time, found = named_time("slot", word, now()), dict[int | None, list[str]]()
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, load_all(settings), index, now=now().timestamp())
        for slug in slugs:
            found.setdefault(account_named(ledger, slug, time).slot.slot, []).append(slug)
    return found


def _flags(wish: Wish) -> list[str]:
    """Return a wish as flags of `process-control run`."""
    switches = (("--slow-start", wish.slow_start), ("--force", wish.force))
    values = (("--slot", wish.slot), ("--note", wish.note))
    return [
        *[flag for flag, is_set in switches if is_set],
        *[word for flag, text in values if text is not None for word in (flag, text)],
    ]


def silence_incident(site: Site, caller: Caller, id: str, wish: Wish) -> list[dict[str, Any]]:  # noqa: A002
    """Notify nobody about the jobs of an incident for a while.

    Raises JobNotFound (66), NotPermitted (77), NotStarted (75) for one that is about no job, CannotRecord (74).
    """
    actor = site.actor(caller)
    jobs = incident(site.settings, id)[0].incident.jobs
    if not jobs:
        raise NotStarted("this incident is about no job, but about the host", hint=site.command("ack", id))
    done = silence_action.silence(actor, jobs=jobs, tags=[], seconds=wish.seconds, note=wish.note)
    return [each.to_json("silenced") for each in done]


def acknowledge(site: Site, caller: Caller, id: str, note: str | None) -> dict[str, Any]:  # noqa: A002
    """Acknowledge an incident; return it.

    Raises JobNotFound (66), NotPermitted (77), NotStarted (75) when it is over, CannotRecord (74).
    """
    actor = site.actor(caller)
    known = incident(site.settings, id)[0].incident
    if known.is_over:
        raise NotStarted(f"this incident is over since {known.closed_at}", hint=known.closed_by or "")
    return incident_json(acknowledge_action.acknowledge(actor, known.id, note=one_line(note) if note else None))


def _is_yes(value: object) -> bool:
    return value in (True, "1", "true", "on")
