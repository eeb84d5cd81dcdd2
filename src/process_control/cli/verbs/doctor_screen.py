"""The screen of `doctor`: what is bad first, each with the command to paste; what is right on one line each."""

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, draws_unicode, width
from process_control.cli.print.table import paragraph
from process_control.views.doctor.finding import BAD, OK, WARN, Finding

_RANK = {BAD: 0, WARN: 1, OK: 2}
_STYLES = {BAD: "bold red", WARN: "yellow", OK: "green"}
_SYMBOLS = {BAD: "✗", WARN: "!", OK: "✓"}
INDENT = 4


def show_findings(findings: list[Finding], done: list[str]) -> None:
    """Print what was done, then the findings, worst first."""
    screen = console()
    for line in done:
        screen.print(Text(f"fix: {clean(line)}", style="cyan"))
    for finding in sorted(findings, key=lambda each: _RANK[each.state]):
        symbol = f"{_SYMBOLS[finding.state]} " if draws_unicode(screen) else ""
        head = Text(f"{symbol}{finding.state:<5}", style=_STYLES[finding.state]).append(finding.check, style="bold")
        if finding.state == OK:
            for words in paragraph(f"{head.plain} {clean(finding.what)}", width(), indent=0, style="dim"):
                screen.print(words)
            continue
        screen.print(head)
        for words in paragraph(clean(finding.what), width(), indent=INDENT):
            screen.print(words)
        if finding.remedy is not None:  # never broken: it is to be pasted
            screen.print(Text(f"{' ' * INDENT}{clean(finding.remedy)}", style="cyan"), soft_wrap=True)
