"""A question that a child answers: its errors keep their kind, and no answer fills the memory."""

import pytest

from process_control.errors import UsageError
from process_control.system.ask import MAX_ANSWER_BYTES, NoAnswer, ask


def test_a_usage_error_of_the_child_is_one_here() -> None:
    def question() -> object:
        raise UsageError("no such regex", hint="another one")

    with pytest.raises(UsageError) as found:
        ask(question)

    assert (found.value.faults[0].what, found.value.faults[0].hint) == ("no such regex", "another one")


def test_an_answer_that_is_too_long_is_none() -> None:
    with pytest.raises(NoAnswer, match="more than 64 MiB"):
        ask(lambda: "x" * MAX_ANSWER_BYTES, seconds=60)
