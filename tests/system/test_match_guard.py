"""Regexes under the time guard: a catastrophe is ended in time, and nothing else is ever ended or found otherwise."""

import re
import signal
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.processor_time import least_milliseconds
from process_control.execution.regex_guard import Interrupted, MatchGuard, Regex, TakesTooLong

LONG = 65536
BOMBS = {
    "nested repeats": ("(a+)+$", "a" * LONG + "b"),
    "nested repeats on a short line": ("(a+)+$", "a" * 40 + "b"),
    "alternatives that overlap": ("(a|a)*b$", "a" * 50 + "c"),
    "all there is, twice": ("(.*)*x=1", "y" * LONG),
    "one repeat from each place": ("x*y", "x" * LONG),
    "one repeat of a set from each place": ("[xz]*y", "x" * LONG),
    "words": (r"\w+\w+@", "x" * LONG),
    "words beyond ASCII": (r"[\wé-ž]*@", "ž" * LONG),
    "any case": ("(?i)[xyzé]*@", "x" * LONG),
    "three repeats on a middling line": ("x+x+y", "x" * 2000),
    "a bounded repeat": ("x{1,65535}y", "x" * LONG),
    "white space at the end": (r"\s+$", " " * LONG + "x"),
    "a look ahead": ("(?=(x+))y", "x" * LONG),
    "a reference back": (r"(.*)\1\1z", "x" * LONG),
}


@pytest.fixture(autouse=True)
def handler_as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGVTALRM)
    yield
    signal.signal(signal.SIGVTALRM, before)


def guard(*, is_stopping: bool = False) -> MatchGuard:
    return MatchGuard(lambda: is_stopping)


@pytest.mark.parametrize("name", BOMBS)
def test_a_regex_that_explodes_is_ended(name: str) -> None:
    text, line = BOMBS[name]

    def find() -> None:
        regex, watch = Regex(text), guard()
        with watch, pytest.raises(TakesTooLong):
            watch.find(regex, line)

    assert least_milliseconds(find, allowed=500) < 500  # seen: 50 to 150


@pytest.mark.parametrize("name", BOMBS)
def test_a_run_that_is_to_be_stopped_does_not_wait_for_a_regex(name: str) -> None:
    text, line = BOMBS[name]
    regex, watch = Regex(text), guard(is_stopping=True)

    with watch, pytest.raises(Interrupted):
        watch.find(regex, line)


def test_a_regex_that_is_slow_on_every_line_uses_up_its_time() -> None:
    regex, watch = Regex("x*y"), guard()
    began = time.process_time()

    def many_lines() -> None:
        while time.process_time() - began < 10:
            watch.bytes_seen += 4000
            watch.find(regex, "x" * 4000)

    with watch, pytest.raises(TakesTooLong):
        many_lines()

    assert 0.5 < time.process_time() - began < 3


def test_a_good_regex_is_never_ended_however_much_there_is() -> None:
    regex, watch = Regex("deadlock detected"), guard()
    line = "2026-11-24 10:00:00 INFO worker 17 processed request /api/v1/items in 12 ms"

    with watch:
        for _ in range(300_000):
            watch.bytes_seen += len(line)
            if watch.find(regex, line):
                pytest.fail("it is not there")


def test_no_time_counts_but_that_of_matching() -> None:
    regex, watch = Regex("x"), guard()
    with watch:
        busy_until = time.process_time() + 0.2
        while time.process_time() < busy_until:
            pass

        assert watch.find(regex, "x")
        assert watch.slice_is_over


REGEXES = [
    "^a", "b$", "a.c", "(a)(b)?", r"\bab", "(?i)AB", "(?s)a.b", "(?x) a b # all", "(?P<n>a)(?P=n)", "a|b|", "",
    "(?<=a)b", "(?<!a)b", r"\Aa", r"b\Z", "(?i)(?x)A # x", "[^a]b", "(a)?(?(1)b|c)", "ü+", r"\d+", "a{2,3}?b",
]  # fmt: skip
texts = st.text(alphabet="abcü \t1#", max_size=600) | st.builds(
    lambda first, count, last: first + "a" * count + last,
    st.text(alphabet="abc", max_size=5),
    st.integers(200, 900),
    st.text(alphabet="abcü1", max_size=5),
)


@pytest.mark.parametrize("text", REGEXES)
@settings(max_examples=60, deadline=None)
@given(line=texts)
def test_what_is_found_is_what_python_finds_on_short_lines_and_on_long_ones(text: str, line: str) -> None:
    found, expected = Regex(text).find(line), re.compile(text).search(line)

    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.groups() == expected.groups()
        assert found.end() == expected.end()


@pytest.mark.parametrize("text", ["(", "[a", "a{2,1}", "(?P<a>x)(?P<a>y)", "*"])
def test_what_is_no_regex_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  Python's own words
        Regex(text)
