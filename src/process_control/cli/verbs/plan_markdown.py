"""`plan --markdown`: the comparison as a comment for a review."""

import re
from collections.abc import Iterator
from datetime import datetime

from process_control.cli.print.plain import clean
from process_control.core.moments import day_and_time, zone_name
from process_control.system.revision import Revision
from process_control.views.expected import in_words
from process_control.views.plan import JobChange, PlannedChange
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

#: What Markdown, or the HTML in it, would take for more than text.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&@])")


def comment(change: PlannedChange, before: Revision, after: Revision | None, now: datetime) -> str:
    """Return the comment; nothing of a job file is more than text in it."""
    return "\n".join(_lines(change, before, after, now))


def _lines(change: PlannedChange, before: Revision, after: Revision | None, now: datetime) -> Iterator[str]:
    yield f"### {_plain(title(change, before, after))}"
    if not change.jobs:
        return
    end = day_and_time(datetime.fromtimestamp(change.end, now.tzinfo), now)
    yield ""
    yield f"Planned times until {end} {zone_name(now)}."
    yield ""
    yield "| job | | when | planned times | settings |"
    yield "|---|---|---|---|---|"
    for each in change.jobs:
        yield _row(each, now)
    facts = [*renamed_in_words(change), peak_in_words(change, now), unknown_in_words(change)]
    facts += [f"new: {in_words(each, now)}" for each in change.new]
    facts += [f"gone: {in_words(each, now)}" for each in change.gone]
    facts += [sentence for each in change.replays or () for sentence in replay_in_words(each)]
    yield ""
    for fact in filter(None, facts):
        yield f"- {_plain(fact)}"


def _row(each: JobChange, now: datetime) -> str:
    settings = [key_in_words(key) for key in other_keys(each)] + remarks(each)
    cells = [each.job, each.change, schedule_in_words(each), slots_in_words(each, now)]
    return f"| {' | '.join(map(_plain, cells))} | {'<br>'.join(map(_plain, settings))} |"


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is: also an `@name` mentions nobody, a `<!--` hides nothing."""
    return _SPECIAL.sub(_escaped, clean(text))


def _escaped(found: re.Match[str]) -> str:
    character = found[1]
    return f"&#{ord(character)};" if character in "<>|&@`" else f"\\{character}"
