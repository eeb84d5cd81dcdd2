"""Any bytes where the product reads: whoever wrote them, a reader answers or refuses, and its promise holds.

The corpus is replayed each time; hypothesis damages it, and makes up what nobody thought of. What a longer search
(`make fuzz`) finds goes into the corpus, under a name that says what it is.
"""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.readers import CHECKS, CORPUS, seeds
from kit.harness import Storm

SEEDS = [(reader, name) for reader in CHECKS for name in seeds(reader)]
SLOW = {
    "schedule": 4,
    "import-crontab": 2,
    "cache": 6,
    "journal": 4,
    "packed-day": 4,
    "mail": 4,
    "original": 2,
    "terminal": 2,
}
"""By how much fewer examples of these are tried: one takes milliseconds."""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return the bytes with a few places cut out, written over, doubled, or followed by something else."""
    for _ in range(draw(st.integers(1, 3))):
        first = draw(st.integers(0, len(whole)))
        last = draw(st.integers(first, min(len(whole), first + 40)))
        middle = draw(st.sampled_from(["cut", "torn", "zeros", "bytes", "twice"]))
        if middle == "torn":
            whole = whole[:first]
        elif middle == "zeros":
            whole = whole[:first] + b"\0" * (last - first) + whole[last:]
        elif middle == "twice":
            whole = whole[:last] + whole[first:]
        else:
            put = draw(st.binary(max_size=12)) if middle == "bytes" else b""
            whole = whole[:first] + put + whole[last:]
    return whole


def test_every_reader_has_a_corpus_and_every_corpus_a_reader() -> None:
    assert sorted(CHECKS) == sorted(path.name for path in CORPUS.iterdir())


@pytest.mark.parametrize(("reader", "name"), SEEDS, ids=[f"{reader}-{name}" for reader, name in SEEDS])
def test_what_was_found_or_thought_of_before_holds(reader: str, name: str, tmp_path: Path) -> None:
    CHECKS[reader](seeds(reader)[name], tmp_path)


@pytest.mark.fault("Any damage, any bytes, every reader", small=60, full=3_000, wanted="read or refused, none made up")
@pytest.mark.parametrize("reader", CHECKS)
def test_any_damage_and_any_bytes_are_read_or_refused(reader: str, storm: Storm, tmp_path: Path) -> None:
    known = [whole for whole in seeds(reader).values() if len(whole) < 5000]
    count = max(20, storm.size // SLOW.get(reader, 1))

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
    )
    @given(st.sampled_from(known).flatmap(damaged) | st.binary(max_size=200))
    def holds(data: bytes) -> None:
        CHECKS[reader](data, tmp_path)

    try:
        holds()
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)
