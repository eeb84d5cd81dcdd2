"""Sizes and durations in words."""

import pytest

from process_control.core.measures import bytes_in_words, duration, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.00451, "0.005 s"),
        (1.5, "1.5 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3599, "59 min 59 s"),
        (7200, "2 h"),
        (62237, "17 h 17 min"),
        (172800, "2 days"),
        (1e6, "11 days"),
    ],
)
def test_a_duration_is_told_in_the_units_that_fit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 bytes"), (1, "1 byte"), (12345, "12,345 bytes")])
def test_a_size_is_told_in_bytes(count: int, words: str) -> None:
    assert bytes_in_words(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 byte"), (999, "999 bytes"), (1500, "1.5 kB"), (9_498_624, "9.5 MB"), (1_200_000_000, "1.2 GB")],
)
def test_a_large_size_is_rounded(count: int, words: str) -> None:
    assert size(count) == words
