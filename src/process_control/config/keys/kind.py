"""What all kinds of values share. The kinds are in the files beside this one."""

from collections.abc import Callable
from typing import Any, NamedTuple

from process_control.config.odd_places import hint_to_remove
from process_control.config.yaml.nodes import Broken, Faults, List, Node, Text, quoted

TRUE_WORDS = ("true", "yes", "on")
FALSE_WORDS = ("false", "no", "off")
Reader = Callable[[str, Node, Faults], Any]


class Kind(NamedTuple):
    """How the value of a key is written and read."""

    #: for the reference
    name: str
    #: finishes "must be …"
    wanted: str
    #: finishes "write …"
    form: str
    #: the Python type of the value
    annotation: str
    #: returns the value of a node, or adds a fault
    read: Reader
    #: all allowed words, if there is a closed set of them
    words: tuple[str, ...] = ()


def refuse(wanted: str, form: str, key: str, node: Node, faults: Faults, *, hint: str = "") -> None:
    """Add a fault: the value of `key` is not what is wanted. A Broken node has a fault already."""
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
    """Return the text of `node`; None, with a fault, if it is no text, is empty, or contains a NUL."""
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
    """Return a kind without a reader: for maps with fields."""
    return Kind(name=name, wanted=name, form=form, annotation=annotation, read=_read_nothing)


MAP = known("map", "a map", annotation="dict[str, Any]")
