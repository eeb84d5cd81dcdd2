"""The kinds of `environment` and `inherit_environment`."""

import re

from process_control.config.keys.kind import FALSE_WORDS, TRUE_WORDS, Kind, refuse
from process_control.config.keys.list_kinds import items_of
from process_control.config.yaml.nodes import Faults, Map, Node, Text, quoted, shown

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
OWN_PREFIX = "PROCESS_CONTROL_"


def _check_variable(key: str, name: Text, faults: Faults) -> None:
    if not _VARIABLE.fullmatch(name.value):
        faults.add(
            f"'{key}': {quoted(name.value)} is not a variable name",
            name,
            hint="letters, digits and _, the first not a digit",
        )
    elif name.value.startswith(OWN_PREFIX):
        faults.add(
            f"'{key}': {quoted(name.value)} is set by process-control itself",
            name,
            hint=f"choose a name that does not begin with {OWN_PREFIX}",
        )


def _read_environment(key: str, node: Node, faults: Faults) -> dict[str, str]:
    if not isinstance(node, Map):
        refuse("a map", ENVIRONMENT.form, key, node, faults)
        return {}
    values = {}
    for name, value in node.entries:
        _check_variable(key, name, faults)
        if isinstance(value, Text) and "\0" in value.value:
            faults.add(f"'{key}.{shown(name.value)}' contains a NUL character", value, hint="remove it")
        elif isinstance(value, Text):
            values[name.value] = value.value
        else:
            refuse("text", "text, which is taken as written", f"{key}.{shown(name.value)}", value, faults)
    return values


ENVIRONMENT = Kind(
    name="map",
    wanted="a map",
    form="a map, one NAME: value a line",
    annotation="dict[str, str]",
    read=_read_environment,
)


def _read_inherit(key: str, node: Node, faults: Faults) -> bool | list[str] | None:
    if isinstance(node, Text):
        if node.plain and node.value.lower() in TRUE_WORDS + FALSE_WORDS:
            return node.value.lower() in TRUE_WORDS
        refuse(INHERIT.wanted, INHERIT.form, key, node, faults)
        return None
    names = []
    for item in items_of(INHERIT, key, node, faults):
        if isinstance(item, Text):
            _check_variable(key, item, faults)
            names.append(item.value)
        else:
            refuse("a variable's name", "a list of names", key, item, faults)
    return list(dict.fromkeys(names))


INHERIT = Kind(
    name="bool or list of names",
    wanted="true, false or a list of names",
    form="true, false, or a list of variables' names",
    annotation="bool | list[str]",
    read=_read_inherit,
)
