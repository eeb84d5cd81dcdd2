"""Kinds of lists: texts, schedules, commands."""

from typing import Any

from process_control.config.command_words import NotSplit, split
from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.keys.text_kinds import LONG_TEXT, MAIL_ADDRESS, PATH, TAG, TEXT, one_of
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text, place_in, quoted, raw_offsets


def items_of(kind: Kind, key: str, node: Node, faults: Faults) -> list[Node]:
    """Return the nodes of a list, or of one value alone; none, with a fault, if it is empty."""
    if isinstance(node, List) and node.items:
        return node.items
    if isinstance(node, List):
        faults.add(f"'{key}' is an empty list", node, hint=f"write {kind.form}, or remove the line")
        return []
    if isinstance(node, Map) or (isinstance(node, Text) and node.is_empty):
        refuse(kind.wanted, kind.form, key, node, faults)
        return []
    return [node]


def list_of(item: Kind, *, name: str, wanted: str, form: str) -> Kind:
    """Return a kind for one value or a list of values."""

    def read(key: str, node: Node, faults: Faults) -> list[Any]:
        values = [item.read(key, each, faults) for each in items_of(kind, key, node, faults)]
        return list(dict.fromkeys(values))

    kind = Kind(name=name, wanted=wanted, form=form, annotation=f"list[{item.annotation}]", read=read)
    return kind


TEXTS = list_of(TEXT, name="text or list", wanted="text or a list of texts", form="text, or a list of texts")
TAGS = list_of(TAG, name="text or list", wanted="text or a list of texts", form="text, or a list of texts")
PATHS = list_of(
    PATH, name="path or list", wanted="a path or a list of paths", form="a path that begins with /, or a list of them"
)
MAIL_ADDRESSES = list_of(
    MAIL_ADDRESS,
    name="address or list",
    wanted="an address or a list of addresses",
    form="an address such as ops@example.org, or a list of them",
)


def some_of(*words: str) -> Kind:
    """Return a kind for one or several of a closed set of words."""
    item = one_of(*words)
    form = f"{item.form}, or a list of them"
    return list_of(item, name=f"{item.name}, or a list", wanted=form, form=form)


SCHEDULE = list_of(
    LONG_TEXT,
    name="text or list",
    wanted="text or a list of texts",
    form='a cron expression in quotes such as "*/5 * * * *", or a list of them',
)


def _read_command(key: str, node: Node, faults: Faults) -> list[list[str]]:
    items = items_of(COMMAND, key, node, faults)
    if isinstance(node, List) and _are_words_of_one_command(key, items, faults):
        return []
    return [_split(key, item, faults) for item in items]


def _are_words_of_one_command(key: str, items: list[Node], faults: Faults) -> bool:
    """Return whether the list is one command word by word, as for containers, with a fault: an option is no command."""
    option = next((item for item in items if isinstance(item, Text) and item.value.startswith("-")), None)
    if option is None:
        return False
    import shlex  # not for every job

    words = [item.value for item in items if isinstance(item, Text)]
    faults.add(
        f"'{key}': {quoted(option.value)} is not a command: each item of the list is one",
        option,
        hint=f"write one text: {shlex.join(words)}",
    )
    return True


def _split(key: str, node: Node, faults: Faults, *, may_be_list: bool = True) -> list[str]:
    text = text_or_none("text", "a command and its arguments", key, node, faults)
    if text is None or not isinstance(node, Text):
        return []
    try:
        words = [word.value for word in split(text, joined_lines(node))]
    except NotSplit as error:
        hint = error.hint if may_be_list else error.hint.replace("a list, one command an item; or ", "")
        shown_text = "" if "\n" in text.strip() else f": {quoted(text)}"
        faults.add(f"'{key}' {error.what}{shown_text}", place_in(node, error.offset), hint=hint)
        return []
    if not words or not words[0]:
        faults.add(f"'{key}' is empty", node, hint="write the program's path and its arguments")
    return words


def joined_lines(node: Text) -> set[int]:
    """Return the offsets of backslashes that stood at the end of a line, which YAML has folded into a blank."""
    if "\\\n" not in node.raw.replace("\r", ""):
        return set()
    value, raw = node.value, node.raw
    return {
        at
        for at, place in enumerate(raw_offsets(node))
        if value[at] == "\\" and value[at + 1 : at + 2] == " " and raw.startswith(("\n", "\r\n"), place + 1)
    }


def _read_one_command(key: str, node: Node, faults: Faults) -> list[str]:
    if not isinstance(node, Text):
        refuse(ONE_COMMAND.wanted, ONE_COMMAND.form, key, node, faults)
        return []
    return _split(key, node, faults, may_be_list=False)


ONE_COMMAND = Kind(
    name="text",
    wanted="text",
    form="a command and its arguments",
    annotation="list[str]",
    read=_read_one_command,
)
COMMAND = Kind(
    name="text or list of texts",
    wanted="text or a list of texts",
    form="a command and its arguments, or a list of such texts",
    annotation="list[list[str]]",
    read=_read_command,
)
