"""What follows from the table of keys is up to date, and the table is whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import PROJECT
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.field import Field
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.text_kinds import SLUG
from process_control.config.settings import Settings
from process_control.core.job import is_slug
from tools.keys import example_entry, outputs


@pytest.mark.parametrize("path", outputs(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_generated_file_is_up_to_date(path: Path) -> None:
    stale = "run: python -m tools.keys"

    assert path.read_text(encoding="utf-8") == outputs()[path], stale


def all_fields(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from all_fields(field.fields)


@pytest.mark.parametrize(
    "field", [*all_fields(JOB_FIELDS), *all_fields(CONFIGURATION_FIELDS)], ids=lambda field: field.key
)
def test_every_key_has_what_the_reference_tells(field: Field) -> None:
    assert field.meaning.endswith(".")
    assert field.example
    assert field.kind.form
    assert field.key == field.key.lower()


@pytest.mark.parametrize("field", JOB_FIELDS, ids=lambda field: field.key)
def test_the_example_of_every_key_of_a_job_loads(field: Field) -> None:
    lines = {"name": "name: n", "command": "command: c"}
    lines[field.key] = example_entry(field)

    read_job("\n".join(lines.values()).encode(), slug="a", path="/a", default_values={}, log_bytes=1)


@pytest.mark.parametrize("field", CONFIGURATION_FIELDS, ids=lambda field: field.key)
def test_the_example_of_every_key_of_the_configuration_loads(field: Field) -> None:
    (attribute, *_) = field.attributes

    assert attribute in read_configuration(example_entry(field).encode(), "/c")


def test_every_key_of_the_configuration_is_an_attribute_of_the_settings() -> None:
    attributes = {name for field in CONFIGURATION_FIELDS for name in field.attributes}

    assert attributes <= set(Settings.__slots__)


def test_no_key_stands_in_the_table_twice() -> None:
    for fields in (JOB_FIELDS, CONFIGURATION_FIELDS):
        keys = [field.key for field in fields]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("text", ["a", "a-b", "A_1", "", "-a", "a.b", "a" * 64, "a" * 65, "ä", "a\n", "²"], ids=ascii)
def test_slugs_and_locks_follow_one_rule(text: str) -> None:
    assert is_slug(text) == bool(SLUG.fullmatch(text))
