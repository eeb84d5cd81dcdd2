"""The table of records is whole, and whatever writes a record writes nothing that it does not have.

What real runs write is compared after every test with a box: see `Box.unknown_fields`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.harness import Box, names_of
from kit.sources import PRODUCT, PROJECT, tree_of
from process_control.core.records import BLOCK, EVENTS, FIELDS, Field, run_columns, syslog_fields
from process_control.history.index.run_facts import Row


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_documented_and_belongs_to_known_events(field: Field) -> None:
    assert field.meaning
    assert set(field.events) <= {*EVENTS, BLOCK}
    assert set(field.syslog) <= set(field.events)
    assert set(field.columns) <= set(field.events)
    assert set(field.needed) <= set(field.columns)


def test_every_name_is_there_once() -> None:
    names = [field.name for field in FIELDS]

    assert sorted(set(names)) == sorted(names)


def test_columns_of_csv_have_each_place_once() -> None:
    places = sorted(field.csv for field in FIELDS if field.csv is not None)

    assert places == list(range(len(places)))


def test_each_fact_of_a_run_in_json_has_a_column_in_the_index() -> None:
    assert {field.name for field in FIELDS if field.in_json} <= set(run_columns()) == set(Row._fields)


def test_the_syslog_says_first_what_and_last_where() -> None:
    assert syslog_fields("end")[0] == "run_id"
    assert syslog_fields("end")[-1] == "log"


def records_in(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Yield event and keys of each dict in the source that has a known event."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = {key.value: value for key, value in zip(node.keys, node.values, strict=True) if is_text(key)}
            event = pairs.get("event")
            if isinstance(event, ast.Constant):
                yield str(event.value), set(pairs)


def is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_record_in_the_sources_has_fields_of_the_table_only() -> None:
    written = [(path, *found) for path in PRODUCT for found in records_in(tree_of(path))]

    unknown = [
        f"{path.relative_to(PROJECT)}: {event}: {name}"
        for path, event, keys in written
        for name in sorted(keys)
        if event not in EVENTS or name not in names_of(event)
    ]
    assert unknown == []
    assert {"start", "end", "skip", "attempt", "refusal", "incident", "crontab", "stop"} <= {
        event for _, event, _ in written
    }


def test_a_field_that_the_table_does_not_have_is_found_in_what_a_run_wrote(box: Box) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    day = next(Path(box.state_directory / "journal").iterdir())
    whole = day.read_text()

    assert box.unknown_fields() == []
    day.write_text(whole.rstrip("\0") + '\n{"event":"skip","at":"2026-01-01T00:00:00.000Z","colour":"red"}')
    assert box.unknown_fields() == ["skip: colour"]
    day.write_text(whole)
