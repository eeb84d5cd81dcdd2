"""Kinds of text: lines, paths, names, addresses, zones, one of some words."""

import re
from collections.abc import Callable

from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.odd_places import hint_to_remove
from process_control.config.yaml.nodes import Faults, Node, Text, quoted
from process_control.core.suggestions import nearest

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)  # core.job.is_slug without what is generated from here


def _line_kind(*, name: str, wanted: str, form: str, check: Callable[[str], str] | None = None) -> Kind:
    """Return a kind of text on one line. `check` returns what is wrong, to finish "'key' …", or an empty text."""

    def read(key: str, node: Node, faults: Faults) -> str | None:
        text = text_or_none(wanted, form, key, node, faults)
        if text is None:
            return None
        text = text.strip()
        if not text:
            faults.add(f"'{key}' is empty", node, hint=f"write {form}, or remove the line")
        elif not text.isprintable():
            hint = hint_to_remove(text) or f"write {form}"
            faults.add(f"'{key}' must be one line of printable text, not {quoted(text)}", node, hint=hint)
        elif check is not None and (wrong := check(text)):
            faults.add(f"'{key}' {wrong}", node, hint=f"write {form}")
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


HOST_AND_PORT = _line_kind(
    name="`host:port`",
    wanted="an address",
    form="host:port such as server.example.org:7233",
    check=_check_host_and_port,
)


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


def wrong_address(text: str) -> str:
    """Return what is wrong with a mail address, to finish "'key' …"; empty when nothing is."""
    if "," in text:
        return f"must be one address, not {quoted(text)}: several are a list"
    named = _NAMED_ADDRESS.fullmatch(text)
    return "" if _ADDRESS.fullmatch(named["address"] if named else text) else f"must be an address, not {quoted(text)}"


MAIL_ADDRESS = _line_kind(
    name="address",
    wanted="an address",
    form="an address such as ops@example.org or Operations <ops@example.org>",
    check=wrong_address,
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
    text = text_or_none("text", "text", key, node, faults)
    return None if text is None else text.strip()


LONG_TEXT = Kind(name="text", wanted="text", form="text", annotation="str", read=_read_long_text)


def _read_zone(key: str, node: Node, faults: Faults) -> str | None:
    from process_control.core.schedule.columns import ScheduleError
    from process_control.core.schedule.schedule import zone_named

    text = text_or_none("a time zone", TIME_ZONE.form, key, node, faults)
    if text is None:
        return None
    try:
        zone_named(text)
    except ScheduleError as error:
        faults.add(error.what, node, hint=error.hint)
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
    text = text_or_none("text", CRON_TEMPLATE.form, key, node, faults)
    if text is None:
        return None
    import string  # not for every configuration

    try:
        fields = [field[1:] for field in string.Formatter().parse(text) if field[1] is not None]
    except ValueError as error:
        faults.add(f"'{key}' is not a template: {error}", node, hint=f"write {CRON_TEMPLATE.form}")
        return text
    for name, width, conversion in fields:
        if name not in CRON_TEMPLATE_FIELDS:
            faults.add(
                f"'{key}' has an unknown field {quoted('{' + str(name) + '}')}",
                node,
                hint=f"write {CRON_TEMPLATE.form}",
            )
        elif width or conversion:
            faults.add(f"'{key}' has more than the name in the field '{name}'", node, hint=f"write {{{name}}}")
    return text


CRON_TEMPLATE = Kind(
    name="text",
    wanted="text",
    form="text with the fields {source} {schedule} {user} {command}; for a brace write two",
    annotation="str",
    read=_read_cron_template,
)


def one_of(*words: str) -> Kind:
    """Return a kind for a closed set of words."""
    listed = ", ".join(words[:-1]) + f" or {words[-1]}"

    def read(key: str, node: Node, faults: Faults) -> str | None:
        if isinstance(node, Text) and node.value in words:
            return node.value
        near = nearest(node.value, words) if isinstance(node, Text) else None
        refuse(listed, listed, key, node, faults, hint=f"did you mean '{near}'?" if near else "")
        return None

    shown = ", ".join(f"`{word}`" for word in words)
    return Kind(name=shown, wanted=listed, form=listed, annotation="str", read=read, words=words)
