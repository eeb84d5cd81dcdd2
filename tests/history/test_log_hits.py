"""A search finds each line that matches once, from either end and part by part, whatever the log is made of."""

import random
import re
from pathlib import Path
from typing import Any

import pytest

from process_control.history.log_line import DROPPED
from process_control.history.log_rows import BOTH, Reading
from process_control.views.log_hits import LogSearch
from process_control.views.log_pages import LogOfRun

SECRET = "hunter2secret"
Entries = list[tuple[str, bytes]]


def log_at(path: Path, *, secrets: tuple[str, ...] = (), is_growing: bool = False) -> LogOfRun:
    return LogOfRun(
        run_id="r",
        job="j",
        path=str(path),
        began=None,
        secrets=secrets,
        is_growing=is_growing,
        doubts=(),
    )


def write(path: Path, entries: Entries) -> None:
    path.write_bytes(b"".join(text for stream, text in entries if stream != "x"))
    Path(f"{path}.idx").write_text("".join(f"1000 {stream} {len(text)}\n" for stream, text in entries))


def made_up(dice: random.Random) -> Entries:
    """Return what a job prints: words that are searched for, whole and in halves, on both streams."""
    parts = [b"needle", b"nee", b"dle", b"\n", b"\n", SECRET.encode(), b"50%\r", "größe".encode(), b"other ", b"\xff"]
    count = dice.randint(5, 150)
    return [(dice.choice("oooeeex"), b"".join(dice.choices(parts, k=dice.randint(1, 8)))) for _ in range(count)]


def places(found: dict[str, Any]) -> list[tuple[int, str]]:
    return [(hit["line"]["offset"], hit["line"]["text"]) for hit in found["hits"]]


def all_forward(log: LogOfRun, regex: str, *, window_bytes: int, limit: int) -> list[tuple[int, str]]:
    found, after, is_all = [], 0, False
    while not is_all:
        part = LogSearch(log, regex, BOTH, window_bytes=window_bytes).forward(after, limit)
        found += places(part)
        after, is_all = part["edge"], part["is_all"]
    return found


def all_back(log: LogOfRun, regex: str, *, window_bytes: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    before, is_all = None, False
    while not is_all:
        part = LogSearch(log, regex, BOTH, window_bytes=window_bytes).back(before)
        found += places(part)
        before, is_all = part["edge"], part["is_all"]
    return found


REGEXES = [
    "needle",
    "ffnee",
    "needle|größe",
    "^nee",
    "dle$",
    r"n\w+e d?",
    r"\*\*\*",
    "2secret",
    "needle(?!d)",
    "(?si)NEE.*LE$",
]


@pytest.mark.parametrize("regex", REGEXES)
@pytest.mark.parametrize("seed", range(4))
def test_each_line_that_matches_is_found_once_from_either_end(tmp_path: Path, regex: str, seed: int) -> None:
    dice, log = random.Random(seed), log_at(tmp_path / "a.log", secrets=(SECRET,))
    write(Path(log.path), made_up(dice))
    lines = [line for line in Reading(log.path, secrets=log.secrets).lines() if line.stream != DROPPED]
    found = [line for line in lines if re.search(regex, line.shown.decode("utf-8", "backslashreplace"))]
    wanted = sorted((line.offset, line.text.decode("latin-1")) for line in found)

    window_bytes = dice.randint(20, 500)
    assert sorted(all_forward(log, regex, window_bytes=window_bytes, limit=dice.randint(1, 9))) == wanted
    assert sorted(all_back(log, regex, window_bytes=window_bytes)) == wanted
    assert all(SECRET not in text for _, text in wanted)


def test_what_is_searched_is_what_is_shown(tmp_path: Path) -> None:
    log = log_at(tmp_path / "a.log", secrets=(SECRET,))
    write(Path(log.path), [("o", b"10% needle\r100%\nneed"), ("e", b"needle\n"), ("o", f"le {SECRET}\n".encode())])
    lines = {line.shown.decode() for line in Reading(log.path, secrets=log.secrets).lines()}

    assert {text.rpartition("\r")[2] for _, text in all_back(log, "needle", window_bytes=8)} <= lines
    assert all_back(log, "10%", window_bytes=8) == []
    assert [text for _, text in all_back(log, r"needle \*", window_bytes=8)] == ["needle ***"]


def test_a_line_that_had_not_ended_is_found_when_the_search_is_continued(tmp_path: Path) -> None:
    log = log_at(tmp_path / "a.log", is_growing=True)
    write(Path(log.path), [("o", b"needle 1\nnee"), ("e", b"other\n")])
    first = LogSearch(log, "needle", BOTH).forward(0, 10)
    write(Path(log.path), [("o", b"needle 1\nnee"), ("e", b"other\n"), ("o", b"dle 2\n")])
    second = LogSearch(log, "needle", BOTH).forward(first["edge"], 10)

    assert [text for _, text in places(first)] == ["needle 1"]
    assert [text for _, text in places(second)] == ["needle 2"]
