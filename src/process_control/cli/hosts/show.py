"""Prints what hosts answered: as JSON, for a pipe, as CSV, or on the terminal."""

import csv
import sys
from typing import Any

from process_control.cli.hosts.looked import Looked
from process_control.cli.hosts.rows import columns_of, rows_of
from process_control.cli.print.output import print_large_json
from process_control.cli.print.plain import inert, is_terminal, print_header, print_rows_tabbed
from process_control.errors import FINE, NO
from process_control.fleet.merged import merged
from process_control.fleet.reply import CHECK

#: On the terminal and in a pipe the same: sentences.
TEXTS = ("why",)


def show(looked: Looked) -> int:
    """Print the answers; return the exit code: 1 when a host did not answer, or the answer of the verb is no."""
    if looked.verb == CHECK:
        from process_control.cli.hosts.check_screen import show_check

        return show_check(looked)
    answer = merged(looked.form, looked.replies)
    if looked.options.get("as_json"):
        print_large_json(answer)
    elif looked.options.get("as_csv"):
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(columns_of(looked))
        table.writerows([inert(value) for value in row] for row in rows_of(looked, answer))
    elif is_terminal() or looked.verb in TEXTS or "incident" in answer:
        from process_control.cli.hosts.screens import show_on_terminal

        show_on_terminal(looked, answer)
    else:
        print_header(columns_of(looked), wanted=looked.verb != "logs" and not looked.options.get("no_header"))
        print_rows_tabbed(rows_of(looked, answer))
    return _exit_code(looked, answer)


def _exit_code(looked: Looked, answer: dict[str, Any]) -> int:
    if not all(reply.is_ok for reply in looked.replies):
        return NO
    if looked.verb == "doctor":
        return NO if any(finding["state"] != "ok" for finding in answer["findings"]) else FINE
    if looked.verb == "logs" and looked.options.get("regex") is not None:
        return FINE if answer["lines"] else NO
    return FINE
