"""The safe repairs of a job file: its meaning stays the same, and nothing else is touched. Pure."""

from codecs import BOM_UTF8

from process_control.config.keys.kind import FALSE_WORDS, TRUE_WORDS
from process_control.config.yaml.document import Document, parse, repaired
from process_control.config.yaml.edit import EditedText
from process_control.config.yaml.nodes import Map, Text
from process_control.errors import Fault

OLD_KEY, NEW_KEY = "allow_overtime", "on_overlap"
_BY_LINT = "process-control lint --fix"


def warnings(source: bytes, document: Document) -> list[Fault]:
    """Return what `fixed` repairs and loading accepts: a byte-order mark, and the old spelling of `on_overlap`."""
    name, root, found = document.faults.name, document.root, []
    if source.startswith(BOM_UTF8):
        found.append(
            Fault("begins with a byte-order mark (U+FEFF)", where=f"{name}:1:1", hint=f"remove it: {_BY_LINT}")
        )
    for key, _ in root.entries if isinstance(root, Map) else ():
        if key.value == OLD_KEY:
            what = f"'{OLD_KEY}' is the old spelling of '{NEW_KEY}'"
            hint = f"write {NEW_KEY}: skip for true, {NEW_KEY}: fail for false: {_BY_LINT}"
            found.append(Fault(what, where=f"{name}:{key.line}:{key.column}", hint=hint))
    return found


def fixed(source: bytes) -> bytes:
    """Return the file without hard tabs, unquoted schedules, byte-order mark and the old spelling of `on_overlap`.

    Of a file that is no YAML even then, only what is surely right is repaired. One that is not UTF-8 stays as it is.
    """
    try:
        text = repaired(source.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return source
    return _with_the_new_key(text.encode())


def _with_the_new_key(source: bytes) -> bytes:
    root = parse(source, "").root
    entries = root.entries if isinstance(root, Map) else []
    if any(key.value == NEW_KEY for key, _ in entries):
        return source
    edited = EditedText(source)
    root = edited.root
    for key, value in root.entries if isinstance(root, Map) else ():
        if key.value == OLD_KEY and isinstance(value, Text) and value.plain and edited.span(key):
            word = value.value.lower()
            if word in TRUE_WORDS + FALSE_WORDS:
                edited.edit(key, NEW_KEY)
                edited.edit(value, "skip" if word in TRUE_WORDS else "fail")
    return edited.result().source
