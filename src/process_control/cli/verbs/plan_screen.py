"""`plan` on a terminal."""

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, width
from process_control.cli.print.table import paragraph
from process_control.core.moments import clock, day_and_time
from process_control.system.revision import Revision
from process_control.views.expected import in_words
from process_control.views.plan import ADDED, REMOVED, JobChange, PlannedChange
from process_control.views.plan_in_words import (
    key_in_words,
    other_keys,
    peak_in_words,
    remarks,
    renamed_in_words,
    schedule_in_words,
    slots_in_words,
    title,
    unknown_in_words,
)
from process_control.views.replay import replay_in_words

STYLES = {ADDED: "green", REMOVED: "red"}
INDENT = 9


def show_plan(change: PlannedChange, before: Revision, after: Revision | None, now: datetime) -> None:
    """Print what changes, job by job, then what is to be expected of all of them."""
    screen = console()
    end = day_and_time(datetime.fromtimestamp(change.end, now.tzinfo), now)
    lines = paragraph(clean(title(change, before, after)), width(), indent=0, style="bold")
    lines += paragraph(f"planned times until {end}; now {clock(now)}", width(), indent=0, style="dim")
    for each in change.jobs:
        lines += [Text(), *_job(each, now)]
    if change.jobs:
        lines += [Text(), *_outlook(change, now)]
    for line in lines:
        screen.print(line)


def _job(each: JobChange, now: datetime) -> Iterator[Text]:
    head = Text(f"{each.change:<{INDENT}}", style=STYLES.get(each.change, "cyan")).append(each.job, style="bold")
    yield head
    sentences = [schedule_in_words(each), slots_in_words(each, now)]
    sentences += [key_in_words(key) for key in other_keys(each)]
    for sentence in filter(None, sentences):
        yield from paragraph(clean(sentence), width(), indent=INDENT, max_lines=4)
    for remark in remarks(each):
        yield from paragraph(clean(remark), width(), indent=INDENT, style="yellow")


def _outlook(change: PlannedChange, now: datetime) -> Iterator[Text]:
    new = change.new
    facts = [("yellow", sentence) for sentence in renamed_in_words(change)]
    facts.append(("", peak_in_words(change, now)))
    facts += [("yellow", f"new: {in_words(each, now)}") for each in new]
    facts += [("green", f"gone: {in_words(each, now)}") for each in change.gone]
    rest = len(change.after.expected) - len(new)
    facts.append(("dim", f"{rest:,} warning{'s' * (rest != 1)} as before: process-control lint" if rest else ""))
    facts.append(("dim", unknown_in_words(change)))
    facts += [("", sentence) for each in change.replays or () for sentence in replay_in_words(each)]
    for style, sentence in facts:
        if sentence:
            yield from paragraph(clean(sentence), width(), indent=0, style=style)
