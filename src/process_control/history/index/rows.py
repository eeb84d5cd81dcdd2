"""Records of the journal as rows of the index: which key of an event goes to which column, and the SQL for it.

All of it is made from the table of records.
"""

import json
import re
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from process_control.core.records import FIELDS, NEVER_NULL, Field, run_columns
from process_control.history.index.run_facts import Row

Plain = str | int | float | bool | None

#: The events that make a run, or add to one.
START, END, SKIP, FAULT = EVENTS = "start", "end", "skip", "fault"


def _keys(event: str, *, needed: bool, nested: bool) -> tuple[str, ...]:
    of_event = [field for field in FIELDS if event in field.columns and (event in field.needed) is needed]
    return tuple([field.name for field in of_event if (_kind(field) is not None) is nested])


def _kind(field: Field) -> type | None:
    """Return the type of a field that is JSON in its column; None for a plain one."""
    return list if field.kind.startswith("[") else dict if field.kind == "map" else None


#: By event: the keys without which a record makes no run.
TEXTS = {event: _keys(event, needed=True, nested=False) for event in EVENTS}
FACTS = {event: _keys(event, needed=False, nested=False) for event in EVENTS}
_KINDS = {field.name: kind for field in FIELDS if (kind := _kind(field)) is not None}
#: By event: the keys that are JSON in their column, with the type of their value.
NESTED = {event: {key: _KINDS[key] for key in _keys(event, needed=False, nested=True)} for event in EVENTS}

_BY_NAME = {field.name: field for field in FIELDS}
COLUMNS = run_columns()
_TYPES = {"text": "TEXT", "time": "TEXT", "number": "REAL", "whole": "INTEGER", "boolean": "INTEGER"}
_NUMBERS = {name for name in COLUMNS if _TYPES.get(_BY_NAME[name].kind) in ("REAL", "INTEGER")}
_EMPTY_ROW = dict.fromkeys(COLUMNS)
#: The columns of a Row, for SELECT.
SELECTED = ", ".join(Row._fields)


def columns(*names: str) -> Callable[[tuple[Any, ...]], Any]:
    """Return a function that takes these columns from a row of SELECTED (a plain tuple: cheaper than a Row)."""
    return itemgetter(*[Row._fields.index(name) for name in names])


def run_table() -> str:
    """Return the SQL that makes the table of runs.

    `day` is that of the journal's last line about the run. The table is STRICT: a value of another type is garbled.
    """
    columns = [
        f"{name} {_TYPES.get(_BY_NAME[name].kind, 'TEXT')}{' NOT NULL' if name in NEVER_NULL else ''}"
        for name in COLUMNS
    ]
    return f"CREATE TABLE run ({', '.join(columns)}, day TEXT NOT NULL, PRIMARY KEY (run_id)) STRICT"


def keys_of(event: str) -> tuple[str, ...]:
    """Return the keys of an event that have a column, in the order of the row."""
    return (*TEXTS[event], *FACTS[event], *NESTED[event])


def filled_columns(event: str) -> list[tuple[str, int]]:
    """Return the columns that the event fills, each with the number of its value in the row, from 1."""
    keys = enumerate(keys_of(event), start=1)
    return [(column, number) for number, key in keys for column in _BY_NAME[key].columns[event]]


def _insert(event: str, words: str, *, more: str = "") -> str:
    columns = [*filled_columns(event), ("day", len(keys_of(event)) + 1)]
    names, values = ", ".join(name for name, _ in columns), ", ".join(f"?{number}" for _, number in columns)
    return f"{words} INTO run ({names}) VALUES ({values}){more}"


def _update(event: str) -> str:
    number_of = dict(filled_columns(event))
    run_id, job = number_of.pop("run_id"), number_of.pop("job")
    changed = ", ".join(f"{column} = ?{number}" for column, number in number_of.items())
    return f"UPDATE run SET {changed} WHERE run_id = ?{run_id} AND job = ?{job}"


SQL = {
    START: _insert(START, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    END: _insert(END, "INSERT OR REPLACE"),
    SKIP: _insert(SKIP, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    FAULT: _update(FAULT),
}
#: The indexes of these two values in a row: the same for every event.
RUN_ID, JOB = (keys_of(END).index(key) for key in ("run_id", "job"))


def is_sound(event: str, what: dict[str, Any]) -> bool:
    """Return whether the record makes a run: it has all necessary texts."""
    return all(isinstance(what.get(key), str) for key in TEXTS[event])


def row_of(event: str, what: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of a sound record in the order of `keys_of`."""
    nested = (_json(what.get(key), kind) for key, kind in NESTED[event].items())
    return (*(what.get(key) for key in (*TEXTS[event], *FACTS[event])), *nested)


def _json(value: object, kind: type) -> str | None:
    if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(each, dict) for each in value)):
        return None
    return json.dumps(value)


def fit_columns(values: dict[str, Any]) -> bool:
    """Return whether the values of an end have the types of their columns, as SQLite demands of the journal's."""
    return all(
        value is None or (isinstance(value, int | float) if name in _NUMBERS else _is_text(value))
        for name, value in values.items()
    )


def _is_text(value: object) -> bool:
    """Return whether it is a text that SQLite accepts: without half a surrogate pair."""
    return isinstance(value, str) and (value.isascii() or not re.search("[\ud800-\udfff]", value))


def with_day(event: str, row: tuple[Any, ...], day: str) -> tuple[Any, ...]:
    """Return the values for the SQL of the event."""
    return row if event == FAULT else (*row, day)


def run_values(end: dict[str, Any]) -> dict[str, Any]:
    """Return all columns of the run of a sound end record."""
    row = row_of(END, end)
    return {**_EMPTY_ROW, **{column: row[number - 1] for column, number in filled_columns(END)}}
