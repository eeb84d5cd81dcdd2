"""Checks what a simulated day has left: each planned time has one run, or a known cause why not.

It believes what the runs wrote, the schedules by the naive reading of `naive_schedule`, and the faults that were made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

from kit.simulated_host import EARLY_SECONDS, RELOAD_SECONDS, TICK_SECONDS, VALID, Host, Version, Written
from process_control.core.skips import TOO_LATE

#: A scheduler that was there and awake for so long had to start what was due.
ENOUGH_SECONDS = 6.0
#: The loop looks at the clock so often.
LOOK_SECONDS = 1.0


class Checker:
    """Finds planned times with two runs, runs without a planned time, and planned times of which nothing is known."""

    def __init__(
        self,
        host: Host,
        planned: Callable[[Version], frozenset[int]],
        planned_in_order: Callable[[Version], tuple[int, ...]],
    ) -> None:
        self.host, self._planned, self._planned_in_order = host, planned, planned_in_order
        self.by_slot: dict[tuple[str, int], list[Written]] = {}
        for each in self.host.written:
            if each.reason != TOO_LATE or self._was_set_before(
                each
            ):  # else it arrived in time if there was a scheduler
                self.by_slot.setdefault((each.job, each.slot), []).append(each)

    def _was_set_before(self, run: Written) -> bool:
        """Return whether clock or file were changed, or the host slept, while the start may have waited.

        What is late changes with them.
        """
        moments = [*(at for at, _ in self.host.clock[1:]), *self.host.woken]
        moments += [version.since for version in self.host.versions.get(run.job, [])[1:]]
        return any(run.began - self._longest_wait(run.job) < at <= run.began for at in moments)

    def _longest_wait(self, job: str) -> float:
        return self.host.rules[job].queue_timeout + TICK_SECONDS

    def faults(self) -> Iterator[str]:
        yield from self._doubles()
        yield from self._orders_without_need()
        yield from self._unplanned()
        yield from self._unaccounted()

    def _doubles(self) -> Iterator[str]:
        for (job, slot), written in self.by_slot.items():
            runs = sorted((each for each in written if each.has_run), key=lambda each: each.began)
            for first, second in pairwise(runs):
                if not self._was_early(first, second.claimed):
                    yield f"{job}: {shown(slot)} ran twice, by {first.by} and {second.by}"
            if len(runs) > 2:
                yield f"{job}: {shown(slot)} ran {len(runs)} times"
        by_job: dict[str, Written] = {}
        for each in sorted(self.host.written, key=lambda each: each.began):
            before = by_job.get(each.job)
            if each.has_run:
                if before is not None and (before.ended is None or before.ended > each.began):
                    yield f"{each.job}: two runs beside each other"
                by_job[each.job] = each

    def _was_early(self, run: Written, at: float) -> bool:
        """Return whether the run began well before its planned time, by the clock as it was `at` that moment."""
        return run.began + self._offset_at(at) < run.slot - EARLY_SECONDS

    def _offset_at(self, moment: float) -> float:
        return self.host.clock[bisect_right(self.host.clock, moment, key=lambda each: each[0]) - 1][1]

    def _orders_without_need(self) -> Iterator[str]:
        """A scheduler remembers what it has started: it orders no planned time twice, but for one that was early.

        Of each job it remembers the newest: set back, the clock may show again an older one, when a newer one that was
        ordered or waited is to have its time once more. The claim decides then.
        """
        ordered: dict[tuple[int, str, int], float] = {}
        for scheduler, _, job, slot, at in self.host.orders:
            before = ordered.get((scheduler, job, slot))
            if before is not None and not (
                self._seemed_early(slot, before, until=at) or self._is_forgotten(job, slot, before, until=at)
            ):
                yield f"{job}: {shown(slot)} was ordered twice"
            ordered[scheduler, job, slot] = at

    def _is_forgotten(self, job: str, slot: int, ordered: float, *, until: float) -> bool:
        offsets = [offset for at, offset in self.host.clock if at <= until]
        was_set_back = any(second < first for first, second in pairwise(offsets))
        newer = [at for _, _, of, its, at in self.host.orders if of == job and its > slot]
        newer += [at for (of, its), at in self.host.withdrawn.items() if of == job and its > slot]
        return was_set_back and any(ordered < at <= until for at in newer)

    def _seemed_early(self, slot: int, ordered: float, *, until: float) -> bool:
        """Return whether by the clock as it was set meanwhile the order was well before the planned time."""
        offsets = [offset for at, offset in self.host.clock if ordered < at <= until]
        return any(ordered + offset < slot - EARLY_SECONDS for offset in offsets)

    def _unplanned(self) -> Iterator[str]:
        for each in self.host.written:
            versions = self.host.versions.get(each.job)
            if versions is None:  # it has the planned times of its causes
                continue
            stood_still = self.host.slept + self.host.was_down
            arrived = each.began - 900 - self.host.rules[each.job].queue_timeout - stood_still
            known = [v for v, until in self._with_ends(versions) if v.since <= each.began and arrived < until]
            if not any(each.slot in self._planned(version) for version in known):
                yield f"{each.job}: {shown(each.slot)} ran and was not planned"

    @staticmethod
    def _with_ends(versions: list[Version]) -> Iterator[tuple[Version, float]]:
        ends = [*(each.since for each in versions[1:]), float("inf")]
        yield from zip(versions, ends, strict=True)

    def _unaccounted(self) -> Iterator[str]:
        """Yield what was due while a scheduler was there and awake, and neither ran nor has a known cause."""
        for job, versions in self.host.versions.items():
            for version, until in self._with_ends(versions):
                if version.state != VALID:
                    continue
                begin = version.since + RELOAD_SECONDS + 1 if version is not versions[0] else version.since
                for slot, first, last in self._due(version, begin, until):
                    if self._is_accounted_for(job, slot, first, last) or not self._was_able(first, last):
                        continue
                    yield f"{job}: {shown(slot)} did not start, and nothing says why"

    def _is_accounted_for(self, job: str, slot: int, first: float, last: float) -> bool:
        """Return whether it ran, or why not. What ran well before the time has to run once more, once.

        But for one that a new scheduler finds claimed, or a newer one: it does not know when its run began.
        """
        written, until = self.by_slot.get((job, slot), []), last + self._longest_wait(job)
        offsets = [self._offset_at(first), *(offset for at, offset in self.host.clock if first < at <= until)]
        begun = [each.began for each in written if not each.waits]  # what still waits begins later
        is_early = len(begun) == len(written) and all(
            began + offset < slot - EARLY_SECONDS - 1 for began in begun for offset in offsets
        )
        is_found_claimed = any(first <= begin <= last for begin in self.host.begins) and any(
            each.job == job and each.slot >= slot and each.claimed <= last for each in self.host.written
        )
        if (job, slot) in self.host.still_waiting or (job, slot) in self.host.causes:
            return True
        if first < self.host.withdrawn.get((job, slot), 0.0):
            return True
        return not is_early or len(written) > 1 or is_found_claimed

    def _was_able(self, begin: float, end: float) -> bool:
        return any(min(end, last) - max(begin, first) >= ENOUGH_SECONDS for first, last in self.host.able)

    def _due(self, version: Version, begin: float, until: float) -> Iterator[tuple[int, float, float]]:
        """Yield each planned time with the monotonic moments between which it was the newest, and not too old."""
        slots = self._planned_in_order(version)
        ends = [*(at for at, _ in self.host.clock[1:]), self.host.monotonic]
        shown_before = self.host.clock[0][0] + self.host.clock[0][1]
        for (at, offset), end in zip(self.host.clock, ends, strict=True):
            if end - at < LOOK_SECONDS:  # set twice between two looks: maybe nobody has seen what it showed meanwhile
                shown_before = max(shown_before, end + offset)
                continue
            first = bisect_right(slots, min(shown_before, at + offset))
            for number in range(first, bisect_left(slots, end + offset)):
                following = slots[number + 1] - offset
                since = max(at, slots[number] - offset)
                last = min(following, slots[number] + version.start_within - offset, end, until)
                if slots[number] - offset >= begin or at >= begin:
                    yield slots[number], since, last
            shown_before = end + offset


def shown(slot: int) -> str:
    return f"{datetime.fromtimestamp(slot, UTC):%d %H:%M}"
