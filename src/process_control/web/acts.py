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
from process_control.actions.start import How, start
from process_control.config.job_directory import InvalidJob
from process_control.config.keys.number_kinds import seconds_of
from process_control.core.facts import one_line
from process_control.core.job import Job
from process_control.errors import NotStarted, UsageError
from process_control.notify.incident_json import incident_json
from process_control.system.account import account_of
from process_control.views.selected_jobs import select_jobs
from process_control.web.access.caller import Caller
from process_control.web.site import Site

RUN, STOP, HOLD, RELEASE, PAUSE, SILENCE = VERBS = ("run", "stop", "hold", "release", "pause", "silence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for, besides the jobs."""

    note: str | None = None
    #: Of a pause or a silence.
    seconds: float = 0.0
    slow_start: bool = False
    force: bool = False
    #: The past planned time that a run is for, in UTC seconds.
    slot: int | None = None

    @classmethod
    def of(cls, verb: str, given: Mapping[str, Any]) -> "Wish":
        """Return the wish in a form or in a JSON body. Raises UsageError (2)."""
        word = given.get("for")
        seconds = seconds_of(str(word)) if word not in (None, "") else None
        if verb in (PAUSE, SILENCE) and not seconds:
            raise UsageError(f"for: not a time above 0: {word!s}", hint="90s, 10m, 2h, 1d")
        note = given.get("note")
        return cls(
            note=one_line(str(note)) if note else None,
            seconds=seconds or 0.0,
            slow_start=_is_yes(given.get("slow_start")),
            force=_is_yes(given.get("force")),
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
    jobs = select_jobs(site.settings, words)
    if verb == RUN:
        return run(site, jobs, wish)
    if verb == STOP:
        slugs = [job.slug for job in jobs]
        done = stop_action.stop(site.settings, slugs, site.identity, by=actor.by, note=wish.note)
        return [each.to_json() for each in done]
    if verb == SILENCE:
        slugs = [job.slug for job in jobs]
        silenced = silence_action.silence(actor, jobs=slugs, tags=[], seconds=wish.seconds, note=wish.note)
        return [{"job": each.job, "done": "silenced", "changed": True, "until": each.until} for each in silenced]
    changed = {
        HOLD: lambda: hold_action.hold(actor, jobs, note=wish.note),
        RELEASE: lambda: release_action.release(actor, jobs, note=wish.note),
        PAUSE: lambda: pause_action.pause(actor, jobs, seconds=wish.seconds, note=wish.note),
    }[verb]()
    return [each.to_json() for each in changed]


def run(site: Site, jobs: Sequence[Job | InvalidJob], wish: Wish) -> list[dict[str, Any]]:
    """Start runs, through the scheduler where one is alive. Raises NotStarted (75)."""
    if site.starts_nothing:
        raise NotStarted("no scheduler runs, and this page starts no job itself", hint=site.command("run", "JOB"))
    how = How(slow_start=wish.slow_start, force=wish.force, slot=wish.slot, note=wish.note, config=site.config)
    started = start(site.settings, [job.slug for job in jobs], account_of(os.geteuid()), how)
    return [each.to_json() for each in started]


def acknowledge(site: Site, caller: Caller, id: str, note: str | None) -> dict[str, Any]:  # noqa: A002
    """Acknowledge an incident; return it. Raises NotPermitted (77), ProcessControlError (1), CannotRecord (74)."""
    actor = site.actor(caller)
    return incident_json(acknowledge_action.acknowledge(actor, id, note=one_line(note) if note else None))


def _is_yes(value: object) -> bool:
    return value in (True, "1", "true", "on")
