"""The kinds of values that keys have: how each is written, and how it is read from a node of the document.

A reader tells what is wrong with the value in `faults` and goes on; what it returns then counts nothing.
"""

import re
import shlex
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from process_control.config.command_words import NotSplit, split
from process_control.config.odd_places import hint_to_remove
from process_control.config.yaml.nodes import (
    Broken,
    Faults,
    List,
    Map,
    Node,
    Text,
    place_in,
    quoted,
    raw_offsets,
    shown,
)
from process_control.core.suggestions import nearest

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)  # core.job.is_slug without what is generated from here
TRUE_WORDS = ("true", "yes", "on")
FALSE_WORDS = ("false", "no", "off")
LONGEST_SECONDS = 10 * 366 * 86400

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


def refuse(wanted: str, form: str, key: str, node: Node, faults: Faults, *, mend: str = "") -> None:
    """Tell that the value of `key` is not what is wanted; say nothing of what is broken already."""
    if isinstance(node, Broken):
        return
    if isinstance(node, Text) and node.is_empty:
        faults.add(f"'{key}' has no value", node, mend=f"write {form}, or remove the line")
        return
    odd = hint_to_remove(node.value) if isinstance(node, Text) else ""
    faults.add(f"'{key}' must be {wanted}, not {_found(node)}", node, mend=odd or mend or f"write {form}")


def _found(node: Node) -> str:
    if isinstance(node, Text):
        return quoted(node.value)
    return "a list" if isinstance(node, List) else "a map"


def _text_or_none(wanted: str, form: str, key: str, node: Node, faults: Faults) -> str | None:
    """Return the text of `node`, None (and a fault) when it is none, is empty, or has a NUL in it."""
    if not isinstance(node, Text) or node.is_empty:
        refuse(wanted, form, key, node, faults)
        return None
    if "\0" in node.value:
        faults.add(f"'{key}' contains a NUL character", node, mend="remove it: no program can receive it")
        return None
    return node.value


# --- texts -----------------------------------------------------------------------------------------------------------


def _line_kind(*, name: str, wanted: str, form: str, check: Callable[[str], str] | None = None) -> Kind:
    """Make a kind of text on one line. `check` returns what is wrong with it, finishing "'key' …", or nothing."""

    def read(key: str, node: Node, faults: Faults) -> str | None:
        text = _text_or_none(wanted, form, key, node, faults)
        if text is None:
            return None
        text = text.strip()
        if not text:
            faults.add(f"'{key}' is empty", node, mend=f"write {form}, or remove the line")
        elif not text.isprintable():
            mend = hint_to_remove(text) or f"write {form}"
            faults.add(f"'{key}' must be one line of printable text, not {quoted(text)}", node, mend=mend)
        elif check is not None and (wrong := check(text)):
            faults.add(f"'{key}' {wrong}", node, mend=f"write {form}")
        return text

    return Kind(name=name, wanted=wanted, form=form, annotation="str", read=read)


def _check_path(text: str) -> str:
    return "" if text.startswith("/") else f"must be a whole path, not {quoted(text)}"


def _check_program(text: str) -> str:
    if not text.startswith("/"):
        return f"must be a whole path, not {quoted(text)}"
    return f"must be a program without arguments, not {quoted(text)}" if re.search(r"\s-", text) else ""


def _check_tag(text: str) -> str:
    return f"must not contain commas or blanks, not {quoted(text)}" if re.search(r"[,\s]", text) else ""


def _check_target(text: str) -> str:
    return "" if text == "console" or text.startswith("/") else f"must be a whole path or 'console', not {quoted(text)}"


def _check_slug(text: str) -> str:
    return "" if SLUG.fullmatch(text) else f"must be a name like a job's, not {quoted(text)}"


def _check_zone(text: str) -> str:
    from process_control.core.schedule.columns import ScheduleError
    from process_control.core.schedule.schedule import zone_named

    try:
        zone_named(text)
    except ScheduleError:
        return f"names no time zone: {quoted(text)}"
    return ""


TEXT = _line_kind(name="text", wanted="text", form="one line of text")
PATH = _line_kind(
    name="path", wanted="a path", form="a path that begins with / (~ and variables are not expanded)", check=_check_path
)
SENDMAIL = _line_kind(
    name="path",
    wanted="a path",
    form="the program's path alone; it is called with -i -f SENDER -- ADDRESSES",
    check=_check_program,
)
RUNNER = _line_kind(
    name="path",
    wanted="a path",
    form="the program's path alone; it is called with --scheduled JOB",
    check=_check_program,
)
TAG = _line_kind(name="text", wanted="text", form="one tag, or a list of tags: [nightly, database]", check=_check_tag)
TARGET = _line_kind(
    name="path or `console`",
    wanted="a path",
    form="a path that begins with /, or the word console",
    check=_check_target,
)
ACCOUNT = _line_kind(name="name", wanted="a name", form="a name from the password file")
GROUP = _line_kind(name="name", wanted="a name", form="a name from the group file")
LOCK = _line_kind(
    name="text like a slug",
    wanted="a name like a job's",
    form="letters, digits, - and _, at most 64, the first a letter or digit",
    check=_check_slug,
)


def _check_host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    is_name = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]", host, re.ASCII)
    is_port = re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) and 0 < int(port) < 65536
    return "" if is_name and is_port else f"must be host:port, not {quoted(text)}"


def _check_syslog_address(text: str) -> str:
    if text.startswith("/") or not _check_host_and_port(text):
        return ""
    return f"must be a whole path or host:port, not {quoted(text)}"


SYSLOG_ADDRESS = _line_kind(
    name="path or `host:port`",
    wanted="a path",
    form="the path of a socket, or host:port such as 192.0.2.7:514",
    check=_check_syslog_address,
)


# An address as mail programs take it, and never an option or a header of its own: RFC 5321 without its quoted forms.
_LOCAL_PART = r"[A-Za-z0-9_][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*"
_ADDRESS = re.compile(rf"{_LOCAL_PART}(?:@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?", re.ASCII)
_NAMED_ADDRESS = re.compile(r"(?P<name>[^<>\"\\]*)<(?P<address>[^<>]+)>")


def _check_mail_address(text: str) -> str:
    if "," in text:
        return f"must be one address, not {quoted(text)}: several are a list"
    named = _NAMED_ADDRESS.fullmatch(text)
    return "" if _ADDRESS.fullmatch(named["address"] if named else text) else f"must be an address, not {quoted(text)}"


MAIL_ADDRESS = _line_kind(
    name="address",
    wanted="an address",
    form="an address such as ops@example.org or Operations <ops@example.org>",
    check=_check_mail_address,
)


def _check_mail_server(text: str) -> str:
    host, colon, _ = text.rpartition(":")
    return _check_host_and_port(text if colon and not host.endswith(":") else f"{text}:25")


MAIL_SERVER = _line_kind(
    name="`host:port`",
    wanted="a server",
    form="host:port such as mail.example.org:587; without a port 25",
    check=_check_mail_server,
)


def _read_long_text(key: str, node: Node, faults: Faults) -> str | None:
    text = _text_or_none("text", "text", key, node, faults)
    return None if text is None else text.strip()


LONG_TEXT = Kind(name="text", wanted="text", form="text", annotation="str", read=_read_long_text)


def _read_zone(key: str, node: Node, faults: Faults) -> str | None:
    from process_control.core.schedule.columns import ScheduleError
    from process_control.core.schedule.schedule import zone_named

    text = _text_or_none("a time zone", TIME_ZONE.form, key, node, faults)
    if text is None:
        return None
    try:
        zone_named(text)
    except ScheduleError as error:
        faults.add(error.what, node, mend=error.mend)
    return text


TIME_ZONE = Kind(
    name="IANA name",
    wanted="a time zone",
    form="an IANA name such as Europe/Berlin or UTC",
    annotation="str",
    read=_read_zone,
)

CRON_TEMPLATE_FIELDS = ("source", "schedule", "user", "command")


def _read_cron_template(key: str, node: Node, faults: Faults) -> str | None:
    text = _text_or_none("text", CRON_TEMPLATE.form, key, node, faults)
    if text is None:
        return None
    try:
        fields = [field[1:] for field in string.Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        faults.add(f"'{key}' is not a template: {error}", node, mend=f"write {CRON_TEMPLATE.form}")
        return text
    for name, width, conversion in fields:
        if name not in CRON_TEMPLATE_FIELDS:
            faults.add(
                f"'{key}' has an unknown field {quoted('{' + str(name) + '}')}",
                node,
                mend=f"write {CRON_TEMPLATE.form}",
            )
        elif width or conversion:
            faults.add(f"'{key}' has more than the name in the field '{name}'", node, mend=f"write {{{name}}}")
    return text


CRON_TEMPLATE = Kind(
    name="text",
    wanted="text",
    form="text with the fields {source} {schedule} {user} {command}; for a brace write two",
    annotation="str",
    read=_read_cron_template,
)


def one_of(*words: str) -> Kind:
    """Make a kind for a closed set of words."""
    listed = ", ".join(words[:-1]) + f" or {words[-1]}"

    def read(key: str, node: Node, faults: Faults) -> str | None:
        if isinstance(node, Text) and node.value in words:
            return node.value
        near = nearest(node.value, words) if isinstance(node, Text) else None
        refuse(listed, listed, key, node, faults, mend=f"did you mean '{near}'?" if near else "")
        return None

    shown = ", ".join(f"`{word}`" for word in words)
    return Kind(name=shown, wanted=listed, form=listed, annotation="str", read=read, words=words)


# --- numbers, times, sizes -------------------------------------------------------------------------------------------


def _read_bool(key: str, node: Node, faults: Faults) -> bool | None:
    if isinstance(node, Text) and node.plain and node.value.lower() in TRUE_WORDS + FALSE_WORDS:
        return node.value.lower() in TRUE_WORDS
    if isinstance(node, Text) and not node.plain and node.value.lower() in TRUE_WORDS + FALSE_WORDS:
        faults.add(f"'{key}' must be true or false, not the text {quoted(node.value)}", node, mend="remove the quotes")
        return None
    refuse("true or false", "true or false", key, node, faults)
    return None


BOOL = Kind(name="bool", wanted="true or false", form="true or false", annotation="bool", read=_read_bool)

_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)


def _read_count(key: str, node: Node, faults: Faults) -> int | None:
    if isinstance(node, Text) and _WHOLE.fullmatch(node.value) and int(node.value) > 0:
        return int(node.value)
    refuse("a whole number above 0", "a whole number above 0", key, node, faults)
    return None


COUNT = Kind(
    name="number", wanted="a whole number above 0", form="a whole number above 0", annotation="int", read=_read_count
)

_NICE = re.compile(r"-?[0-9]{1,2}", re.ASCII)


def _read_nice(key: str, node: Node, faults: Faults) -> int | None:
    if isinstance(node, Text) and _NICE.fullmatch(node.value) and -20 <= int(node.value) <= 19:
        return int(node.value)
    refuse(NICE.wanted, NICE.form, key, node, faults)
    return None


NICE = Kind(
    name="number",
    wanted="a whole number from -20 to 19",
    form="a whole number from -20 (first) to 19 (last)",
    annotation="int",
    read=_read_nice,
)

_TIME = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?P<unit>[smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
TIME_FORM = "seconds, or 90s, 10m, 2h"


def seconds_of(text: str) -> float | None:
    """Return the seconds that `text` says (`90`, `90s`, `10m`, `2h`, `1d`), None when it says none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    seconds = float(match["number"]) * _SECONDS[match["unit"]]
    return seconds if seconds <= LONGEST_SECONDS else None


def _point_in(node: Node) -> str:
    """Return how a number is written whose point is not where it can be read."""
    text = node.value.strip() if isinstance(node, Text) else ""
    if re.fullmatch(r"\.[0-9]{1,6} ?[smhd]?", text, re.ASCII):
        return f"write 0{text}"
    return "write at most 6 digits behind the point" if re.match(r"[0-9]*\.[0-9]{7}", text, re.ASCII) else ""


def _time_kind(*, zero: bool) -> Kind:
    wanted = "a time" if zero else "a time above 0"

    def read(key: str, node: Node, faults: Faults) -> float | None:
        seconds = seconds_of(node.value) if isinstance(node, Text) else None
        if seconds is None or not (seconds or zero):
            refuse(wanted, TIME_FORM, key, node, faults, mend=_point_in(node))
        return seconds

    return Kind(name="time", wanted=wanted, form=TIME_FORM, annotation="float", read=read)


TIME = _time_kind(zero=True)
TIME_ABOVE_ZERO = _time_kind(zero=False)

_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,3})?) ?(?P<unit>B|[kKMGT]B|[KMGT]iB|)", re.ASCII)
_BYTES: dict[str, int] = {"": 1, "B": 1} | {
    letter + end: base**power
    for power, letters in enumerate(("kK", "M", "G", "T"), start=1)
    for letter in letters
    for end, base in (("B", 1000), ("iB", 1024))
}
SIZE_FORM = "bytes, or 100 kB, 100 MB, 1 GB, 1 GiB"


def bytes_of(text: str) -> int | None:
    """Return the bytes that `text` says (`4096`, `100 MB`, `1 GiB`), None when it says none."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    whole, _, part = match["number"].partition(".")
    thousandths = int(whole + part.ljust(3, "0"))  # a float makes 1000 bytes of 1.001 kB
    return thousandths * _BYTES[match["unit"]] // 1000


def _read_size(key: str, node: Node, faults: Faults) -> int | None:
    size = bytes_of(node.value) if isinstance(node, Text) else None
    if not size:
        refuse("a size", SIZE_FORM, key, node, faults)
    return size


SIZE = Kind(name="size", wanted="a size", form=SIZE_FORM, annotation="int", read=_read_size)

_UMASK = re.compile(r"(?:0o)?0*(?P<digits>[0-7]{1,3})", re.ASCII)


def _read_umask(key: str, node: Node, faults: Faults) -> int | None:
    match = _UMASK.fullmatch(node.value) if isinstance(node, Text) else None
    if match is None:
        refuse("an octal mask", UMASK.form, key, node, faults)
        return None
    return int(match["digits"], 8)


UMASK = Kind(
    name="octal",
    wanted="an octal mask",
    form="octal digits, 000 to 777, such as 022 or 077",
    annotation="int",
    read=_read_umask,
)


# --- lists -----------------------------------------------------------------------------------------------------------


def _items(kind: Kind, key: str, node: Node, faults: Faults) -> list[Node]:
    """Return the nodes of one value or of a list of them; a fault when there is none."""
    if isinstance(node, List) and node.items:
        return node.items
    if isinstance(node, List):
        faults.add(f"'{key}' is an empty list", node, mend=f"write {kind.form}, or remove the line")
        return []
    if isinstance(node, Map) or (isinstance(node, Text) and node.is_empty):
        refuse(kind.wanted, kind.form, key, node, faults)
        return []
    return [node]


def _list_of(item: Kind, *, name: str, wanted: str, form: str) -> Kind:
    """Make a kind for one value or a list of values."""

    def read(key: str, node: Node, faults: Faults) -> list[Any]:
        values = [item.read(key, each, faults) for each in _items(kind, key, node, faults)]
        return list(dict.fromkeys(values))

    kind = Kind(name=name, wanted=wanted, form=form, annotation=f"list[{item.annotation}]", read=read)
    return kind


TEXTS = _list_of(TEXT, name="text or list", wanted="text or a list of texts", form="text, or a list of texts")
TAGS = _list_of(TAG, name="text or list", wanted="text or a list of texts", form="text, or a list of texts")
PATHS = _list_of(
    PATH, name="path or list", wanted="a path or a list of paths", form="a path that begins with /, or a list of them"
)
MAIL_ADDRESSES = _list_of(
    MAIL_ADDRESS,
    name="address or list",
    wanted="an address or a list of addresses",
    form="an address such as ops@example.org, or a list of them",
)


def some_of(*words: str) -> Kind:
    """Make a kind for one or several of a closed set of words."""
    item = one_of(*words)
    form = f"{item.form}, or a list of them"
    return _list_of(item, name=f"{item.name}, or a list", wanted=form, form=form)


SCHEDULE = _list_of(
    LONG_TEXT,
    name="text or list",
    wanted="text or a list of texts",
    form='a cron expression in quotes such as "*/5 * * * *", or a list of them',
)


def _read_command(key: str, node: Node, faults: Faults) -> list[list[str]]:
    items = _items(COMMAND, key, node, faults)
    if isinstance(node, List) and _are_words_of_one_command(key, items, faults):
        return []
    return [_split(key, item, faults) for item in items]


def _are_words_of_one_command(key: str, items: list[Node], faults: Faults) -> bool:
    """Tell of a list that is one command word by word, as containers have it: an option can be no command."""
    option = next((item for item in items if isinstance(item, Text) and item.value.startswith("-")), None)
    if option is None:
        return False
    words = [item.value for item in items if isinstance(item, Text)]
    faults.add(
        f"'{key}': {quoted(option.value)} is not a command: each item of the list is one",
        option,
        mend=f"write one text: {shlex.join(words)}",
    )
    return True


def _split(key: str, node: Node, faults: Faults) -> list[str]:
    text = _text_or_none("text", "a command and its arguments", key, node, faults)
    if text is None or not isinstance(node, Text):
        return []
    try:
        words = [word.value for word in split(text, joined_lines(node))]
    except NotSplit as error:
        shown_text = "" if "\n" in text.strip() else f": {quoted(text)}"
        faults.add(f"'{key}' {error.what}{shown_text}", place_in(node, error.offset), mend=error.mend)
        return []
    if not words or not words[0]:
        faults.add(f"'{key}' is empty", node, mend="write the program's path and its arguments")
    return words


def joined_lines(node: Text) -> set[int]:
    """Return the backslashes of a text that stood at the end of a line, which YAML has folded into a blank."""
    if "\\\n" not in node.raw.replace("\r", ""):
        return set()
    value, raw = node.value, node.raw
    return {
        at
        for at, place in enumerate(raw_offsets(node))
        if value[at] == "\\" and value[at + 1 : at + 2] == " " and raw.startswith(("\n", "\r\n"), place + 1)
    }


COMMAND = Kind(
    name="text or list of texts",
    wanted="text or a list of texts",
    form="a command and its arguments, or a list of such texts",
    annotation="list[list[str]]",
    read=_read_command,
)


# --- environment -----------------------------------------------------------------------------------------------------

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
OWN_PREFIX = "PROCESS_CONTROL_"


def _check_variable(key: str, name: Text, faults: Faults) -> None:
    if not _VARIABLE.fullmatch(name.value):
        faults.add(
            f"'{key}': {quoted(name.value)} is not a variable name",
            name,
            mend="letters, digits and _, the first not a digit",
        )
    elif name.value.startswith(OWN_PREFIX):
        faults.add(
            f"'{key}': {quoted(name.value)} is set by process-control itself",
            name,
            mend=f"choose a name that does not begin with {OWN_PREFIX}",
        )


def _read_environment(key: str, node: Node, faults: Faults) -> dict[str, str]:
    if not isinstance(node, Map):
        refuse("a map", ENVIRONMENT.form, key, node, faults)
        return {}
    values = {}
    for name, value in node.entries:
        _check_variable(key, name, faults)
        if isinstance(value, Text) and "\0" in value.value:
            faults.add(f"'{key}.{shown(name.value)}' contains a NUL character", value, mend="remove it")
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
    for item in _items(INHERIT, key, node, faults):
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


# --- keys whose behaviour comes later, and maps with keys of their own ------------------------------------------------


def _read_nothing(_key: str, _node: Node, _faults: Faults) -> None:
    return None


def known(name: str, form: str, *, annotation: str = "None") -> Kind:
    """Make a kind that is only told, never read: for keys that are not supported yet, and for maps of fields."""
    return Kind(name=name, wanted=name, form=form, annotation=annotation, read=_read_nothing)


MAP = known("map", "a map", annotation="dict[str, Any]")
