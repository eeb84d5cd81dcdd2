"""How a run compares with what is usual."""

import pytest

from process_control.core.usual import Comparison, usual


@pytest.mark.parametrize(
    ("value", "median", "is_far", "words"),
    [
        (10.0, 10.0, False, "as usual"),
        (15.0, 10.0, False, "as usual"),
        (40.0, 10.0, True, "4 times the usual"),
        (1.0, 10.0, True, "0.1 times the usual"),
        (0.1, 0.9, False, "as usual"),
        (None, 10.0, False, "nothing to compare with"),
        (10.0, None, False, "nothing to compare with"),
    ],
)
def test_a_figure_far_from_the_usual_is_marked(
    value: float | None, median: float | None, is_far: bool, words: str
) -> None:
    comparison = Comparison(value=value, usual=median)

    assert (comparison.is_far, comparison.in_words) == (is_far, words)


def test_the_usual_is_the_median_of_what_is_known() -> None:
    assert usual([1, None, 100, 3]) == 3
    assert usual([None]) is None
