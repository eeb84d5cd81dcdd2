"""What a person looks at when the files below it hold odd values: an answer or a word, never a fault of ours.

Torn and garbled bytes are in `test_any_bytes.py`. Here each file is JSON that is well formed and says what no run ever
wrote: another version of the package, another program, or somebody with an editor.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.builders import NOON
from kit.desk import Desk, new_desk
from kit.harness import storm_size
from process_control.core import layout
from process_control.core.health import Health, HoldKind

OF_ALL = [
    ["status"],
    ["status", "--json"],
    ["list"],
    ["history"],
    ["history", "--json"],
    ["audit"],
    ["audit", "--json"],
    ["check"],
]
OF_ONE = [
    ["status", "JOB"],
    ["show", "JOB"],
    ["logs", "JOB", "--times"],
    ["logs", "JOB", "--json"],
    ["logs", "JOB", "--attempt", "1"],
    ["learn", "JOB"],
]
ODD: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        3,
        10**15,
        -(10**30),
        0.5,
        -1e300,
        [],
        [1],
        ["x"],
        {},
        {"x": None},
        [[]],
        [{"log_offset": "x"}],
    ),
    *(
        "",
        "held",
        "2026-03-10T12:00:00.000Z",
        "2026-99-99",
        "2026-03-10",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00.000Z",
    ),
    *("\x1b[2J", "\x9b2J", "\u202e", "\n", "é", "~", "9" * 40, "\ud800", "/dev/null", "../../x", "x" * 3000),
]
GONE = object()
JOB = """
command: /bin/true
schedule: '*/5 * * * *'
slow_start_command: /bin/true
slow_start: {runs: 2}
hold: {after_failures: 3}
backoff: 5m
"""


@pytest.fixture
def odd_desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with new_desk(tmp_path, capsys, monkeypatch) as desk:
        yield desk


def _variants(desk: Desk, record: dict[str, Any], names: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the record with one odd value in it, or one value less, each for a job of its own: the slug tells which.

    Small, each name gets every fifth odd value, the next name the next ones.
    """
    step = storm_size(5, 1)
    for first, name in enumerate(names):
        for number in range(first % step, len(ODD) + 1, step):
            slug, odd = f"{name}-{number}", [*ODD, GONE][number]
            desk.job(slug, JOB)
            variant = {**record, "job": slug, "run_id": f"06a1{zlib.crc32(slug.encode()):012x}", name: odd}
            yield slug, {key: value for key, value in variant.items() if value is not GONE}


def _looks_fine(desk: Desk, *words: str) -> None:
    result = desk.process_control(*words)
    shown = result.stdout + result.stderr
    if words[-1] == "--json" and result.stdout:
        json.loads(result.stdout)
    assert result.exit_code in (0, 1, 2, 3, 66, 74, 78), (words, str(result))
    assert "Traceback" not in shown
    assert [char for char in shown if not char.isprintable() and char not in "\n\t"] == [], words


def _all_views_look_fine(desk: Desk) -> None:
    for words in OF_ALL:
        _looks_fine(desk, *words)
    slugs = sorted(path.stem for path in desk.jobs.iterdir())
    for slug in slugs[:: storm_size(11, 1)]:
        for words in OF_ONE:
            _looks_fine(desk, *(slug if word == "JOB" else word for word in words))


HEALTH = Health(
    failures_in_row=3,
    slow_successes=1,
    since="2026-03-10T12:00:00.000Z",
    by="ann@db1",
    why="its disk is full",
    run_id="06a1bktzm0000001",
    hold_kind=HoldKind.FAILURES,
    evidence="exit_code 78",
    release_at="2126-03-10T12:00:00.000Z",
    probe_at="2026-03-10T13:00:00.000Z",
    probe_run="06a1bktzm0000002",
    is_unproven=True,
    backoff_until="2126-03-10T12:10:00.000Z",
    last_run="06a1bktzm0000001",
    seen={"version": "0123456789ab"},
).to_record()


@pytest.mark.fault("Odd values in journal, block, health, every verb", wanted="shown or told, no traceback")
@pytest.mark.parametrize("state", ["held", "failing", "slow_start"])
def test_any_value_in_a_health_can_be_looked_at(odd_desk: Desk, state: str) -> None:
    for slug, health in _variants(odd_desk, {**HEALTH, "state": state}, HEALTH):
        directory = Path(layout.job(str(odd_desk.state), slug))
        directory.mkdir(parents=True)
        (directory / "health.json").write_text(json.dumps(health))

    _all_views_look_fine(odd_desk)


def _start_and_end(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    log = desk.state.log("backup", (0.5, "o", b"out\n"), (0.7, "e", b"err\n"))
    start = desk.state.start("backup", NOON, log=log)
    told = {"outcome": "failed", "reason": "exit_code", "exit_code": 3, "verdict": "fail", "detail": "exited with 3"}
    return start, desk.state.end_of(start, log=log, decided_by={"rule": 1, "condition": "{}"}, **told)


@pytest.mark.fault("Odd values in journal, block, health, every verb", wanted="shown or told, no traceback")
@pytest.mark.parametrize("event", ["start", "end"])
def test_any_value_in_the_journal_can_be_looked_at(odd_desk: Desk, event: str) -> None:
    start, end = _start_and_end(odd_desk)
    record = start if event == "start" else end
    for _, variant in _variants(odd_desk, record, record):
        odd_desk.state.write(variant, day=f"{NOON:%Y-%m-%d}")

    _all_views_look_fine(odd_desk)


@pytest.mark.fault("Odd values in journal, block, health, every verb", wanted="shown or told, no traceback")
@pytest.mark.long
def test_any_value_of_an_end_that_only_a_block_has_can_be_looked_at(odd_desk: Desk) -> None:
    """The journal had no space when these runs ended."""
    _, end = _start_and_end(odd_desk)
    for slug, variant in _variants(odd_desk, end, end):
        start = odd_desk.state.start(slug, NOON)
        odd_desk.state.block(start, end={**variant, "run_id": start["run_id"]})

    _all_views_look_fine(odd_desk)


@pytest.mark.fault("Odd values in journal, block, health, every verb", wanted="shown or told, no traceback")
def test_any_value_of_a_run_that_only_a_block_has_can_be_looked_at(odd_desk: Desk) -> None:
    """The journal had no space when these runs started, and they go on."""
    start = odd_desk.state.start("backup", NOON, alive=True)
    odd_desk.state.block(start)
    block = json.loads((Path(layout.job(str(odd_desk.state), "backup")) / "block").read_bytes()[512:])
    for slug, variant in _variants(odd_desk, block, block):
        odd_desk.state.block({**start, "job": slug}, **variant)

    _all_views_look_fine(odd_desk)


@pytest.mark.parametrize("microseconds", [0, 10**14, 10**15 - 1, 10**15, 10**19, 10**40])
@pytest.mark.parametrize("length", [0, 1, 10**30])
def test_any_time_in_the_index_of_a_log_can_be_looked_at(odd_desk: Desk, microseconds: int, length: int) -> None:
    log = odd_desk.state.log("backup", (0.5, "o", b"out\n" * 50))
    odd_desk.state.run("backup", NOON, log=log)
    odd_desk.job("backup", JOB)
    lines = [f"{microseconds} {stream} {length}\n" for stream in "oex"]
    Path(f"{log}.idx").write_text("".join(lines))

    _all_views_look_fine(odd_desk)
