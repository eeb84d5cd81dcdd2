"""The places of lines in a log: each line is on one page and comes once, whatever the log is made of."""

import random
from pathlib import Path

import pytest

from process_control.history.log_line import DROPPED, Line
from process_control.history.log_rows import At, Reading
from process_control.views.log_pages import LogOfRun, news_of, page_after, page_before, whole_line

SECRET = b"hunter2secret"
Entries = list[tuple[str, bytes]]


def made_up(dice: random.Random) -> Entries:
    """Return what a job prints: parts of lines on both streams, halves of a secret, long lines, what was dropped."""
    entries: Entries = []
    for _ in range(dice.randint(0, 200)):
        parts = [b"\n", b"word%d " % dice.randint(0, 9999), SECRET, SECRET[: dice.randint(1, 12)], b"50%\r", b"\n"]
        if dice.random() < 0.02:
            parts = [b"y" * dice.randint(60_000, 140_000)]
        if dice.random() < 0.02:
            entries.append((DROPPED, b""))
        entries.append((dice.choice("ooe"), b"".join(dice.choices(parts, k=dice.randint(1, 5)))))
    return entries


def write(path: Path, entries: Entries, *, unindexed: bytes = b"") -> None:
    path.write_bytes(b"".join(text for _, text in entries) + unindexed)
    index = "".join(f"1000 {stream} {len(text) or 7}\n" for stream, text in entries)
    Path(f"{path}.idx").write_text(index)


def key(line: Line) -> tuple[int, str, bytes, bool]:
    return line.offset, line.stream, line.text[:100], line.ends


@pytest.fixture(params=[(), (SECRET.decode(),)], ids=["open", "secret"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> LogOfRun:
    return LogOfRun(
        run_id="r",
        job="j",
        path=str(tmp_path / "a.log"),
        began=None,
        secrets=request.param,
        is_growing=False,
        doubts=(),
    )


@pytest.mark.parametrize("seed", range(8))
def test_each_line_is_on_one_page_from_either_end(log: LogOfRun, seed: int) -> None:
    dice = random.Random(seed)
    write(Path(log.path), made_up(dice))
    wanted = sorted(map(key, Reading(log.path, secrets=log.secrets).rows()))

    count = dice.randint(1, 60)
    backwards: list[tuple[int, str, bytes, bool]] = []
    page = page_before(log, count=count)
    backwards += map(key, page.rows)
    while page.older is not None:
        page = page_before(log, page.older, count=count)
        backwards += map(key, page.rows)
    page = page_after(log, 0, count=count)
    forwards = [(row.offset, row.stream) for row in page.rows]
    while page.newer is not None:
        page = page_after(log, page.newer, count=count)
        forwards += [(row.offset, row.stream) for row in page.rows]

    assert sorted(backwards) == wanted
    assert sorted(forwards) == sorted((offset, stream) for offset, stream, *_ in wanted)
    for offset, stream, text, _ in wanted:
        if stream != DROPPED:
            assert next(whole_line(log, offset)).text[:100] == text


@pytest.mark.parametrize("seed", range(8))
def test_what_comes_is_read_once_wherever_a_reader_stops(log: LogOfRun, seed: int) -> None:
    dice = random.Random(seed)
    entries, path = made_up(dice), Path(log.path)
    write(path, entries)
    wanted = sorted(map(key, Reading(log.path, secrets=log.secrets).rows()))

    found: list[Line] = []
    at, half = At(), dice.randint(0, len(entries))
    write(path, entries[:half], unindexed=b"".join(text for _, text in entries[half:])[:20])
    for is_growing in (True, False):
        news = None
        while news is None or news.at != at:
            at = at if news is None else At.of(str(news.at)) or At()
            news = news_of(log, at, is_growing=is_growing, stop=at.position + dice.randint(5_000, 50_000))
            found += news.rows
        write(path, entries)

    assert sorted(map(key, found)) == wanted


def test_no_place_shows_a_part_of_a_secret(log: LogOfRun) -> None:
    write(Path(log.path), [("o", b"it is hunt"), ("e", b"other\n"), ("o", b"er2secret.\nnext\n")])
    for offset in range(35 if log.secrets else 0):
        for page in (page_before(log, offset), page_after(log, offset)):
            text = b"".join(row.text for row in [*page.rows, *page.begun])
            assert b"secret" not in text
            assert b"hunt" not in text
