"""How long a run waits before it tries again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.retry import delay_before


def delays(*, chance: float = 0.5, jitter: float = 0.1, **how: float) -> list[float]:
    policy = {"delay_seconds": 10.0, "factor": 2.0, "max_delay_seconds": 600.0, **how}
    return [delay_before(attempt, jitter=jitter, chance=chance, **policy) for attempt in range(2, 10)]


def test_the_delay_grows_by_the_factor_up_to_its_limit() -> None:
    assert delays() == [10, 20, 40, 80, 160, 320, 600, 600]


def test_a_factor_of_1_keeps_the_delay() -> None:
    assert delays(factor=1) == [10] * 8


def test_no_delay_is_no_delay() -> None:
    assert delays(delay_seconds=0) == [0] * 8


def test_a_limit_below_the_delay_is_the_delay() -> None:
    assert delays(max_delay_seconds=3) == [3] * 8


@pytest.mark.parametrize(("chance", "first"), [(0.0, 9.0), (0.5, 10.0), (1.0, 11.0)])
def test_chance_moves_the_delay_by_the_jitter_at_most(chance: float, first: float) -> None:
    assert delays(chance=chance)[0] == pytest.approx(first)


@given(
    st.integers(2, 100),
    st.floats(0, 1e6),
    st.floats(1, 100),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_no_delay_is_negative_or_longer_than_the_limit_and_its_jitter(
    attempt: int, delay: float, factor: float, limit: float, jitter: float, chance: float
) -> None:
    seconds = delay_before(
        attempt, delay_seconds=delay, factor=factor, max_delay_seconds=limit, jitter=jitter, chance=chance
    )

    assert 0 <= seconds <= limit * (1 + jitter) + 1e-6
