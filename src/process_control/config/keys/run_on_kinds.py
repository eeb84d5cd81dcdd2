"""The kind of the key `run_on`: which host of the fleet runs a job."""

from process_control.config.keys.kind import Kind, refuse
from process_control.config.keys.text_kinds import LOCK
from process_control.config.yaml.nodes import Faults, Map, Node, Text

WORDS = ("any", "all", "local")
PLACES = ("host", "tag")
FORM = "any, all, local, {host: NAME} or {tag: NAME}"
#: A name of a host may have dots.
MAX_HOST = 253


def _read_run_on(key: str, node: Node, faults: Faults) -> str | None:
    """Return a word of WORDS, `host/NAME` or `tag/NAME`: one text, as the queues of the fleet are called."""
    if isinstance(node, Text) and node.value in WORDS:
        return node.value
    if not isinstance(node, Map) or len(node.entries) != 1 or node.entries[0][0].value not in PLACES:
        hint = f"write {{host: {node.value}}}" if isinstance(node, Text) and node.value and not node.is_empty else ""
        refuse(FORM, FORM, key, node, faults, hint=hint)
        return None
    place, value = node.entries[0]
    if place.value == "tag":
        name = LOCK.read(f"{key}.tag", value, faults)
        return None if name is None else f"tag/{name}"
    return _host(f"{key}.host", value, faults)


def _host(key: str, node: Node, faults: Faults) -> str | None:
    name = node.value.strip() if isinstance(node, Text) else ""
    if not is_host_name(name):
        refuse("a name of a host", "the name that `uname -n` prints there", key, node, faults)
        return None
    return f"host/{name}"


def is_host_name(name: str) -> bool:
    """Return whether a text can be what `uname -n` prints."""
    return 0 < len(name) <= MAX_HOST and name.isascii() and name[0].isalnum() and _has_no_odd_sign(name)


def _has_no_odd_sign(name: str) -> bool:
    return all(sign.isalnum() or sign in ".-_" for sign in name)


RUN_ON = Kind(
    name="`any`, `all`, `local` or map",
    wanted=FORM,
    form=FORM,
    annotation="str",
    read=_read_run_on,
)
