"""What `notify test` prints: each recipient as soon as its channel has answered."""

import sys
from collections.abc import Sequence
from typing import Any

from process_control.actions.try_channels import Try
from process_control.cli.print.output import talk
from process_control.cli.print.plain import is_terminal, print_tabbed

WORDS = {True: "taken", False: "not taken", None: "would be sent"}


def show_before(each: Try) -> None:
    """Show who is tried now, for whom waits at a terminal: a channel may take half a minute."""
    if sys.stderr.isatty():
        talk(f"{each.channel} to {', '.join(each.to)} ...")


def show(each: Try) -> None:
    """Show what came of a message: a sentence, and in a pipe the line of a table too."""
    to = ", ".join(each.to)
    if not is_terminal():
        print_tabbed([each.channel, WORDS[each.taken], to, each.by, each.why])
    what = "mail" if each.channel == "mail" else f"message ({each.channel})"
    if each.taken is None:
        talk(f"a test {what} to {to} would be sent{f' by {each.by}' if each.by else ''}")
    elif not each.taken:
        key = "failmail" if each.channel == "mail" else "notify"
        talk(f"the test {what} to {to} was not accepted: {each.why}\n  hint: process-control explain {key}")
    elif each.by:
        talk(f"test {what} to {to} handed to {each.by}")
    else:
        talk(f"test {what} to {to} accepted{f': {each.answer}' if each.answer else ''}")


def tries_as_json(tries: Sequence[Try], *, dry_run: bool) -> dict[str, Any]:
    """Return all for `--json`: first the keys of the time when there was only mail."""
    whys = [each.why for each in tries if each.why is not None]
    return {
        "to": [to for each in tries for to in each.to],
        "by": ", ".join(each.by or each.channel for each in tries),
        "taken": None if dry_run else all(each.taken for each in tries),
        "why": "; ".join(whys) or None,
        "channels": [each.to_json() for each in tries],
        "dry_run": dry_run,
    }
