"""Prints what runs printed: for a terminal, for a pipe, as JSON lines, or byte for byte."""

import json
import sys
from collections.abc import Iterable

from process_control.cli.print.output import print_line
from process_control.cli.print.plain import is_terminal
from process_control.views.log_lines import STREAM_WORDS, Printed


class LinePrinter:
    """`slugs`: the job in front of each line; `times`: the time too; `raw`: the bytes of the line and nothing else."""

    def __init__(
        self, *, slugs: bool = False, times: bool = False, raw: bool = False, json_lines: bool = False
    ) -> None:
        self._slugs = slugs
        self._times = times
        self._raw = raw
        self._json_lines = json_lines
        self.count = 0

    def print_all(self, lines: Iterable[Printed]) -> None:
        for printed in lines:
            self.print(printed)

    def print(self, printed: Printed) -> None:
        self.count += 1
        if self._json_lines:
            print_line(json.dumps({"version": 1, **printed.to_json()}))
        elif self._raw:
            sys.stdout.flush()
            sys.stdout.buffer.write(printed.line.text + b"\n")
        elif is_terminal():
            self._print_on_terminal(printed)
        else:
            print_line("\t".join(self._fields(printed)))

    def _fields(self, printed: Printed) -> list[str]:
        fields = [printed.job] if self._slugs else []
        if self._times:
            fields += [printed.stamp or "", STREAM_WORDS[printed.line.stream]]
        return [*fields, printed.text]

    def _print_on_terminal(self, printed: Printed) -> None:
        from rich.text import Text

        from process_control.cli.print.screen import console, output_line

        line = output_line(printed.line, printed.began if self._times else None)
        console().print(Text(f"{printed.job}  ", style="cyan") + line if self._slugs else line)
