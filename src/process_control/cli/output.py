"""Data to stdout, talk to stderr: the few ways in which the commands print."""

import json
import sys

from process_control.notify.message import escape_controls


def print_json(value: dict[str, object]) -> None:
    print_line(json.dumps({"version": 1, **value}, ensure_ascii=False, indent=2))


def print_line(text: str) -> None:
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    sys.stdout.write(text + "\n")


def talk(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(escape_controls(text) + "\n")
