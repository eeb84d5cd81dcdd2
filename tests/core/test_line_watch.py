"""Output cut into lines, and what is kept of them: little, whatever comes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.finding import STDERR, STDOUT
from process_control.core.line_watch import MAX_KEPT, MAX_KINDS, MAX_LINE, Lines, Splitter, watched_by


def split(*pieces: bytes) -> list[str]:
    splitter = Splitter()
    return [line for piece in pieces for line in splitter.split(piece)] + splitter.rest()


PIECES = st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"\r\n", b"\r", b"a\r", "ü".encode()]), max_size=20)


@given(PIECES)
def test_lines_are_the_same_however_the_output_comes_in_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)

    assert split(*pieces) == split(whole)
    expected = re.split("\r*\n|\r+", whole.decode("utf-8", "replace"))
    expected = expected if expected[-1] else expected[:-1]
    assert [line for line in split(whole) if line] == [line for line in expected if line]


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (b"\r 10 %\r 20 %\rcurl: (28)\n", [" 10 %", " 20 %", "curl: (28)"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\r", ["one"]),
        (b"\r", []),
        (b"one\n\rtwo\n", ["one", "two"]),
        (b"\r\n\n", ["", ""]),
        (b"one\r\r\n", ["one"]),
    ],
)
def test_a_line_ends_at_a_newline_a_carriage_return_or_both(printed: bytes, lines: list[str]) -> None:
    one_by_one = [printed[at : at + 1] for at in range(len(printed))]

    assert split(printed) == lines
    assert split(*one_by_one) == lines


def test_a_long_line_that_a_carriage_return_ends_is_cut_too() -> None:
    assert split(b"x" * 70_000, b"\r", b"next\n") == ["x" * MAX_LINE, "next"]
    assert split(b"x" * 70_000 + b"\r", b"\nnext\n") == ["x" * MAX_LINE, "next"]


def test_a_line_without_an_end_is_a_line() -> None:
    assert split(b"one\ntwo") == ["one", "two"]
    assert split(b"one\n") == ["one"]
    assert split(b"\n\n") == ["", ""]
    assert split(b"") == []


def test_of_a_long_line_the_first_64_kib_count_and_the_next_line_is_whole() -> None:
    long = b"x" * 200_000

    for pieces in (
        [long + b"end\nnext\n"],
        [long, b"end\nnext\n"],
        [long[:70_000], long[70_000:], b"end", b"\nnext\n"],
    ):
        assert split(*pieces) == ["x" * MAX_LINE, "next"]


def test_a_line_of_a_gigabyte_takes_no_memory() -> None:
    splitter = Splitter()

    for _ in range(1000):
        assert splitter.split(b"x" * 65536) == []

    assert splitter.rest() == ["x" * MAX_LINE]


def test_of_lines_that_matched_the_same_rules_the_first_is_kept_and_the_others_are_counted() -> None:
    lines = Lines(watches_stderr=True)
    for number in range(1, 1001):
        lines.note(STDERR, number, f"{number} " + "x" * 100_000, (1,) if number % 2 else ())

    seen = lines.seen()

    assert [(line.number, line.rules, line.count) for line in seen] == [(1, (1,), 500), (2, (), 500)]
    assert all(len(line.text) <= MAX_KEPT for line in seen)


def test_more_sets_of_rules_than_can_be_kept_count_as_matched_by_none_and_are_told() -> None:
    lines = Lines(watches_stderr=True)
    for number in range(1, 2001):
        lines.note(STDERR, number, "x", (number,))

    assert len(lines.seen()) <= MAX_KINDS + 1
    assert sum(line.count for line in lines.seen()) == 2000
    assert lines.faults == ["line 257 of stderr and others match too many rules to keep apart"]


def test_a_job_asks_for_the_lines_that_its_rules_name() -> None:
    rules = [{"exit_code": [[1, 1]]}, {"stderr": "a"}, {"stdout": "b", "exit_code": [[1, 1]]}, {"stdout_missing": "c"}]

    watched = watched_by(rules, {"number": {"stdout": "(d)"}})

    assert [(each.stream, each.regex, each.purpose, each.rule, each.settles) for each in watched] == [
        (STDERR, "a", "line", 2, True),
        (STDOUT, "b", "line", 3, False),
        (STDOUT, "c", "missing", 4, False),
        (STDOUT, "(d)", "number", 0, False),
    ]
