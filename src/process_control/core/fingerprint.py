"""The line that decided a failure, without what differs from run to run: the same failure is recognised by it. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from process_control.core.terminal_markup import plain_text

#: Characters of a fingerprint.
MAX_FINGERPRINT = 200
#: Characters of a line that are looked at.
_MAX_LINE = 2000

_WORD = r"(?<![0-9A-Za-z])"
_END = r"(?![0-9A-Za-z])"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"

_ZONE = r"(?: ?(?:Z|[A-Z]{3,4}|[+-]\d\d:?\d\d))?"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_ISO_TIME = rf"{_WORD}\d{{4}}[-/]\d\d[-/]\d\d(?:[T ]{_CLOCK})?{_ZONE}{_END}"
_DATE = rf"(?:(?:{_MONTHS}) {{1,2}}\d{{1,2}}|\d{{1,2}}[ /](?:{_MONTHS})[ /]\d{{4}})"
_LOG_TIME = rf"{_WORD}(?:(?:{_DAYS}),? )?{_DATE}[ :,]{{1,2}}{_CLOCK}{_ZONE}(?: \d{{4}})?{_END}"
_HEX = "[0-9a-fA-F]"

#: Hexadecimal numbers become what decimal ones become: some of them have no letter.
#: In this order: a longer form before those that are parts of it.
_FORMS = [
    (re.compile(form), name)
    for form, name in (
        (rf"{_WORD}{_HEX}{{8}}-(?:{_HEX}{{4}}-){{3}}{_HEX}{{12}}{_END}", "<uuid>"),
        (_ISO_TIME, "<time>"),
        (_LOG_TIME, "<time>"),
        (rf"{_WORD}\d{{1,2}}:\d\d:\d\d(?:[.,]\d{{1,9}})?{_END}", "<time>"),
        (rf"{_WORD}\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?{_END}", "<ip>"),
        (rf"(?<![0-9A-Za-z:])(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}(?![0-9A-Za-z:])", "<ip>"),
        (rf"(?<![0-9A-Za-z:])(?:{_HEX}{{1,4}}:){{1,6}}(?::{_HEX}{{1,4}}){{1,6}}(?![0-9A-Za-z:])", "<ip>"),
        (rf"(?<![0-9A-Za-z:])::{_HEX}{{1,4}}(?![0-9A-Za-z:])", "<ip>"),
        (
            r"(?:/(?:tmp|var/tmp|dev/shm|run/user/\d{1,9})|\$\{?TMPDIR\}?)/[^\s'\":,;)\]]{1,300}",
            "<temporary file>",
        ),
        (rf"{_WORD}(?:tmp|temp)[._-]?[A-Za-z0-9_]{{6,32}}(?![0-9A-Za-z_])", "<temporary file>"),
        (rf"{_WORD}0x{_HEX}{{1,32}}{_END}", "<n>"),
        (rf"{_WORD}(?={_HEX}{{0,64}}\d){_HEX}{{7,128}}{_END}", "<n>"),
        (rf"(?:{_WORD}|(?<=[A-Za-z_]))\d{{1,64}}(?:[.,]\d{{1,64}})*", "<n>"),
    )
]


def fingerprint(line: str) -> str:
    """Return a masked line without numbers, times, addresses and temporary names, on one line; "" for an empty one."""
    text = plain_text(line[:_MAX_LINE])
    for form, name in _FORMS:
        text = form.sub(name, text)
    return " ".join(text.split())[:MAX_FINGERPRINT]


def deciding_line(end: Mapping[str, Any], stderr: str) -> str:
    """Return the line by which a failure is recognised: the one that a rule saw, else the last of stderr; or "".

    `end` is the record of the run's end, `stderr` what it printed at last; both are masked.
    """
    by = end.get("decided_by")
    line = by.get("line") if isinstance(by, Mapping) else None
    if isinstance(line, str) and line.strip():
        return line
    lines = plain_text(stderr[-64_000:]).splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
