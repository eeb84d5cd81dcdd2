"""The runs of a job and its planned times without a run, in one list: newest first, part by part."""

from collections.abc import Sequence
from dataclasses import dataclass

from process_control.core.moments import parse_iso
from process_control.core.schedule.slots import RAN
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.system.clock import DAY_SECONDS
from process_control.views.slots import Account, Ledger

#: How far back planned times without a run are looked for, one window after the other, until there are enough.
WINDOWS = (DAY_SECONDS, 8 * DAY_SECONDS, 40 * DAY_SECONDS, 400 * DAY_SECONDS)

#: When it was (ISO 8601), and the id of its run: "" for a planned time without one.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RunOrSlot:
    """A run, or a planned time that has none."""

    at: str
    run: Run | None = None
    account: Account | None = None

    @property
    def place(self) -> Place:
        return self.at, self.run.run_id if self.run is not None else ""

    @property
    def fate(self) -> str | None:
        """The outcome of a run (None: it is running); of a planned time missed, skipped or due."""
        if self.account is not None:
            return self.account.slot.fate
        return self.run.outcome if self.run is not None else None

    @property
    def reason(self) -> str | None:
        """The word for why."""
        if self.account is not None:
            return self.account.slot.cause or self.account.slot.reason
        return self.run.reason if self.run is not None else None

    @property
    def why(self) -> str:
        """Why it ended so, or did not run. Times are ISO 8601."""
        if self.run is not None:
            return self.run.why
        if self.account is None:
            return ""
        return next((each.what for each in self.account.evidence), "") or self.account.slot.detail or ""


def runs_and_slots(
    index: Index, ledger: Ledger, slug: str, *, limit: int, before: Place | None = None
) -> tuple[Sequence[RunOrSlot], Place | None]:
    """Return `limit` rows, newest first, and the place behind which the next ones are; None: these are the last."""
    runs = index.runs(jobs=[slug], limit=limit + 1, before=before)
    rows = [RunOrSlot(run.started_at, run=run) for run in runs]
    oldest = _seconds(runs[limit].started_at) if len(runs) > limit else None
    rows += _without_a_run(ledger, slug, limit + 1, before, oldest)
    rows.sort(key=lambda row: row.place, reverse=True)
    shown = rows[:limit]
    return shown, shown[-1].place if len(rows) > limit and shown else None


def _without_a_run(
    ledger: Ledger, slug: str, wanted: int, before: Place | None, oldest: float | None
) -> list[RunOrSlot]:
    """Return planned times that got no run, at least so many of the newest where there are, down to `oldest`."""
    begins = ledger.begins(slug)
    if begins is None:
        return []
    end = ledger.now if before is None else _seconds(before[0])
    lowest = begins - 1 if oldest is None else max(begins - 1, oldest - 1)
    found: list[RunOrSlot] = []
    for window in (*WINDOWS, float("inf")):
        after = max(lowest, end - window)
        found = [
            RunOrSlot(each.planned, account=each)
            for each in ledger.accounts([slug], after=after, until=end)
            if each.slot.fate != RAN and (each.slot.record is None or each.slot.record.run_id is None)
        ]
        if before is not None:
            found = [row for row in found if row.place < before]
        if len(found) >= wanted or after <= lowest:
            break
    return found


def _seconds(moment: str) -> float:
    found = parse_iso(moment)
    return 0.0 if found is None else found.timestamp()
