"""Storms: the promises that only many repetitions can show. A pytest plugin, and what it notes for `make faults`.

    @pytest.mark.fault("2 starters at a time", small=25, full=1000, wanted="no run beside another")
    def test_two_starters_at_a_time_never_run_a_job_twice(box: Box, storm: Storm) -> None:
        for _ in storm.rounds(): ...
        storm.found("0 beside another")

The first word is the row of the table, `wanted` what the promise demands. `make test` takes the small size, `make
faults` the full one; PROCESS_CONTROL_STORMS is `small`, `full`, or a fraction of the full size, never under the small
one. Several tests may share a row: the table then tells what each of them found.

PYTEST_DONT_REWRITE: `make faults` has imported this before pytest begins, and nothing is asserted here.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

SIZE_VARIABLE = "PROCESS_CONTROL_STORMS"
MARKER = (
    "fault(row, small=1, full=1, wanted): often repeated; small in `make test`, all of them with `make faults`, which "
    "tells size, found and wanted in its table"
)


def storm_size(small: int, full: int, *, asked: str | None = None) -> int:
    """Return how often a storm repeats now, or at the size `asked`. Raises ValueError for what is none.

    For what needs the number before a test has its fixtures; a test asks `storm.size`.
    """
    asked = os.environ.get(SIZE_VARIABLE, "small") if asked is None else asked
    if asked in ("small", "full"):
        return small if asked == "small" else full
    try:
        fraction = float(asked)
    except ValueError:
        fraction = 0.0
    if not 0 < fraction <= 1:
        raise ValueError("small, full, or a fraction of the full size such as 0.1")
    return max(small, round(fraction * full))


@dataclass(slots=True)
class Storm:
    """One storm as its test sees it: how often it repeats, and what it `told` of its find, in words for the table."""

    row: str
    wanted: str
    size: int
    on_progress: Callable[[int], None] | None = None
    told: str | None = None

    def rounds(self) -> Iterator[int]:
        """Yield 0, 1, … up to the size; each moves the progress bar."""
        for number in range(self.size):
            yield number
            if self.on_progress is not None:
                self.on_progress(number + 1)

    def found(self, words: str) -> None:
        """Note what was found, in the words of the row's `wanted`; without it the table says "as wanted"."""
        self.told = words


STORM = pytest.StashKey[Storm]()
LISTENER = pytest.StashKey[Callable[[int], None]]()


def storm_of(item: pytest.Item) -> Storm | None:
    """Return the storm of a test, the same at each call; None for a test that is none."""
    if STORM not in item.stash:
        marker = item.get_closest_marker("fault")
        if marker is None:
            return None
        (row,) = marker.args
        size = storm_size(marker.kwargs.get("small", 1), marker.kwargs.get("full", 1))
        item.stash[STORM] = Storm(row=row, wanted=marker.kwargs["wanted"], size=size)
    return item.stash[STORM]


@pytest.fixture
def storm(request: pytest.FixtureRequest) -> Storm:
    """The storm that this test is: its size, its rounds, and where it notes what it found."""
    storm = storm_of(request.node)
    if storm is None:
        raise pytest.UsageError(f"{request.node.nodeid} asks for a storm and has no mark `fault`")
    storm.on_progress = request.config.stash.get(LISTENER, None)
    return storm


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        storm_of(item)  # a mark that says too little fails here, not in the night of the full run
