"""The starts that were ordered from the launcher, on schedule and by hand, until each has ended."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from process_control.core.schedule.dispatch import Dispatch, Start
from process_control.scheduler.guards import Guards
from process_control.scheduler.orders import Orders
from process_control.scheduler.output import say, say_of_a_run
from process_control.scheduler.plans import boottime

KEPT_LAGS = 1000
LOST_ORDER_SECONDS = 60.0


class OrderedStarts:
    """Orders starts, and takes the reports of the launcher.

    `report` gets the number of a start and what became of it, for whoever waits for it. `has_ended` is called with each
    end: whether it is that of a start of ours.
    """

    def __init__(
        self,
        orders: Orders,
        dispatch: Dispatch,
        report: Callable[[int, dict[str, object]], None],
        has_ended: Callable[[bool], None],
    ) -> None:
        self._orders, self._dispatch = orders, dispatch
        self._report, self._has_ended = report, has_ended
        self.guards = Guards(lambda number: self.note_end(number, None))
        #: by the monotonic clock
        self.last_ordered = 0.0
        #: seconds from the planned time to the process of a run, of the last starts that did not wait for their turn
        self._lags: deque[float] = deque(maxlen=KEPT_LAGS)
        #: what the launcher could not start
        self._failed: list[Start] = []

    def order(self, start: Start, *, queued: float = 0.0) -> None:
        start.ordered = self.last_ordered = time.monotonic()
        order = {"start": start.number, "job": start.job, "due": start.slot, "queued": queued}
        by_hand = {} if start.by is None else {"by": start.by, **start.options}
        self._orders.send(order | by_hand)

    def take_report(self, report: dict[str, object]) -> None:
        number = report.get("started") or report.get("failed") or report.get("ended")
        if "launcher" in report:
            self._meet_a_new_launcher(report.get("at"))
            return
        start = self._dispatch.live.get(number) if isinstance(number, int) else None
        if start is None:  # of a scheduler before us
            return
        if "started" in report:
            start.pid = int(str(report["pid"]))
            if start.slot is not None and not start.was_held:
                self._lags.append(max(0.0, time.time() - start.slot))
            say_of_a_run(f"{start.job}: started{_for_slot(start.slot)}")
            self._report(start.number, {"pid": start.pid})
        elif "failed" in report:
            self._try_again_later(start, str(report["why"]))
        else:
            self.note_end(start.number, report.get("code"), str(report.get("words", "")))

    def _try_again_later(self, start: Start, why: str) -> None:
        """Order a start once more when the host had no process left for it: as long as it may be late."""
        job = self._dispatch.jobs.get(start.job)
        if start.slot is None or job is None or time.time() - start.slot > job.start_within:
            say(f"{start.job}: cannot start: {why}")
            self.note_end(start.number, None, f"cannot start: {why}")
        else:
            say(f"{start.job}: cannot start, will be tried again: {why}")
            self._failed.append(start)

    def order_the_failed(self) -> None:
        failed, self._failed = self._failed, []
        for start in failed:
            self.order(start, queued=boottime() - start.arrived)

    def forget_lost_ones(self) -> None:
        """Forget what no launcher has started: one that was killed may have taken the order with it."""
        now = time.monotonic()
        for start in list(self._dispatch.live.values()):
            if start.pid is None and now - start.ordered > LOST_ORDER_SECONDS:
                say(f"{start.job}: the launcher has not started it within {LOST_ORDER_SECONDS:g} s")
                self.note_end(start.number, None)

    def note_end(self, number: int, code: object, words: str = "") -> None:
        self._report(number, {"code": code, "words": words})
        self._dispatch.others.pop(number, None)
        start = self._dispatch.forget(number)
        if start is not None:
            how = "" if code is None else " (exit code 0)" if code == 0 else f" with exit code {code}"
            say_of_a_run(f"{start.job}: ended{how}")
        self._has_ended(start is not None)

    def _meet_a_new_launcher(self, at: object) -> None:
        """Order again what the one before may not have started, and watch what it did start.

        `at`: when the new one began to read. What the one before had not read, it reads too: of two runs for one
        planned time the second does nothing, but a run by hand is not ordered again.
        """
        for start in list(self._dispatch.live.values()):
            if start.pid is None:
                if start.slot is not None and isinstance(at, float) and start.ordered < at:
                    self.order(start)
                continue
            if not self.guards.are_watching(start.number):
                self.guards.watch(start.number, start.pid)

    def order_by_hand(self, job: str, *, by: str, options: Mapping[str, object]) -> dict[str, Any]:
        """Start a run by hand; return its number."""
        start = self._dispatch.by_hand(job, by, boottime(), options)
        self.order(start)
        return {"job": job, "start": start.number}

    def lag(self) -> dict[str, Any]:
        """Return how late the last starts were, for JSON."""
        lags = sorted(self._lags)
        return {
            "starts": len(lags),
            "p50_seconds": _at(lags, 0.5),
            "p99_seconds": _at(lags, 0.99),
            "max_seconds": _at(lags, 1.0),
        }


def _at(values: Sequence[float], share: float) -> float | None:
    """Return the value below which this share of the sorted `values` lies; None of none."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else None


def _for_slot(slot: int | None) -> str:
    return "" if slot is None else f" for {time.strftime('%H:%M', time.localtime(slot))}"
