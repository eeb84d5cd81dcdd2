"""Explain in sentences what became of a planned time of a job, or whether one is to come.

Nothing is guessed: where no record shows the cause, the sentence says which record would.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from process_control.core.facts import BY_HAND
from process_control.core.moments import span
from process_control.core.schedule.slots import plan_in_force
from process_control.core.schedule.version import VALID
from process_control.core.sentence import Sentence
from process_control.history.index.past_run import Run
from process_control.history.log_reader import current_path
from process_control.system.clock import iso
from process_control.views.asked_job import AskedJob
from process_control.views.asked_time import Asked
from process_control.views.blockers import (
    Blocker,
    next_time,
    of_a_command,
)
from process_control.views.slot_in_words import CurrentState, as_argument, run_named_in, sentences_of
from process_control.views.slots import Account

HOUR, DAY = 3600.0, 86400.0
#: How far back to search for the last planned time, in seconds, one window after the other.
WINDOWS = (HOUR, DAY, 35 * DAY, 400 * DAY, float("inf"))
#: A planned time at most so long before the given time is taken for it.
MAX_EXACT_SECONDS = 60


class WhyPlanned:
    """Answers about planned times."""

    def __init__(self, of: AskedJob) -> None:
        self._of = of

    def last(self, moment: float) -> Account | None:
        """Return the last planned time at or before the moment; None when the ledger has none."""
        begins = self._of.ledger.begins(self._of.slug)
        if begins is None:
            return None
        for length in WINDOWS:
            after = max(moment - length, begins - 2)
            found = self._of.ledger.accounts([self._of.slug], after=after, until=moment)
            if found:
                return found[-1]
            if after <= begins - 2:
                break
        return None

    def fate(self, account: Account | None, blockers: Sequence[Blocker]) -> list[Sentence]:
        if account is None:
            return []
        running = self._of.status.running if self._of.status is not None else None
        runs, run = self._runs_for(account), account.slot.run
        own = runs.get(run.run_id) if run is not None else None
        current = CurrentState(
            has_file=self._of.job is not None,
            blocked_by={blocker.reason: blocker for blocker in blockers},
            running=running.run_id if running is not None else None,
            logs=self._with_logs(runs),
            by_hand=(own.by or "somebody") if own is not None and own.trigger in BY_HAND else None,
        )
        return sentences_of(account, current, self._of.zone)

    def _runs_for(self, account: Account) -> dict[str, Run]:
        """Return the runs that belong to a planned time: its own, and the one that a reason names."""
        slot = account.slot
        named = [slot.run.run_id if slot.run is not None else None, run_named_in(slot.detail)]
        return self._of.index.runs_by_id([run_id for run_id in named if run_id])

    def _with_logs(self, runs: Mapping[str, Run]) -> frozenset[str]:
        """Return which runs have a log that is still there."""
        directory = self._of.settings.output_directory
        there = [run_id for run_id, run in runs.items() if run.log and os.path.exists(current_path(run.log, directory))]
        return frozenset(there)

    def of_the_past(self, asked: Asked, blockers: Sequence[Blocker]) -> tuple[Account | None, list[Sentence]]:
        now = self._of.now.timestamp()
        account = self.last(min(asked.moment, now))
        if account is None and self._of.command is not None:
            return None, of_a_command(self._of.slug).sentences()
        if account is None:
            return None, self.nothing_planned(asked.begins)
        slot, found = account.slot.slot, self.fate(account, blockers)
        gone = [each for blocker in blockers if blocker.reason == "gone" for each in blocker.sentences()]
        day = datetime.fromtimestamp(asked.moment, UTC).astimezone(self._of.zone).date()
        if asked.is_day and datetime.fromtimestamp(slot, UTC).astimezone(self._of.zone).date() == day:
            found += self._others_of_the_day(asked)
        elif asked.is_day:
            found.insert(0, Sentence(f"Nothing was planned on {day:%a %d %b %Y}; the last planned time before it:"))
        elif asked.moment - slot >= MAX_EXACT_SECONDS:
            words = f"Nothing was planned at {iso(asked.moment)}; the planned time before it is {iso(slot)}."
            found[:0] = [Sentence(words), *(changes := self._changes(slot, asked.moment)), *gone]
            if changes and self._of.status is not None:
                found += next_time(self._of.status, self._of.schedules, blockers)
            return account, found
        return account, [*found, *gone]

    def _others_of_the_day(self, asked: Asked) -> list[Sentence]:
        begin = asked.begins
        counts = self._of.ledger.counts(
            [self._of.slug], after=begin - 1, until=min(asked.moment, self._of.now.timestamp())
        )
        numbers = counts.get(self._of.slug, {})
        if numbers.get("planned", 0) < 2:
            return []
        words = ", ".join(f"{count} {fate}" for fate, count in numbers.items() if fate != "planned" and count)
        text = f"Of the {numbers['planned']} planned times of that day: {words}. All of them:"
        until = as_argument(int(asked.moment), self._of.zone)
        since = as_argument(int(begin), self._of.zone)
        return [Sentence(text, f"process-control slots {self._of.slug} --since {since} --until {until}")]

    def _changes(self, slot: float, moment: float) -> list[Sentence]:
        """Return a sentence when the file was changed between the planned time and the given one."""
        changed = [version for version in self._of.versions if slot < version.since <= moment]
        if not changed:
            return []
        last, what = changed[-1], {"gone": "was removed", "invalid": "became invalid"}
        if last.state == VALID and last.plan is not None:
            by = f" (commit {last.commit[:10]} by {last.author})" if last.commit else ""
            before = plan_in_force(self._of.versions, slot)
            plans = [", ".join(plan.schedule) or "none" for plan in (before and before[1], last.plan) if plan]
            words = f"its schedule is {plans[-1]} since then" + (f", before it was {plans[0]}" if plans[1:] else "")
            if plans[1:] and plans[0] == plans[1]:
                words = f"its schedule is {plans[0]} as before"
            return [Sentence(f"Its file was changed at {iso(last.since)}{by}: {words}.")]
        if last is self._of.versions[-1]:
            return []  # the present state says so
        came_back = next((each for each in self._of.versions if each.since > moment and each.state == VALID), None)
        since = f", and is valid again since {iso(came_back.since)}" if came_back is not None else ""
        return [Sentence(f"Its file {what[last.state]} at {iso(last.since)}{since}.")]

    def nothing_planned(self, moment: float) -> list[Sentence]:
        begins = self._of.ledger.begins(self._of.slug)
        if self._of.command is not None:
            return []
        if begins is None:
            return [
                Sentence("No planned time of it is recorded."),
                Sentence("All its runs:", f"process-control history {self._of.slug}"),
            ]
        if moment < begins:
            words = f"Its planned times are recorded from {iso(begins)}; nothing is known of {iso(moment)}."
            return [Sentence(words), Sentence("All since then:", self._slots_since(begins))]
        if moment >= self._of.now.timestamp():
            return [Sentence(f"No planned time of it has passed since {iso(begins)}, when its records begin.")]
        return [Sentence(f"No time was planned for it from {iso(begins)}, when its records begin, to {iso(moment)}.")]

    def _slots_since(self, begins: float) -> str:
        return f"process-control slots {self._of.slug} --since {as_argument(int(begins), self._of.zone)}"

    def of_the_future(self, asked: Asked, blockers: Sequence[Blocker]) -> list[Sentence]:
        """Return whether a run is planned at a future time, and what blocks it as things are now."""
        now, until = int(self._of.now.timestamp()), asked.moment
        begin = max(now, int(until - 2 * DAY))
        force = plan_in_force(self._of.versions, now)
        plan = force[1] if force is not None else None
        coming = plan.slots(begin, int(until)) if plan is not None else []
        in_the_way = [sentence for blocker in blockers for sentence in blocker.sentences()]
        if coming and (coming[-1] >= asked.begins or until - coming[-1] < MAX_EXACT_SECONDS):
            words = f"It is planned for {iso(coming[-1])} (in {span(coming[-1] - now)})."
        elif coming:
            words = f"That is still to come. Nothing is planned at {iso(until)}; before it: {iso(coming[-1])}."
        else:
            words = f"That is still to come, and nothing is planned shortly before {iso(until)}."
        status = self._of.status
        return [
            Sentence(words),
            *in_the_way,
            *(next_time(status, self._of.schedules, blockers) if status is not None else []),
            *([Sentence("More of them:", f"process-control show {self._of.slug}")] if self._of.job else []),
        ]
