"""`lint` on a terminal and in a pipe: the repairs as diffs, then the findings."""

from collections.abc import Sequence

from process_control.actions.fix_job_file import Repair
from process_control.cli.print.output import print_line, talk
from process_control.cli.print.plain import is_terminal
from process_control.notify.message import escape_controls
from process_control.views.lint.finding import Finding


def show_repairs(repairs: Sequence[Repair]) -> None:
    """Print each change as a diff."""
    for each in repairs:
        print_line(escape_controls(each.diff))
        talk(f"{each.path}: {'repaired' if each.is_written else 'would be repaired'}")


def show_findings(findings: Sequence[Finding]) -> None:
    """Print the findings, on a terminal with the faulty lines."""
    if findings and is_terminal():
        from process_control.cli.print.error_output import between_words, has_colour, on_terminal

        faults = [finding.as_fault() for finding in findings]
        print_line(between_words(on_terminal(faults, has_colour=has_colour(1))))
        return
    for finding in findings:
        print_line(escape_controls(str(finding)))
