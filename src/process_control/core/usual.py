"""How a run's duration and output compare with the median of earlier runs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

#: A figure that differs by this factor, up or down, is marked.
FAR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure of a run, and the usual one; None when it is unknown."""

    value: float | None
    usual: float | None

    @property
    def is_far(self) -> bool:
        """Whether the figure differs by FAR or more from the usual. Values below 1 count as 1."""
        if self.value is None or self.usual is None:
            return False
        low, high = sorted((max(self.value, 1.0), max(self.usual, 1.0)))
        return high >= FAR * low

    @property
    def in_words(self) -> str:
        """`as usual`, `4.0 times the usual`, `0.1 times the usual`."""
        if self.value is None or self.usual is None:
            return "nothing to compare with"
        if not self.is_far:
            return "as usual"
        return f"{self.value / max(self.usual, 1.0):.2g} times the usual"


def usual(values: Sequence[float | None]) -> float | None:
    """Return the median of the known values; None when there are none."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    from statistics import median  # 2 ms, which no list of jobs needs

    return median(known)


#: Fewer runs do not show what is usual.
MIN_RUNS = 3
#: Fewer runs do not show how long the slow ones take.
MIN_RUNS_OF_SLOW = 20
SLOW_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualDuration:
    """How long the last runs of a job took, in seconds."""

    median: float
    #: 19 of 20 runs took less; None when there are too few runs to say
    slow: float | None
    #: how many runs were looked at
    runs: int
    #: the median of one attempt; None when all runs had several
    attempt: float | None


def usual_duration(runs: Sequence[tuple[float, int]]) -> UsualDuration | None:
    """Return how long runs, given as (seconds, attempts), take; None when they are too few to say."""
    if len(runs) < MIN_RUNS:
        return None
    from statistics import median

    seconds = sorted(took for took, _ in runs)
    single = [took for took, attempts in runs if attempts <= 1]
    slow = seconds[min(int(len(seconds) * SLOW_SHARE), len(seconds) - 1)] if len(runs) >= MIN_RUNS_OF_SLOW else None
    return UsualDuration(median=median(seconds), slow=slow, runs=len(runs), attempt=usual(single))
