"""`show` on a terminal: one job's values and where each comes from, and its next planned times."""

from rich.console import Console
from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import STATE_STYLES, console, width
from process_control.cli.print.table import Column, lines_of, paragraph
from process_control.cli.verbs.jobs_screen import HINT, reason_style, why
from process_control.views.show import Shown, in_words, use_in_words

INDENT = 2
MAX_VALUE_LINES = 12
VALUES = (
    Column(title="KEY"),
    Column(title="VALUE", gives_way=2, min_width=24, breaks=True, max_lines=MAX_VALUE_LINES),
    Column(title="FROM", gives_way=1, min_width=14, breaks=True),
)


def show_on_screen(shown: Shown) -> None:
    screen, status = console(), shown.status
    screen.print(Text(status.slug, style="bold").append(f" - {clean(status.name)}", style="not bold"))
    version = f", version {status.definition.version}" if status.definition else ""
    _say(screen, f"{clean(status.path)}{version}")
    _say(screen, status.state, style=STATE_STYLES[status.state])
    for line in why(status, shown.schedules.now):
        _say(screen, line, style="dim" if line.startswith(HINT) else reason_style(status))
    screen.print()
    set_values = [each for each in shown.values if in_words(each)]
    rows = [
        [Text(each.key), Text(clean(in_words(each))), Text(_origin(each.origin, status.slug), style="dim")]
        for each in set_values
    ]
    for lines in lines_of(rows, VALUES, width() - INDENT):
        for each in lines:
            screen.print(Text(" " * INDENT).append_text(each))
    screen.print()
    _say(screen, f"not set: {', '.join(each.key for each in shown.values if not in_words(each))}", style="dim")
    if status.last is not None and status.last.cpu_seconds is not None:
        screen.print()
        _say(screen, use_in_words(status.last))
    screen.print()
    _show_slots(screen, shown)


def _origin(origin: str, slug: str) -> str:
    """Return where a value comes from; of the job's own file, which stands above, the line."""
    own = f"{slug}.yaml:"
    return f"line {origin.removeprefix(own)}" if origin.startswith(own) else origin


def _show_slots(screen: Console, shown: Shown) -> None:
    status, schedule = shown.status, shown.status.schedule
    if status.definition is not None and status.definition.fleet_schedule:
        next_time = f"the next planned time: process-control why {status.slug} --fleet"
        _say(screen, f"{shown.schedules.words(status.definition) or 'in the fleet'}; {next_time}")
        return
    if schedule is None:
        _say(screen, "no schedule: it runs by hand only")
        return
    zone = f" ({shown.slots[0].local:%Z})" if shown.slots else ""
    if status.definition is not None and status.definition.disabled:
        stopped = ", but disabled"
    else:
        stopped = ", but on hold" if status.next_slot(shown.schedules) is None else ""
    origin = status.definition.schedule_of if status.definition is not None else None
    of = f" (the schedule of {origin})" if origin is not None else ""
    _say(screen, f"{schedule.in_words()}{of}{stopped}; the next planned times{zone}:")
    for slot in shown.slots:
        mark = f"  {slot.mark}" if slot.mark else ""
        _say(screen, f"  {slot.local:%a %d %b %Y %H:%M}{mark}", indent=2 * INDENT)


def _say(screen: Console, text: str, *, style: str = "", indent: int = INDENT) -> None:
    for line in paragraph(text, width(), indent=indent, style=style):
        screen.print(line)
