"""Parses lines of the journal straight into rows of the index, if they are as we write them: nearly all are.

Other lines (values of other types, events that make no run) take a slower path. Imported only when there are new lines:
msgspec takes time to import.
"""

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from process_control.core.records import EVENTS as ALL_EVENTS
from process_control.core.records import NOT_IN_JOURNAL
from process_control.history.index.rows import EVENTS, FACTS, NESTED, TEXTS, Plain, is_sound, row_of

NULL = msgspec.Raw(b"null")
#: What the index keeps as it is, since it makes no run: see the table `event`.
OTHER_EVENTS = frozenset(ALL_EVENTS) - {*EVENTS, *NOT_IN_JOURNAL, "attempt"}
CLOCKS = ("at", "boot_id", "up", "written_at")
Clocks = tuple[Any, Any, Any, Any]


def _struct_of(event: str) -> type[msgspec.Struct]:
    """Return what a record of the event is read into: the values of its row first, in their order."""
    texts = [(key, str) for key in TEXTS[event]]
    facts = [(key, Plain, None) for key in FACTS[event]]
    nested = [(key, msgspec.Raw, NULL) for key in NESTED[event]]
    clocks = [(key, Plain, None) for key in CLOCKS if key not in (*TEXTS[event], *FACTS[event])]
    return msgspec.defstruct(event, [*texts, *facts, *nested, *clocks], tag_field="event", tag=event)


_STRUCTS = {event: _struct_of(event) for event in EVENTS}
_OPENINGS: dict[type, bytes] = {list: b"[", dict: b"{"}
#: The opening bracket of each JSON value at the end of a row.
_NESTED = {event: [_OPENINGS[kind] for kind in NESTED[event].values()] for event in EVENTS}
_LENGTHS = {event: len(TEXTS[event]) + len(FACTS[event]) + len(NESTED[event]) for event in EVENTS}
_NO_CLOCKS = (None, None, None, None)


class Garbled(ValueError):
    """A line that is no record."""


class Lines:
    """A parser of lines."""

    def __init__(self) -> None:
        self._typed = msgspec.json.Decoder(reduce(or_, _STRUCTS.values())).decode
        self._any = msgspec.json.Decoder().decode
        self.clocks: Clocks = _NO_CLOCKS

    def read(self, line: bytes) -> tuple[str, tuple[Any, ...]] | None:
        """Return event and row of one line; None for one that the index does not keep. Raises Garbled.

        The row of an event that makes no run is (at, event, job, scheduled_at, the line as text). `clocks` are those
        of the line.
        """
        try:
            record: Any = self._typed(line)
            event = type(record).__name__
            row = msgspec.structs.astuple(record)[: _LENGTHS[event]]
            self.clocks = (record.at, record.boot_id, record.up, record.written_at)
            openings = _NESTED[event]
            if openings:
                row = (*row[: -len(openings)], *map(_plain, row[-len(openings) :], openings))
            return event, row
        except (ValueError, RecursionError):
            return self._read_odd(line)

    def _read_odd(self, line: bytes) -> tuple[str, tuple[Any, ...]] | None:
        try:
            what = self._any(line)
        except (ValueError, RecursionError) as error:
            raise Garbled from error
        if not isinstance(what, dict) or not isinstance(what.get("event"), str):
            raise Garbled
        self.clocks = (what.get("at"), what.get("boot_id"), what.get("up"), what.get("written_at"))
        if what["event"] not in _STRUCTS:
            return _other(what, line)
        if not is_sound(what["event"], what):
            raise Garbled
        return what["event"], row_of(what["event"], what)


def _other(what: dict[str, Any], line: bytes) -> tuple[str, tuple[Any, ...]] | None:
    """Return the row of an event that makes no run; None for one that is not kept."""
    if what["event"] not in OTHER_EVENTS:
        return None
    words = [value if isinstance(value := what.get(key), str) else None for key in ("at", "event", "job")]
    slot = what.get("scheduled_at")
    return what["event"], (*words, slot if isinstance(slot, str) else None, line.decode("utf-8", "replace"))


def _plain(raw: msgspec.Raw, opening: bytes) -> str | None:
    """Return JSON as it is in the line. Raises ValueError if SQLite may not take a text in it: see `_read_odd`."""
    if raw is NULL:
        return None
    found = bytes(raw)
    if not found.startswith(opening):
        return None
    if opening == b"[" and found[1:2] not in (b"{", b"]"):
        raise ValueError("a list that may be of other things than objects")
    text = found.decode("ascii")
    if "\\" in text or not text.isprintable():
        raise ValueError("a text that may be none")
    return text
