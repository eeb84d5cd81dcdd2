"""Output cut into lines, and what is kept of them: little, whatever comes."""

from hypothesis import given
from hypothesis import strategies as st

from process_control.core.finding import STDERR, STDOUT
from process_control.core.line_watch import LONGEST_KEPT, LONGEST_LINE, MOST_KINDS, Lines, Splitter, watched_by


def split(*pieces: bytes) -> list[str]:
    splitter = Splitter()
    return [line for piece in pieces for line in splitter.split(piece)] + splitter.rest()


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"\r\n", "ü".encode()]), max_size=20))
def test_lines_are_the_same_however_the_output_comes_in_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)

    assert split(*pieces) == split(whole)
    expected = whole.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    found = split(whole)
    assert found == (expected if found and not whole.endswith(b"\n") else expected[:-1]) or whole.endswith(b"\r")


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
        assert split(*pieces) == ["x" * LONGEST_LINE, "next"]


def test_a_line_of_a_gigabyte_takes_no_memory() -> None:
    splitter = Splitter()

    for _ in range(1000):
        assert splitter.split(b"x" * 65536) == []

    assert splitter.rest() == ["x" * LONGEST_LINE]


def test_of_lines_that_matched_the_same_rules_the_first_is_kept_and_the_others_are_counted() -> None:
    lines = Lines(watches_stderr=True)
    for number in range(1, 1001):
        lines.note(STDERR, number, f"{number} " + "x" * 100_000, (1,) if number % 2 else ())

    seen = lines.seen()

    assert [(line.number, line.rules, line.count) for line in seen] == [(1, (1,), 500), (2, (), 500)]
    assert all(len(line.text) <= LONGEST_KEPT for line in seen)


def test_more_sets_of_rules_than_can_be_kept_count_as_matched_by_none_and_are_told() -> None:
    lines = Lines(watches_stderr=True)
    for number in range(1, 2001):
        lines.note(STDERR, number, "x", (number,))

    assert len(lines.seen()) <= MOST_KINDS + 1
    assert sum(line.count for line in lines.seen()) == 2000
    assert lines.faults == ["line 257 of stderr and others matched too many rules at once to tell apart"]


def test_a_job_asks_for_the_lines_that_its_rules_name() -> None:
    rules = [{"exit_code": [[1, 1]]}, {"stderr": "a"}, {"stdout": "b", "exit_code": [[1, 1]]}, {"stdout_missing": "c"}]

    watched = watched_by(rules, {"number": {"stdout": "(d)"}})

    assert [(each.stream, each.regex, each.purpose, each.rule, each.settles) for each in watched] == [
        (STDERR, "a", "line", 2, True),
        (STDOUT, "b", "line", 3, False),
        (STDOUT, "c", "missing", 4, False),
        (STDOUT, "(d)", "number", 0, False),
    ]
