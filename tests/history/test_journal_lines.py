"""A line of the journal makes the same row whether it is read straight into the columns or looked at by hand."""

import json
import random
from typing import Any

import pytest

from kit.harness import Storm
from process_control.history.index.fast_lines import Garbled, Lines
from process_control.history.index.rows import END, FACTS, NESTED, START, TEXTS, is_sound, row_of

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, "", "text", "a\tb", "caf\u00e9 \u2713", '"quoted"\\', [], [1, "x"], {},
    {"a": [None]},
]  # fmt: skip


def by_hand(line: bytes) -> object:
    """Return what the line is worth by `json` alone; nested values as values."""
    try:
        what = json.loads(line)
    except ValueError:
        return Garbled
    if not isinstance(what, dict) or not isinstance(what.get("event"), str):
        return Garbled
    event = what["event"]
    if event not in TEXTS:
        return None
    return (event, plain(event, row_of(event, what))) if is_sound(event, what) else Garbled


def read(lines: Lines, line: bytes) -> object:
    try:
        found = lines.read(line)
    except Garbled:
        return Garbled
    return None if found is None else (found[0], plain(*found))


def plain(event: str, row: tuple[Any, ...]) -> list[Any]:
    """Return the row with its JSON columns as values: spaces in JSON mean nothing."""
    count = len(NESTED[event])
    nested = [None if text is None else json.loads(text) for text in row[len(row) - count :]]
    return [*row[: len(row) - count], *nested]


def any_record(dice: random.Random) -> dict[str, Any]:
    event = dice.choice([*TEXTS, *TEXTS, "later"])
    keys = [*TEXTS.get(event, ()), *FACTS.get(event, ()), *NESTED.get(event, ())]
    record: dict[str, Any] = {"event": event, **dict.fromkeys(keys, "text")}
    for key in keys:
        if key in NESTED.get(event, ()):
            record[key] = dice.choice([[], [{"attempt": 1, "detail": dice.choice(ODD)}], {"rule": 1}, None, *ODD])
        elif dice.random() < (0.02 if key in TEXTS[event] else 0.3):
            record[key] = dice.choice(ODD)
        if dice.random() < 0.03:
            del record[key]
    return {**record, "key of a later version": dice.choice(ODD)}


@pytest.mark.fault("random records of the journal", small=2_500, full=500_000, wanted="the row that json makes")
def test_any_record_makes_the_row_that_a_look_by_hand_makes(storm: Storm) -> None:
    dice, lines = random.Random(5), Lines()
    for _ in storm.rounds():
        record = any_record(dice)
        line = json.dumps(record, ensure_ascii=dice.random() < 0.5, separators=(",", ":")).encode()

        assert read(lines, line) == by_hand(line), line


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"1", b'{"event": 1}', b'{"event":"end"}', b'{"event":"start","run_id":"1","job":"j"}', b"\xff"],
)
def test_what_is_no_record_is_garbled(line: bytes) -> None:
    assert read(Lines(), line) is Garbled


@pytest.mark.parametrize("event", [START, END])
def test_a_text_in_json_that_is_none_makes_the_line_garbled(event: str) -> None:
    sound = {"event": event, **dict.fromkeys(TEXTS[event], "x")}
    line = json.dumps(sound).encode()[:-1] + b', "attempts": ["\\q"]}'

    assert read(Lines(), line) is Garbled
