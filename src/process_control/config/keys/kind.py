"""How the value of a key is written and read: what all kinds share. The kinds are in the files beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from process_control.config.odd_places import hint_to_remove
from process_control.config.yaml.nodes import Broken, Faults, List, Node, Text, quoted

TRUE_WORDS = ("true", "yes", "on")
FALSE_WORDS = ("false", "no", "off")
Reader = Callable[[str, Node, Faults], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the value of a key is written: `wanted` finishes "must be …", `form` tells how to write it.

    `words` are all there are, for a closed set of them.
    """

    name: str
    wanted: str
    form: str
    annotation: str
    read: Reader
    words: tuple[str, ...] = ()


def refuse(wanted: str, form: str, key: str, node: Node, faults: Faults, *, hint: str = "") -> None:
    """Tell that the value of `key` is not what is wanted; say nothing of what is broken already."""
    if isinstance(node, Broken):
        return
    if isinstance(node, Text) and node.is_empty:
        faults.add(f"'{key}' has no value", node, hint=f"write {form}, or remove the line")
        return
    odd = hint_to_remove(node.value) if isinstance(node, Text) else ""
    faults.add(f"'{key}' must be {wanted}, not {_found(node)}", node, hint=odd or hint or f"write {form}")


def _found(node: Node) -> str:
    if isinstance(node, Text):
        return quoted(node.value)
    return "a list" if isinstance(node, List) else "a map"


def text_or_none(wanted: str, form: str, key: str, node: Node, faults: Faults) -> str | None:
    """Return the text of `node`, None (and a fault) when it is none, is empty, or has a NUL in it."""
    if not isinstance(node, Text) or node.is_empty:
        refuse(wanted, form, key, node, faults)
        return None
    if "\0" in node.value:
        faults.add(f"'{key}' contains a NUL character", node, hint="remove it: no program can receive it")
        return None
    return node.value


def _read_nothing(_key: str, _node: Node, _faults: Faults) -> None:
    return None


def known(name: str, form: str, *, annotation: str = "None") -> Kind:
    """Make a kind that is only told, never read: for keys that are not supported yet, and for maps of fields."""
    return Kind(name=name, wanted=name, form=form, annotation=annotation, read=_read_nothing)


MAP = known("map", "a map", annotation="dict[str, Any]")
