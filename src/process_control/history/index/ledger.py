"""What the ledger asks the index: runs and skips by their planned times, other events, boots, steps of the clock."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from process_control.core.facts import CRON, SCHEDULER, TIMER
from process_control.history.index.clocks import Step, TrueClock, seconds_of, wrong_times
from process_control.history.index.database import SealedDatabase

_OF_A_SLOT = "job, scheduled_at, run_id, outcome, reason, started_at, late_seconds, late_parts, detail, by, ended_at"
OF_ONE = f"""SELECT {_OF_A_SLOT} FROM run WHERE job = ? AND scheduled_at >= ? AND scheduled_at <= ?
    ORDER BY scheduled_at, run_id"""
#: Of all jobs: the plus before `job` keeps SQLite from reading a whole index of all runs for the sake of its order.
OF_ALL = f"""SELECT {_OF_A_SLOT} FROM run WHERE started_at >= ? AND scheduled_at >= ? AND scheduled_at <= ?
    ORDER BY +job, scheduled_at, run_id"""
LATE_RUNS = """SELECT scheduled_at, run_id, started_at, late_parts FROM run
    WHERE job = ? AND scheduled_at >= ? AND late_seconds >= 60 AND outcome IS NOT 'skipped' ORDER BY scheduled_at"""
JOBS_LATE = """SELECT DISTINCT +job FROM run
    WHERE started_at >= ? AND scheduled_at >= ? AND late_seconds >= 60 AND outcome IS NOT 'skipped'"""
#: By a trigger that works; not a run that makes up for a time that was missed.
_BY_A_TRIGGER = f"trigger IN ('{CRON}', '{TIMER}', '{SCHEDULER}') AND scheduled_at IS NOT NULL AND caught_up IS NOT 1"
FIRST_START = f"""SELECT started_at FROM run
    WHERE started_at >= ? AND started_at <= ? AND {_BY_A_TRIGGER} ORDER BY started_at LIMIT 1"""
LAST_START = f"""SELECT started_at FROM run WHERE started_at < ? AND {_BY_A_TRIGGER} ORDER BY started_at DESC LIMIT 1"""
FIRST_OTHER = """SELECT min(at) FROM event WHERE event IN ('refusal', 'stray', 'waiting') AND at >= ? AND at <= ?
    AND record NOT LIKE '%"trigger":"manual"%' AND record NOT LIKE '%"trigger":"web"%'"""
EVENTS = "SELECT record FROM event WHERE event = ?{job}{since} ORDER BY at"
OF_A_WINDOW = """SELECT job, run_id, outcome, started_at, duration_seconds, scheduled_at FROM run
    WHERE started_at >= ? AND started_at < ? ORDER BY started_at"""
BOOTS = "SELECT boot_id, first_at, first_up, last_at, last_up FROM boot ORDER BY last_at"
STEPS = "SELECT boot_id, before, after, up_before, up FROM clock_step ORDER BY boot_id, up"
OLDEST_DAY = "SELECT min(file) FROM folded"


class LedgerIndex:
    """Questions about planned times. Times are ISO 8601 UTC texts."""

    def __init__(self, database: SealedDatabase) -> None:
        self._database = database

    def of_slots(self, jobs: Sequence[str] | None, since: str, until: str) -> list[tuple[Any, ...]]:
        """Return (job, scheduled_at, run_id, outcome, reason, started_at, late_seconds, late_parts, detail, by,
        ended_at).

        Of every run and skip for a planned time in the window; by job, then planned time, then start.
        """
        if jobs is None:
            return self._rows(OF_ALL, (since, since, until))
        return [row for job in sorted(jobs) for row in self._rows(OF_ONE, (job, since, until))]

    def late_runs(self, job: str, since: str) -> list[tuple[Any, ...]]:
        """Return (scheduled_at, run_id, started_at, late_parts) of a job's runs that began a minute late or more."""
        return self._rows(LATE_RUNS, (job, since))

    def jobs_with_late_runs(self, since: str) -> frozenset[str]:
        """Return the jobs of which `late_runs` returns some."""
        return frozenset(job for (job,) in self._rows(JOBS_LATE, (since, since)))

    def events(self, kind: str, *, job: str | None = None, since: str | None = None) -> list[dict[str, Any]]:
        """Return the records of one kind of event, by their times."""
        conditions = {"job": " AND job = ?" if job is not None else "", "since": " AND at >= ?" if since else ""}
        values = [kind, *([job] if job is not None else []), *([since] if since else [])]
        return _decoded(self._rows(EVENTS.format(**conditions), values))

    def first_start(self, since: str, until: str) -> str | None:
        """Return when the first scheduled start of any job in the window came, whatever became of it."""
        runs = self._rows(FIRST_START, (since, until))
        others = self._rows(FIRST_OTHER, (since, until))
        return min((at for (at,) in (*runs, *others) if at), default=None)

    def last_start(self, before: str) -> str | None:
        """Return when the last scheduled start of any job before that moment came."""
        return next((at for (at,) in self._rows(LAST_START, (before,))), None)

    def started_within(self, since: str, until: str) -> list[tuple[Any, ...]]:
        """Return (job, run_id, outcome, started_at, duration_seconds, scheduled_at) of runs and skips, by start."""
        return self._rows(OF_A_WINDOW, (since, until))

    def boots(self) -> list[tuple[float, float]]:
        """Return of each boot when it began and the last sign of life in it, in UTC seconds; rising."""
        return sorted(self._boots().values())

    def clock_steps(self) -> list[tuple[float, float]]:
        """Return what the clock showed before and after each step forward, in UTC seconds; never before the boot."""
        boots = self._boots()
        found = [
            (max(step.before, boots[boot][0]) if boot in boots else step.before, step.after)
            for boot, steps in self._steps().items()
            for step in steps
        ]
        return sorted((before, after) for before, after in found if before < after)

    def true_clock(self) -> TrueClock:
        """Return what sets right the time of a record that was written while the clock was wrong."""
        return TrueClock({boot: wrong_times(steps) for boot, steps in self._steps().items()})

    def _steps(self) -> dict[str, list[Step]]:
        steps: dict[str, list[Step]] = {}
        for boot, before, after, up_before, up in self._rows(STEPS):
            steps.setdefault(boot, []).append(Step(seconds_of(before), seconds_of(after), up_before, up))
        return steps

    def _boots(self) -> dict[str, tuple[float, float]]:
        """Return of each boot when it began and when its last record was written.

        By its first record or by its last one: a clock without a battery is set after the start, one of a guest that
        was paused later on. The earlier of the two is right, unless it is before the end of the boot before.
        """
        found: dict[str, tuple[float, float]] = {}
        end_before = float("-inf")
        for boot, first_at, first_up, last_at, last_up in self._rows(BOOTS):
            with suppress(ValueError):
                last = seconds_of(last_at)
                began = sorted((seconds_of(first_at) - first_up, last - last_up))
                found[boot] = (began[0] if began[0] >= end_before else began[1]), last
                end_before = last
        return found

    def oldest_day(self) -> str | None:
        """Return the oldest day of the journal (YYYY-MM-DD); None without one."""
        [[name]] = self._rows(OLDEST_DAY, ())
        return None if name is None else str(name)[:10]

    def _rows(self, question: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._database.answered(lambda: self._database.rows(question, values))


def _decoded(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the records of rows, decoded in one piece: thousands of jobs have a version each."""
    texts = [text.strip(" \0\r") for (text,) in rows]
    return [value for value in json.loads(f"[{','.join(texts)}]") if isinstance(value, dict)]
