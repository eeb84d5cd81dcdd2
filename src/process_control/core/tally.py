"""Counts of a job's runs and planned times that never fall: values and their records in JSON. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from process_control.core.metrics import DURATIONS, LATENESSES


@dataclass(slots=True)
class Histogram:
    """How many values are in each bucket, and their sum. The last bucket has what is above all bounds."""

    counts: list[int]
    total: float = 0.0

    @classmethod
    def empty(cls, bounds: Sequence[float]) -> "Histogram":
        return cls([0] * (len(bounds) + 1))

    def add(self, counts: Sequence[int], total: float) -> None:
        self.counts = [ours + theirs for ours, theirs in zip(self.counts, counts, strict=True)]
        self.total += total


@dataclass(slots=True)
class RunTally:
    """The counts of one job's runs."""

    #: by outcome and reason; no reason is ""
    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: Histogram = field(default_factory=lambda: Histogram.empty(DURATIONS))
    lateness: Histogram = field(default_factory=lambda: Histogram.empty(LATENESSES))
    #: when the last run that went well ended, UTC seconds; 0: none did
    last_success: float = 0.0

    def add(self, other: "RunTally") -> None:
        self.runs.update(other.runs)
        self.durations.add(other.durations.counts, other.durations.total)
        self.lateness.add(other.lateness.counts, other.lateness.total)
        self.last_success = max(self.last_success, other.last_success)

    def to_record(self) -> dict[str, Any]:
        return {
            "runs": counts_to_record(self.runs),
            "durations": [self.durations.counts, self.durations.total],
            "lateness": [self.lateness.counts, self.lateness.total],
            "last_success": self.last_success,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "RunTally":
        """Return the tally in a record. Raises ValueError, LookupError, TypeError for one with other buckets."""
        tally = cls(runs=counts_from_record(record["runs"]), last_success=float(record["last_success"]))
        tally.durations.add(*record["durations"])
        tally.lateness.add(*record["lateness"])
        return tally


@dataclass(slots=True)
class RunTotals:
    """The counts of the runs on days of the journal that are complete, by job. They outlive the days."""

    #: the days (YYYY-MM-DD) of the journal that are in it
    days: frozenset[str] = frozenset()
    jobs: dict[str, RunTally] = field(default_factory=dict)

    def add(self, tallies: Mapping[str, RunTally]) -> None:
        for job, tally in tallies.items():
            self.jobs.setdefault(job, RunTally()).add(tally)


@dataclass(slots=True)
class SlotTotals:
    """The counts of planned times by what became of them first. Each is counted once, when it is settled."""

    #: UTC seconds: up to here all are counted, but for those in `waiting`; None: nothing was counted yet
    until: float | None = None
    #: of a job with one that is not settled yet: up to here its planned times are counted
    waiting: dict[str, float] = field(default_factory=dict)
    #: by job, fate and reason
    jobs: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def add(self, job: str, fate: str, reason: str) -> None:
        self.jobs.setdefault(job, Counter())[fate, reason] += 1


def counts_to_record(counts: Mapping[tuple[str, str], int]) -> list[list[Any]]:
    return [[*names, number] for names, number in counts.items()]


def counts_from_record(record: Sequence[Sequence[Any]]) -> Counter[tuple[str, str]]:
    return Counter({(str(first), str(second)): int(number) for first, second, number in record})
