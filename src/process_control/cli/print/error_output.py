"""How an error is printed: text to stderr, on a terminal with the faulty line, or JSON to stdout.

Imported only when there is an error. The exit code is the caller's business.
"""

import itertools
import os
import re
import sys
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size

from process_control.cli.print.output import print_json, print_line, talk
from process_control.errors import Fault, ProcessControlError
from process_control.notify.message import escape_controls

BOLD, RED, BLUE, CYAN, PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[34m", "\x1b[36m", "\x1b[0m"
#: Characters of the faulty line; of a longer one the part around the fault is shown.
MAX_EXCERPT = 100
BEFORE_FAULT = 40
_PLACE = re.compile(r"(?P<file>.*):(?P<line>[0-9]+):(?P<column>[0-9]+)", re.DOTALL)
_VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s\[{].*?(?=\s+#|\s*$)")
_WORD = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s:,\[\]{}]+")


def wants_json(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON: then errors are JSON too, also those of the command line."""
    options = list(words[: words.index("--")] if "--" in words else words)
    pairs = itertools.pairwise(options)
    return "--json" in options or "--format=json" in options or ("--format", "json") in pairs


#: What stays on one line: a word, or a command to paste, in which a break would be one for the shell too.
_UNIT = re.compile(
    r"""`[^`]+`\S*                                                      # what is in backquotes
    | (?: (?<=:\ ) | (?<=:\x1b\[0m\ ) ) (?: sudo\ )? (?:
        run-job | process-control | cron-generate | apt-get | chgrp | chmod | chown | cp | diff | dmesg | install
        | kill | ls | man | mount | mv | sed | service | setfacl | systemctl | useradd
      ) \b .*                                                         # a command to paste, behind a colon
    | (?: run-job | process-control | cron-generate ) (?: \ [^\s,;]+ ){1,5} [,;]?
    | \S+""",
    re.VERBOSE,
)
_PARTS_OF_PATH = re.compile(r"[^/]*/|[^/]+")
_QUOTED = re.compile(r"\s*\d* *(\x1b\[[0-9;]*m)*\s*\d* *\|")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def print_error(error: ProcessControlError, *, as_json: bool) -> None:
    """Print the error. When JSON cannot be written to stdout, it is text on stderr."""
    if as_json:
        try:
            print_json({"error": error_as_json(error)})
            sys.stdout.flush()
        except (OSError, ValueError):
            pass
        else:
            return
    talk_of_faults(error.faults)


def talk_of_faults(faults: Sequence[Fault]) -> None:
    """Print the faults to stderr."""
    if sys.stderr.isatty():
        talk_in_lines(on_terminal(faults, has_colour=has_colour(sys.stderr.fileno())))
    else:
        talk("\n".join(str(fault) for fault in faults))


def error_as_json(error: ProcessControlError, *, exit_code: int | None = None) -> dict[str, object]:
    return {
        "exit_code": error.exit_code if exit_code is None else exit_code,
        "faults": [fault_as_json(fault) for fault in error.faults],
    }


def fault_as_json(fault: Fault) -> dict[str, object]:
    """Return a fault as every JSON answer has it."""
    return {"what": fault.what, "where": fault.where or None, "hint": fault.hint or None}


def has_colour(descriptor: int) -> bool:
    environment = os.environ
    return os.isatty(descriptor) and not environment.get("NO_COLOR") and environment.get("TERM") not in (None, "dumb")


def talk_of_trouble(text: str) -> None:
    """Print to stderr, in red on a terminal, what is wrong with more than one job."""
    text = escape_controls(text)
    talk_in_lines(f"{RED}{text}{PLAIN}" if has_colour(2) else text)


def talk_in_lines(text: str) -> None:
    """Write text that has been through `on_terminal`: nothing in it but its own colours steers a terminal."""
    sys.stdout.flush()
    sys.stderr.write(f"{between_words(text) if sys.stderr.isatty() else text}\n")


def print_in_lines(text: str) -> None:
    """Print text to stdout with its control characters escaped; on a terminal long lines are broken between words."""
    text = escape_controls(text)
    print_line(between_words(text) if sys.stdout.isatty() else text)


def between_words(text: str) -> str:
    """Return text that has been through `on_terminal`, its long lines broken between words; quoted ones stay whole."""
    columns = get_terminal_size().columns
    return "\n".join(line if _QUOTED.match(line) else broken(line, columns) for line in text.split("\n"))


def broken(line: str, columns: int) -> str:
    """Return the line broken between words, but not inside a command to paste; its colours take no columns."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    lines, end = [""], 0
    for unit in _UNIT.finditer(line):
        longer = lines[-1] + line[end : unit.start()] + unit[0]
        if end == 0 and _width(unit[0]) > columns and " " not in unit[0]:
            lines = _behind_slashes(unit[0], columns, indent)
        elif _width(longer) <= columns or end == 0:
            lines[-1] = longer
        else:
            lines.append(indent + unit[0])
        end = unit.end()
    return "\n".join(lines)


def _behind_slashes(path: str, columns: int, indent: str) -> list[str]:
    """Return a path that is longer than a line as lines, each but the last ending in a slash where there is one."""
    lines = [""]
    for part in _PARTS_OF_PATH.findall(path):
        if lines[-1].strip() and _width(lines[-1] + part) > columns:
            lines.append(indent)
        lines[-1] += part
    return lines


def _width(text: str) -> int:
    return len(_COLOUR.sub("", text))


def on_terminal(faults: Iterable[Fault], *, has_colour: bool) -> str:
    """Return the faults for a person: each with the line it is in, a caret below the place, then the hint."""
    lines = [line for fault in faults for line in _of_one(fault)]
    return "\n".join(lines if has_colour else [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines])


def _of_one(fault: Fault) -> list[str]:
    where = f"{BOLD}{escape_controls(fault.where)}{PLAIN}: " if fault.where else ""
    what = escape_controls(fault.what)
    lines = [f"{where}{RED}{what}{PLAIN}" if "\n" not in what else f"{where}{what}"]
    lines += _excerpt(fault)
    if fault.hint:
        lines.append(f"  {CYAN}hint:{PLAIN} {escape_controls(fault.hint)}")
    return lines


def _excerpt(fault: Fault) -> list[str]:
    """Return the faulty line with its number, and a caret below each character of the word that is wrong."""
    place = _PLACE.fullmatch(fault.where)
    if place is None or not fault.line:
        return []
    number, column = place["line"], int(place["column"]) - 1
    before, rest = fault.line[:column], fault.line[column:]
    word = (_VALUE if before.rstrip().endswith((":", "-")) else _WORD).match(rest)
    length = len(word[0]) if word else 1
    shown_before, shown = _one_width(before), _one_width(before + rest)
    start = len(shown_before)
    first = max(0, start - BEFORE_FAULT) if len(shown) > MAX_EXCERPT else 0
    cut = shown[first : first + MAX_EXCERPT]
    carets = "^" * max(1, min(length, MAX_EXCERPT - (start - first)))
    cut = ("…" if first else "") + cut.rstrip() + ("…" if len(shown) > first + MAX_EXCERPT else "")
    indent = " " * (start - first + bool(first))
    return [
        f"  {BLUE}{number} |{PLAIN} {cut}",
        f"  {BLUE}{' ' * len(number)} |{PLAIN} {indent}{RED}{carets}{PLAIN}",
    ]


def _one_width(text: str) -> str:
    """Return the text as it is drawn: tabs as blanks, nothing that a terminal would obey."""
    return escape_controls(text.expandtabs(8))
