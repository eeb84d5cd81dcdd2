"""Records of the journal as rows of the index: which key of an event goes to which column, and the SQL for it."""

import json
import re
from typing import Any

Plain = str | int | float | bool | None

START, END, SKIP, FAULT = "start", "end", "skip", "fault"

TEXTS = {  # a record without these tells of no run
    START: ("run_id", "job", "at"),
    END: ("run_id", "job", "started_at", "outcome", "at"),
    SKIP: ("run_id", "job", "at", "outcome"),
    FAULT: ("run_id", "job", "health_fault"),
}
FACTS = {
    START: (
        "trigger", "scheduled_at", "log", "slow_start", "by", "host", "version", "pid", "pid_start", "boot_id",
        "pid_ns",
    ),
    END: (
        "duration_seconds", "trigger", "scheduled_at", "reason", "detail", "exit_code", "signal", "stdout_bytes",
        "stderr_bytes", "log_dropped_bytes", "cpu_seconds", "memory_bytes", "log", "slow_start", "by", "host",
        "version", "verdict", "read_bytes", "written_bytes", "cpu_of", "memory_of", "log_error",
        "record_fault", "health_fault",
    ),
    SKIP: ("trigger", "scheduled_at", "reason", "detail", "by", "host"),
    FAULT: (),
}  # fmt: skip
NESTED: dict[str, dict[str, type]] = {
    START: {},
    END: {"attempts": list, "decided_by": dict},
    SKIP: {},
    FAULT: {},
}
"""What is JSON in its column too, and what it is when it makes sense."""

_NUMBERS = (
    "duration_seconds", "exit_code", "stdout_bytes", "stderr_bytes", "log_dropped_bytes", "cpu_seconds", "memory_bytes",
    "read_bytes", "written_bytes", "slow_start",
)  # fmt: skip
_COLUMNS = {END: {"at": "ended_at", "started_at": "at"}}


def keys_of(event: str) -> tuple[str, ...]:
    """Return the keys of an event that have a column, in the order of the row."""
    return (*TEXTS[event], *FACTS[event], *NESTED[event])


def _sql(event: str, words: str, *, more: str = "") -> str:
    names = _COLUMNS.get(event, {})
    columns = [*(names.get(key, key) for key in keys_of(event)), *(["ended_at"] if event == SKIP else []), "day"]
    return f"{words} INTO run ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}){more}"


SQL = {
    START: _sql(START, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    END: _sql(END, "INSERT OR REPLACE"),
    SKIP: _sql(SKIP, "INSERT", more=" ON CONFLICT (run_id) DO NOTHING"),
    FAULT: "UPDATE run SET health_fault = ?3 WHERE run_id = ?1 AND job = ?2",
}


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
    if event == FAULT:
        return row
    return (*row, row[2], day) if event == SKIP else (*row, day)


def run_values(end: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the run that a sound end record tells of."""
    names = _COLUMNS[END]
    return {names.get(key, key): value for key, value in zip(keys_of(END), row_of(END, end), strict=True)}
