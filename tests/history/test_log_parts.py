"""A log that is read part by part gives each line once, as reading it whole does: streams mixed, long lines, gaps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from process_control.history.log_line import STDERR, STDOUT, Line
from process_control.history.log_reader import lines
from process_control.history.log_rows import At, Reading

SECRET = "hunter2secret"
PIECES = st.sampled_from([b"a", SECRET.encode(), b"\n", b"bb\n", b"ccc", b"hunter", b"z" * 70_000])
ENTRIES = st.lists(st.tuples(st.sampled_from("ooeeoex"), st.lists(PIECES, max_size=5).map(b"".join)), max_size=20)


def written(path: Path, entries: Sequence[tuple[str, bytes]], tail: bytes = b"") -> None:
    """Write a log with its index; `tail` is not in the index."""
    index = [
        f"{7 * number} {stream} {9 if stream == 'x' else len(data)}\n" for number, (stream, data) in enumerate(entries)
    ]
    path.write_bytes(b"".join(data for stream, data in entries if stream != "x") + tail)
    path.with_name(f"{path.name}.idx").write_text("".join(index))


def shown(line: Line) -> tuple[Any, ...]:
    return line.stream, line.text, line.ends, line.dropped, line.seconds


def read_in_parts(path: Path, streams: Sequence[str], secrets: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
    found, at, is_at_end = [], At(), False
    while not is_at_end:
        reading = Reading(str(path), after=sent_back(at), streams=streams, secrets=secrets)
        rows: list[Line] = []
        for group in reading.groups():
            rows += group
            if len(rows) >= limit and reading.is_between_lines:
                break
        found += map(shown, rows)
        at, is_at_end = reading.at, reading.is_at_end
    return found


def sent_back(at: At) -> At:
    found = At.of(str(at), may_have_gaps=True)
    assert found == at
    return at


@given(
    entries=ENTRIES,
    tail=st.sampled_from([b"", b"more", b"more\nx"]),
    streams=st.sampled_from([[STDOUT, STDERR], [STDERR], [STDOUT]]),
    secrets=st.sampled_from([[], [SECRET]]),
    limit=st.sampled_from([1, 2, 7]),
)
def test_parts_are_the_whole(
    tmp_path_factory: Any, entries: Any, tail: bytes, streams: list[str], secrets: list[str], limit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "parts.log"
    written(path, entries, tail)

    whole = [shown(line) for line in lines(str(path), streams=streams, secrets=secrets)]
    assert read_in_parts(path, streams, secrets, limit) == whole


def test_a_line_without_an_end_is_read_in_parts_too_and_no_half_of_a_secret_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    written(path, [("o", (b"x" * 999 + SECRET.encode()) * 3000)])
    at, texts, parts = At(), [], 0
    while True:
        reading = Reading(str(path), after=sent_back(at), secrets=[SECRET])
        for number, group in enumerate(reading.groups()):
            texts += [line.text for line in group]
            if number == 1:
                texts += [each.text for each in reading.cut()]
                break
        at, parts = reading.at, parts + 1
        if reading.is_at_end:
            break

    text = b"".join(texts)
    assert parts > 5
    assert text.count(b"x") == 999 * 3000
    assert set(text) <= set(b"x*")


def test_what_grows_is_continued_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    entries = [("o", b"one\ntw"), ("e", b"err\n")]
    written(path, entries)
    first = Reading(str(path), is_growing=True)
    begun = [line.text for line in first.lines()]
    written(path, [*entries, ("o", b"o\nthree\n")])
    second = Reading(str(path), after=first.at, is_growing=True)

    assert begun == [b"one", b"err"]
    assert [line.text for line in second.lines()] == [b"two", b"three"]
