"""The JSON Schema of the job file says what the reader says, as far as a schema can."""

import jsonschema
import pytest
import yaml

from kit.harness import PROJECT
from process_control.config.job_file import read_job
from process_control.config.keys.field import example_entry
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.json_schema import job_schema
from process_control.errors import BadConfiguration

VALIDATOR = jsonschema.Draft7Validator(job_schema())


def loads(text: str) -> bool:
    try:
        read_job(text.encode(), slug="a", path="/a", default_values={}, log_bytes=1)
    except BadConfiguration:
        return False
    return True


class Editor(yaml.SafeLoader):
    """Reads as editors do, by YAML 1.2: `on` is a text."""


Editor.yaml_implicit_resolvers = {
    first: rules for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items() if first not in "oO"
}


def fits(text: str) -> bool:
    return bool(VALIDATOR.is_valid(yaml.load(text, Loader=Editor)))


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(job_schema())


@pytest.mark.parametrize("field", JOB_FIELDS, ids=lambda field: field.key)
def test_the_example_of_every_key_fits(field) -> None:  # type: ignore[no-untyped-def]
    lines = {"name": "name: n", "command": "command: c"} | {field.key: example_entry(field)}

    assert fits("\n".join(lines.values()))


def test_every_supported_key_is_described_and_no_other() -> None:
    properties = job_schema()["properties"]

    assert set(properties) == {field.key for field in JOB_FIELDS}
    assert all(each["description"] for each in properties.values())
    assert [key for key, each in properties.items() if set(each) == {"description"}] == [], "a kind without a schema"


def test_the_published_example_fits() -> None:
    text = (PROJECT / "tests/data/published-example.yaml").read_text()

    assert fits(text.replace("\t", "    "))


GOOD = [
    "timeout: 90s",
    "timeout: 0",
    "tags: a",
    "tags: [a, b]",
    "x-note: {a: 1}",
    "limits: {log_bytes: 1 GB}",
    "name: 5",
]
BAD = [
    "timout: 3",
    "timeout: soon",
    "timeout: -1",
    "stderr: maybe",
    "disabled: 3",
    "tags: []",
    "working_directory: srv",
    "environment: [a]",
    "environment: {1A: b}",
    "environment: {PROCESS_CONTROL_JOB: b}",
    "limits: {log_bytes: much}",
    "limits: {log_byte: 1}",
    "lock: a b",
    "retry: nonsense",
    "command: []",
]


@pytest.mark.parametrize("line", [*GOOD, *BAD])
def test_the_schema_refuses_what_the_reader_refuses(line: str) -> None:
    head = {"name": "name: n", "command": "command: c"}
    text = "\n".join([*(each for key, each in head.items() if not line.startswith(f"{key}:")), line])

    assert (loads(text), fits(text)) == (line in GOOD, line in GOOD)


@pytest.mark.parametrize("text", ["name: n", "command: c", "[]", "text"])
def test_a_job_without_what_it_needs_is_refused(text: str) -> None:
    assert (loads(text), fits(text)) == (False, False)
