"""Reads a map of the document by a table of fields: unknown keys, spellings, unsupported keys, values.

The only place where a key of a file is matched with its field. It knows neither job files nor configurations.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from process_control.config.keys.field import Field
from process_control.config.keys.kind import FALSE_WORDS, refuse
from process_control.config.keys.other_tools import our_word
from process_control.config.odd_places import hint_to_remove
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text, quoted
from process_control.core.suggestions import nearest

MAX_SUGGESTIONS = 20
MAX_SUGGESTED = 40
NO_KEYS: Mapping[str, str] = MappingProxyType({})


class Reading:
    """What was read from a map."""

    __slots__ = ("nodes", "values")

    def __init__(self) -> None:
        #: by attribute
        self.values: dict[str, Any] = {}
        #: by key, for further checks
        self.nodes: dict[str, Node] = {}


def read_map(
    node: Map,
    fields: tuple[Field, ...],
    faults: Faults,
    *,
    in_configuration: bool = False,
    prefix: str = "",
    elsewhere: Mapping[str, str] = NO_KEYS,
) -> Reading:
    """Read all entries of `node`; what is wrong is added to `faults`.

    `prefix` is put before keys in messages, such as `failmail.`; `elsewhere` has hints for keys of the other file.
    """
    known = {field.key: field for field in fields}
    reading = Reading()
    spelled: dict[str, str] = {}
    for key, value in node.entries:
        field = known.get(key.value)
        if key.value.startswith("x-"):
            continue
        if field is None:
            hint = hint_to_remove(key.value) or our_word(key.value, value, prefix, in_configuration=in_configuration)
            hint = hint or elsewhere.get(key.value) or _suggestion(key, fields, faults, prefix)
            faults.add(f"unknown key {quoted(prefix + key.value)}", key, hint=hint)
        elif (other := spelled.setdefault(field.spelling_of or field.key, field.key)) != field.key:
            faults.add(
                f"'{prefix}{field.key}' and '{prefix}{other}' are two spellings of one key",
                key,
                hint="keep one of the two",
            )
        else:
            reading.nodes[field.key] = value
            _read_value(field, value, reading.values, faults, prefix)
    return reading


def _read_value(field: Field, value: Node, values: dict[str, Any], faults: Faults, prefix: str) -> None:
    if not field.fields:
        values[field.becomes] = field.kind.read(prefix + field.key, value, faults)
    elif field.many and field.off and (_is_false(value) or _is_empty_list(value)):
        values.update({field.becomes: [], field.off: True})
    elif field.many:
        values[field.becomes] = _read_maps(field, value, faults, prefix)
    elif isinstance(value, Map):
        inner = read_map(value, field.fields, faults, prefix=f"{prefix}{field.key}.")
        values.update({field.becomes: inner.values} if field.whole else _given(field) | inner.values)
    elif (field.off or field.may_be_false) and _is_false(value):
        values.update({field.off: True} if field.off else dict.fromkeys(field.attributes))
    elif field.bare and isinstance(value, Text) and not value.is_empty:
        bare = next(each for each in field.fields if each.key == field.bare)
        values.update(_given(field) | {bare.becomes: bare.kind.read(prefix + field.key, value, faults)})
    else:
        refuse("a map or false" if field.off else "a map", field.kind.form, prefix + field.key, value, faults)


def _given(field: Field) -> dict[str, Any]:
    """Return the values of inner keys that the map does not set."""
    return {each.becomes: each.given for each in field.fields if each.given is not None}


def _is_false(value: Node) -> bool:
    return isinstance(value, Text) and value.plain and value.value.lower() in FALSE_WORDS


def _is_empty_list(value: Node) -> bool:
    return isinstance(value, List) and not value.items


def _read_maps(field: Field, node: Node, faults: Faults, prefix: str) -> list[dict[str, Any]]:
    """Return the values of each map of a list, or of one map alone. Other items get a fault."""
    found = []
    for item in node.items if isinstance(node, List) else [node]:
        if isinstance(item, Map):
            reading = read_map(item, field.fields, faults, prefix=f"{prefix}{field.key}.")
            found.append(reading.values)
        elif field.bare and isinstance(item, Text) and not item.is_empty:
            bare = next(each for each in field.fields if each.key == field.bare)
            found.append({bare.becomes: bare.kind.read(f"{prefix}{field.key}", item, faults)})
        else:
            refuse(f"a {field.kind.name}", field.kind.form, prefix + field.key, item, faults)
    if isinstance(node, List) and not node.items:
        faults.add(f"'{prefix}{field.key}' is an empty list", node, hint=f"write {field.kind.form}, or remove the line")
    return found


def _suggestion(key: Text, fields: tuple[Field, ...], faults: Faults, prefix: str) -> str:
    near = _nearest(key.value, fields) if faults.count < MAX_SUGGESTIONS else None
    if near is None:
        return "for a note write 'x-…'; for all keys: process-control explain"
    name = prefix + near.key
    return f"did you mean '{name}'? ({near.kind.form}); see: process-control explain {name}"


def _nearest(written: str, fields: tuple[Field, ...]) -> Field | None:
    if len(written) > MAX_SUGGESTED:
        return None
    names = {field.key: field for field in fields}
    near = nearest(written, names)
    return names[near] if near else None
