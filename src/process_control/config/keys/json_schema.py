"""The JSON Schema (draft 7) of the job file, made from the table of keys, for editors.

It is as strict as a schema can be; schedules, quotes and zones are checked by `lint` only.
"""

from typing import Any

from process_control.config.keys.environment_kinds import ENVIRONMENT, INHERIT
from process_control.config.keys.exclude_kinds import EXCLUDE
from process_control.config.keys.field import Field
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.kind import Kind
from process_control.config.keys.list_kinds import COMMAND, ONE_COMMAND, PATHS, SCHEDULE, TEXTS
from process_control.config.keys.number_kinds import COUNT, SIZE, TIME, TIME_ABOVE_ZERO, TIME_WITHIN_A_DAY, UMASK
from process_control.config.keys.run_on_kinds import PLACES, RUN_ON, WORDS
from process_control.config.keys.text_kinds import LOCK, LONG_TEXT, PATH, SLUG, TEXT

DIALECT = "http://json-schema.org/draft-07/schema#"  # what editors know

Schema = dict[str, Any]

# Every scalar that YAML reads as something else is text to us.
_TEXT: Schema = {"type": ["string", "number"]}
_NAME: Schema = {"type": "string", "minLength": 1}
_PATH: Schema = {"type": "string", "pattern": "^/"}
_TIME: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*[0-9]{1,12}(\.[0-9]{1,6})? ?[smhd]?\s*$"},
    ]
}
_SIZE: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": r"^\s*[0-9]{1,15}(\.[0-9]{1,3})? ?(B|[kKMGT]B|[KMGT]iB)?\s*$"},
    ]
}


def _or_list(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


# No type: a reader of YAML 1.1 makes of a date something that is none of JSON.
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAYS: Schema = {
    "not": {"type": ["number", "boolean", "object", "array", "null"]},
    "pattern": rf"^({_DAY}(\s*\.\.\s*{_DAY})?|holidays:.+|[A-Za-z][A-Za-z0-9_-]*)$",
}

_SCHEMAS_BY_KIND: tuple[tuple[Kind, Schema], ...] = (
    (TEXT, _TEXT),
    (LONG_TEXT, _TEXT),
    (LOCK, {"type": ["string", "integer"], "pattern": f"^{SLUG.pattern}$"}),
    (PATH, _PATH),
    (PATHS, _or_list(_PATH)),
    (TEXTS, _or_list(_TEXT)),
    (COMMAND, _or_list(_NAME)),
    (ONE_COMMAND, _NAME),
    (SCHEDULE, _or_list(_NAME)),
    (EXCLUDE, _or_list(_DAYS)),
    (COUNT, {"type": "integer", "minimum": 1}),
    (TIME, _TIME),
    (TIME_ABOVE_ZERO, _TIME),
    (TIME_WITHIN_A_DAY, _TIME),
    (SIZE, _SIZE),
    (UMASK, {"type": ["string", "integer"]}),
    (
        RUN_ON,
        {
            "anyOf": [
                {"enum": list(WORDS)},
                {"type": "object", "properties": dict.fromkeys(PLACES, _TEXT), "minProperties": 1, "maxProperties": 1}
                | {"additionalProperties": False},
            ]
        },
    ),
    (
        ENVIRONMENT,
        {
            "type": "object",
            "propertyNames": {"pattern": "^(?!PROCESS_CONTROL_)[A-Za-z_][A-Za-z0-9_]*$"},
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        },
    ),
    (INHERIT, {"anyOf": [{"type": "boolean"}, {"type": "array", "items": _NAME, "minItems": 1}]}),
)

_SCHEMAS_BY_ANNOTATION = {
    "str": _NAME,
    "list[str]": _or_list(_NAME),
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
}


def job_schema() -> Schema:
    """Return the schema of a job file."""
    required = [field.key for field in JOB_FIELDS if field.required]
    head = {"$schema": DIALECT, "title": "A job of process-control"}
    return head | _map(JOB_FIELDS) | {"required": required}


def _map(fields: tuple[Field, ...]) -> Schema:
    return {
        "type": "object",
        "properties": {field.key: _described(field) for field in fields},
        "patternProperties": {"^x-": {"description": "A note."}},
        "additionalProperties": False,
    }


def _described(field: Field) -> Schema:
    default = f" Default: {field.default_words}." if field.default_words else ""
    words = f"{field.meaning}{default}".replace("`", "")
    return {"description": words, **_schema(field)}


def _schema(field: Field) -> Schema:
    if not field.fields:
        return _schema_of_kind(field.kind)
    inner = _map(field.fields)
    others = [_schema(each) for each in field.fields if each.key == field.bare]
    one = {"anyOf": [inner, *others]} if others else inner
    if field.many:
        items = {"type": "array", "items": one} | ({} if field.off else {"minItems": 1})
        return {"anyOf": [one, items, *([{"const": False}] if field.off else [])]}
    if field.off or field.may_be_false:
        return {"anyOf": [inner, {"const": False}, *others]}
    return one


def _schema_of_kind(kind: Kind) -> Schema:
    """Return the schema of a kind; for one that is not in the table, that of its annotation."""
    if kind.words:
        return {"enum": list(kind.words)}
    return next(
        (schema for known, schema in _SCHEMAS_BY_KIND if known is kind), _SCHEMAS_BY_ANNOTATION.get(kind.annotation, {})
    )
