"""Kinds of the keys `pools` and `pool`: how many runs of some jobs may go at once."""

from collections.abc import Mapping

from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.keys.number_kinds import COUNT
from process_control.config.keys.text_kinds import SLUG
from process_control.config.yaml.nodes import Faults, Map, Node, Text, quoted
from process_control.core.suggestions import nearest

#: A start looks at each place of its pool.
MAX_PLACES = 1000
_AT_ONCE = "at_once"


def _read_places(key: str, node: Node, faults: Faults) -> int | None:
    places = COUNT.read(key, node, faults)
    if isinstance(places, int) and places > MAX_PLACES:
        faults.add(f"'{key}' must be at most {MAX_PLACES}", node, hint="without the key there is no limit")
    return places if isinstance(places, int) else None


PLACES = Kind(
    name="number",
    wanted=COUNT.wanted,
    form=f"a whole number from 1 to {MAX_PLACES}",
    annotation="int",
    read=_read_places,
)


def _read_pools(key: str, node: Node, faults: Faults) -> dict[str, int]:
    if not isinstance(node, Map):
        refuse("a map", POOLS.form, key, node, faults)
        return {}
    found = {}
    for name, value in node.entries:
        if not SLUG.fullmatch(name.value):
            hint = "letters, digits, - and _, at most 64, the first a letter or digit"
            faults.add(f"'{key}' has an impossible name: {quoted(name.value)}", name, hint=hint)
        places = _at_once(f"{key}.{name.value}", value, faults)
        if places is not None:
            found[name.value] = places
    return found


def _at_once(key: str, node: Node, faults: Faults) -> int | None:
    """Return the limit of one pool: {at_once: 4}."""
    if not isinstance(node, Map):
        at_once = node.value if isinstance(node, Text) and node.value.isdigit() else "4"
        refuse("a map", "a map", key, node, faults, hint=f"write {{{_AT_ONCE}: {at_once}}}")
        return None
    places = None
    for name, value in node.entries:
        if name.value == _AT_ONCE:
            places = _read_places(f"{key}.{_AT_ONCE}", value, faults)
        elif not name.value.startswith("x-"):
            faults.add(f"unknown key {quoted(f'{key}.{name.value}')}", name, hint=f"write {{{_AT_ONCE}: 4}}")
    if not any(name.value == _AT_ONCE for name, _ in node.entries):
        faults.add(f"'{key}' has no '{_AT_ONCE}'", node, hint=f"write {{{_AT_ONCE}: 4}}")
    return places


POOLS = Kind(
    name="map of names to limits",
    wanted="a map",
    form="a map of names, each with {at_once: N}: how many of its runs may go at once",
    annotation="dict[str, int]",
    read=_read_pools,
)


def check_pool(key: str, node: Node | None, known: Mapping[str, int], faults: Faults) -> None:
    """Add a fault for a pool that the configuration does not have."""
    name = text_or_none("", "", key, node, Faults("")) if node is not None else None
    if node is None or name is None or not SLUG.fullmatch(name.strip()) or name.strip() in known:
        return
    name = name.strip()
    if near := nearest(name, dict(known)):
        hint = f"did you mean '{near}'?"
    elif known:
        hint = f"the configuration has {', '.join(sorted(known))}"
    else:
        hint = f"add to the configuration: pools: {{{name}: {{at_once: 4}}}}"
    faults.add(f"'{key}' names a pool that the configuration does not have: {quoted(name)}", node, hint=hint)
