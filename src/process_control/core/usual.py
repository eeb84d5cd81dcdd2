"""How a run compares with what is usual: its duration and its output, against the median of earlier ones. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

FAR = 2.0
"""From this factor on, up or down, a figure is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure of a run and the usual one; None where there is none."""

    value: float | None
    usual: float | None

    @property
    def is_far(self) -> bool:
        """Whether it is so far from the usual that somebody should look. Below 1 nothing is told apart."""
        if self.value is None or self.usual is None:
            return False
        low, high = sorted((max(self.value, 1.0), max(self.usual, 1.0)))
        return high >= FAR * low

    @property
    def in_words(self) -> str:
        """`as usual`, `4.0 times the usual`, `a tenth of the usual` as `0.1 times the usual`."""
        if self.value is None or self.usual is None:
            return "nothing to compare with"
        if not self.is_far:
            return "as usual"
        return f"{self.value / max(self.usual, 1.0):.2g} times the usual"


def usual(values: Sequence[float | None]) -> float | None:
    """Return the median of what is known; None of nothing."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
