"""Records of the journal as rows of the index: which key of an event goes to which column, and the SQL for it.

All of it follows from the table of records, so rows are put together and taken apart by the names of their columns.
"""

import json
import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from process_control.core.records import FIELDS, NEVER_NULL, Field, run_columns
from process_control.history.index.run_facts import Row

Plain = str | int | float | bool | None

START, END, SKIP, FAULT = EVENTS = "start", "end", "skip", "fault"
"""The events that make a run, or say more of it."""


def _keys(event: str, *, needed: bool, nested: bool) -> tuple[str, ...]:
    of_event = [field for field in FIELDS if event in field.columns and (event in field.needed) is needed]
    return tuple([field.name for field in of_event if (_kind(field) is not None) is nested])


def _kind(field: Field) -> type | None:
    """Return what a value is that is JSON in its column too; None for a plain one."""
    return list if field.kind.startswith("[") else dict if field.kind == "map" else None


TEXTS = {event: _keys(event, needed=True, nested=False) for event in EVENTS}
"""Without these a record tells of no run."""
FACTS = {event: _keys(event, needed=False, nested=False) for event in EVENTS}
_KINDS = {field.name: kind for field in FIELDS if (kind := _kind(field)) is not None}
NESTED = {event: {key: _KINDS[key] for key in _keys(event, needed=False, nested=True)} for event in EVENTS}
"""What is JSON in its column too, and what it is when it makes sense."""

_BY_NAME = {field.name: field for field in FIELDS}
COLUMNS = run_columns()
_TYPES = {"text": "TEXT", "time": "TEXT", "number": "REAL", "whole": "INTEGER", "boolean": "INTEGER"}
_NUMBERS = {name for name in COLUMNS if _TYPES.get(_BY_NAME[name].kind) in ("REAL", "INTEGER")}
_NOTHING = dict.fromkeys(COLUMNS)
SELECTED = ", ".join(Row._fields)
"""What is selected for a Row."""


def columns(*names: str) -> Callable[[tuple[Any, ...]], Any]:
    """Return what takes these columns out of a row of SELECTED: a plain tuple, for a million cost less than Rows."""
    return itemgetter(*[Row._fields.index(name) for name in names])


def run_table() -> str:
    """Return the SQL that makes the table of runs.

    `day` is that of the journal's last line about the run. STRICT: what is of another kind than its column is garbled.
    """
    columns = [
        f"{name} {_TYPES.get(_BY_NAME[name].kind, 'TEXT')}{' NOT NULL' if name in NEVER_NULL else ''}"
        for name in COLUMNS
    ]
    return f"CREATE TABLE run ({', '.join(columns)}, day TEXT NOT NULL, PRIMARY KEY (run_id)) STRICT"


def keys_of(event: str) -> tuple[str, ...]:
    """Return the keys of an event that have a column, in the order of the row."""
    return (*TEXTS[event], *FACTS[event], *NESTED[event])


def _columns(event: str) -> list[tuple[str, int]]:
    """Return each column that the event fills, with the number of the value in the row."""
    keys = enumerate(keys_of(event), start=1)
    return [(column, number) for number, key in keys for column in _BY_NAME[key].columns[event]]


def _insert(event: str, words: str, *, more: str = "") -> str:
    columns = [*_columns(event), ("day", len(keys_of(event)) + 1)]
    names, values = ", ".join(name for name, _ in columns), ", ".join(f"?{number}" for _, number in columns)
    return f"{words} INTO run ({names}) VALUES ({values}){more}"


def _update(event: str) -> str:
    number_of = dict(_columns(event))
    run_id, job = number_of.pop("run_id"), number_of.pop("job")
    changed = ", ".join(f"{column} = ?{number}" for column, number in number_of.items())
    return f"UPDATE run SET {changed} WHERE run_id = ?{run_id} AND job = ?{job}"


SQL = {
    START: _insert(START, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    END: _insert(END, "INSERT OR REPLACE"),
    SKIP: _insert(SKIP, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    FAULT: _update(FAULT),
}
RUN_ID, JOB = (keys_of(END).index(key) for key in ("run_id", "job"))
"""Where these two are among the values of a record: the same place for every event."""


def is_sound(event: str, what: dict[str, Any]) -> bool:
    """Whether the record tells of a run."""
    return all(isinstance(what.get(key), str) for key in TEXTS[event])


def row_of(event: str, what: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of a sound record in the order of `keys_of`."""
    nested = (_json(what.get(key), kind) for key, kind in NESTED[event].items())
    return (*(what.get(key) for key in (*TEXTS[event], *FACTS[event])), *nested)


def _json(value: object, kind: type) -> str | None:
    if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(each, dict) for each in value)):
        return None
    return json.dumps(value)


def fit_their_columns(values: dict[str, Any]) -> bool:
    """Whether the values of an end are of the kinds that the journal's have to be (SQLite looks there)."""
    return all(
        value is None or (isinstance(value, int | float) if name in _NUMBERS else _is_text(value))
        for name, value in values.items()
    )


def _is_text(value: object) -> bool:
    """Whether it is a text that SQLite takes: without half a surrogate pair."""
    return isinstance(value, str) and (value.isascii() or not re.search("[\ud800-\udfff]", value))


def with_day(event: str, row: tuple[Any, ...], day: str) -> tuple[Any, ...]:
    """Return what the SQL of the event is given."""
    return row if event == FAULT else (*row, day)


def run_values(end: dict[str, Any]) -> dict[str, Any]:
    """Return all columns of the run that a sound end record tells of."""
    row = row_of(END, end)
    return {**_NOTHING, **{column: row[number - 1] for column, number in _columns(END)}}
