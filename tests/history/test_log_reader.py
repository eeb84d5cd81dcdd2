"""Reading logs: times and streams from the index, whatever state it is in, and no secret shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.builders import State
from process_control.history import log_line, log_reader
from process_control.history.log_line import Line
from process_control.history.log_reader import last_lines, lines, raw


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def shown(found: list[Line]) -> list[tuple[float | None, str, bytes]]:
    return [(line.seconds, line.stream, line.text) for line in found]


def test_lines_have_the_time_and_stream_of_their_first_byte(state: State) -> None:
    log = state.log("a", (0.5, "o", b"one\ntw"), (1.0, "e", b"oops\n"), (2.0, "o", b"o\n"))

    assert shown(list(lines(log))) == [(0.5, "o", b"one"), (1.0, "e", b"oops"), (0.5, "o", b"two")]


def test_one_stream_can_be_read_alone(state: State) -> None:
    log = state.log("a", (0.5, "o", b"out\n"), (1.0, "e", b"err\n"))

    assert b"".join(raw(log)) == b"out\nerr\n"
    assert b"".join(raw(log, ["e"])) == b"err\n"
    assert shown(list(lines(log, streams=["o"]))) == [(0.5, "o", b"out")]


def test_a_last_line_without_a_newline_is_a_line(state: State) -> None:
    log = state.log("a", (0.5, "o", b"one\ntwo"))

    assert [(line.text, line.ends) for line in lines(log)] == [(b"one", True), (b"two", False)]


def test_a_cut_is_told_where_it_was_made(state: State) -> None:
    log = state.log("a", (0.5, "o", b"one\nbeg"), (9.0, "x", b"1234"), (9.0, "o", b"end\n"))

    assert list(lines(log)) == [
        Line(0.5, "o", b"one"),
        Line(0.5, "o", b"beg", ends=False),
        Line(9.0, "x", b"", dropped=1234),
        Line(9.0, "o", b"end"),
    ]
    assert b"".join(raw(log)) == b"one\nbegend\n"


INDEXES = {
    "missing": None,
    "empty": "",
    "torn": "500000 o 4\n1000000 e",
    "torn after a number": "500000 o 4\n1000000 e 1",
    "garbled": "500000 o 4\nhello\n9 o 1\n",
    "negative": "500000 o 4\n-1 o -4\n",
    "unknown stream": "500000 o 4\n1 z 4\n",
}


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES.keys())
def test_what_the_index_does_not_cover_counts_as_stdout(state: State, index: str | None) -> None:
    log = state.log("a", (0.5, "o", b"one\n"), (1.0, "e", b"two\n"))
    path = Path(log + ".idx")
    path.unlink() if index is None else path.write_text(index)

    assert [(line.stream, line.text) for line in lines(log)] == [("o", b"one"), ("o", b"two")]


def test_an_index_that_promises_more_than_there_is_gives_what_there_is(state: State) -> None:
    log = state.log("a", (0.5, "o", b"one\n"))
    Path(log + ".idx").write_text("500000 o 4000\n600000 e 7\n")

    assert shown(list(lines(log))) == [(0.5, "o", b"one")]


def test_a_long_line_comes_in_parts(state: State) -> None:
    log = state.log("a", (0.5, "o", b"x" * 200_000 + b"\nend\n"))

    found = list(lines(log))

    assert max(len(line.text) for line in found) <= log_line.MAX_LINE
    assert b"".join(line.text for line in found[:-1]) == b"x" * 200_000
    assert [line.ends for line in found[-3:]] == [False, True, True]


def test_all_bytes_come_back_raw(state: State) -> None:
    everything = bytes(range(256)) * 3
    log = state.log("a", (0.5, "o", everything))

    assert b"".join(raw(log)) == everything


# --- the last lines ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3, 100, 30_000])
def test_the_last_lines_are_the_end_of_all_lines(state: State, count: int) -> None:
    pieces = [(number / 10, "oe"[number % 2], b"line %d " % number + b"." * 20 + b"\n") for number in range(20_000)]
    log = state.log("a", *pieces)

    assert last_lines(log, count) == (list(lines(log))[-count:] if count else [])


def test_the_last_lines_of_one_huge_line_are_its_end(state: State) -> None:
    log = state.log("a", (1.0, "o", b"x" * 600_000 + b"end"))

    [last] = last_lines(log, 1)

    assert last.text.endswith(b"xend")


def test_the_last_lines_before_a_torn_index_are_there(state: State) -> None:
    log = state.log("a", *[(1.0, "o", b"x" * 99 + b"\n")] * 10_000)
    Path(log + ".idx").write_text("1 o 3\n")

    assert len(last_lines(log, 5000)) == 5000


# --- secrets -------------------------------------------------------------------------------------------------------


def test_secrets_are_masked_the_longest_first(state: State) -> None:
    log = state.log("a", (1.0, "o", b"key hunter2hunter2 and hunter2h\n"))

    [line] = lines(log, secrets=["hunter2h", "hunter2hunter2"])

    assert line.text == b"key *** and ***"


def test_a_secret_that_was_written_in_pieces_is_masked(state: State) -> None:
    log = state.log("a", (1.0, "o", b"key hun"), (1.1, "e", b"noise"), (1.2, "o", b"ter2hunter2\n"))

    assert b"".join(line.text for line in lines(log, secrets=["hunter2hunter2"])) == b"key ***noise"


def test_no_secret_is_shown_in_halves_where_the_middle_was_dropped(state: State) -> None:
    log = state.log("a", (1.0, "o", b"key hunter2h"), (2.0, "x", b"1234"), (3.0, "o", b"unter2 noise\nmore\n"))

    shown = [line.text for line in lines(log, secrets=["hunter2hunter2"])]

    assert shown == [b"key ***", b"", b"*** noise", b"more"]


@given(padding=st.integers(65_400, 65_600), secret=st.text("abcdefgh", min_size=8, max_size=40), twice=st.booleans())
def test_no_secret_is_shown_in_halves_where_a_long_line_is_cut(
    tmp_path_factory: pytest.TempPathFactory, padding: int, secret: str, twice: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"." * padding + secret.encode() * (2 if twice else 1) + b"." * 70_000 + b"\n")

    text = b"".join(line.text for line in lines(str(path), secrets=[secret]))

    assert secret.encode() not in text
    assert text.count(b"***") == (2 if twice else 1)


@given(before=st.integers(0, 60), after=st.integers(0, 60))
def test_no_secret_is_shown_in_halves_where_the_last_lines_begin(
    tmp_path_factory: pytest.TempPathFactory, before: int, after: int
) -> None:
    secret = "correct-horse-battery"
    path = tmp_path_factory.mktemp("log") / "log"
    tail = b"y" * 40 + b"\n"
    many = log_reader.LAST_BYTES // len(tail)
    path.write_bytes(b"x" * before + secret.encode() + b"." * after + b"\n" + tail * many)

    text = b"\n".join(line.text for line in last_lines(str(path), many + 1, secrets=[secret]))

    assert not any(secret[cut:].encode() in text for cut in range(len(secret) - 3))


def test_a_log_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(lines(str(tmp_path / "nothing")))
