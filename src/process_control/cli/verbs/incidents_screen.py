"""`incidents` on a terminal, and the story of one."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, print_rows, width
from process_control.cli.print.table import Column, wrapped
from process_control.core.causes import Cause
from process_control.core.incident import Incident, State
from process_control.core.moments import day_and_time, in_local_time, parse_iso, span
from process_control.views.incidents import Seen, Step

STYLES = {
    State.OPEN: "bold red",
    State.ACKNOWLEDGED: "yellow",
    State.FLAPPING: "bold magenta",
    State.CLOSED: "green",
}
CAUSES = {
    Cause.HOST_DOWN: "host down",
    Cause.TRIGGER_DEAD: "trigger dead",
    Cause.WATCH_DEAD: "watch dead",
    Cause.DISK_FULL: "disk full",
    Cause.MAIL_DEAD: "messages wait",
    Cause.FILE_INVALID: "file invalid",
}
#: Jobs that are named in a row.
MAX_NAMED = 3
#: Planned times that are named.
MAX_SLOTS = 5


def show_incidents(found: Sequence[Seen], now: datetime, *, with_closed: bool) -> None:
    """Print a row for each incident, the newest first; under the table what to do with them."""
    if not found:
        words = "no incident in the history" if with_closed else "no open incident"
        console().print(Text(words, style="green"))
        return
    columns = [
        Column(title="STATE"),
        Column(title="SINCE"),
        Column(title="FOR", is_right=True),
        Column(title="JOB", gives_way=2, min_width=14),
        Column(title="CAUSE"),
        Column(title="COUNT", is_right=True),
        Column(title="WHY", gives_way=1, min_width=20, breaks=True),
        Column(title="ID", gives_way=4, min_width=16),
    ]
    print_rows([_row(seen, now) for seen in found], columns)
    open_one = next((seen.incident for seen in found if seen.incident.is_open), None)
    if open_one is not None:
        console().print(Text(f"\nmore: process-control incidents show {open_one.id}", style="dim"))
        console().print(Text(f"I know: process-control ack {open_one.id} --note '…'", style="dim"))


def _row(seen: Seen, now: datetime) -> list[Text]:
    incident = seen.incident
    began, ended = parse_iso(incident.since), parse_iso(incident.closed_at) or now
    state = "silenced" if seen.silenced_until and incident.is_open else incident.state.value
    return [
        Text(state, style=STYLES.get(incident.state, "dim")),
        Text(day_and_time(began, now)),
        Text(span((ended - began).total_seconds()) if began is not None else "-"),
        Text(_jobs(incident), style="bold"),
        Text(CAUSES.get(incident.cause, incident.cause.value)),
        Text(str(incident.count)),
        Text(clean(in_local_time(incident.sentence, now))),
        Text(clean(incident.id), style="dim"),
    ]


def _jobs(incident: Incident) -> str:
    names = incident.jobs
    if not names:
        return "(host)"
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return clean(", ".join(names[:MAX_NAMED])) + more


def show_incident(seen: Seen, story: Sequence[Step], now: datetime) -> None:
    """Print one incident: what it is, what was done about it, and who was sent what."""
    incident, screen = seen.incident, console()
    title = Text(clean(incident.id), style="bold").append("  ")
    screen.print(title.append(incident.state.value, style=STYLES.get(incident.state, "")))
    for line in wrapped(clean(in_local_time(incident.sentence, now)), width()):
        screen.print(Text(line))
    for name, value in _facts(seen, now):
        screen.print(Text(f"  {name:<13}", style="dim").append(value))
    if story:
        screen.print(Text("\nWhat happened", style="bold"))
    for step in story:
        when = day_and_time(parse_iso(step.at), now)
        lines = wrapped(clean(in_local_time(step.what, now)), max(width() - len(when) - 4, 20))
        for number, line in enumerate(lines):
            screen.print(Text(f"  {when if number == 0 else ' ' * len(when)}  ", style="dim").append(line))
    if incident.is_open and incident.acknowledged is None:
        screen.print(Text(f"\nI know: process-control ack {incident.id} --note '…'", style="dim"))


def _missed(incident: Incident, now: datetime) -> str:
    """Return how many planned times a trouble of the host explains, and the first of them with their jobs."""
    slots = sorted((slot, slug) for slug, part in incident.parts.items() for slot in part.slots)
    if not slots:
        return ""
    number = sum(part.waiting for part in incident.parts.values())
    first = ", ".join(f"{clean(slug)} {day_and_time(parse_iso(slot), now)}" for slot, slug in slots[:MAX_SLOTS])
    more = f" and {number - MAX_SLOTS:,} more" if number > MAX_SLOTS else ""
    return f"{number:,} planned time{'' if number == 1 else 's'}: {first}{more}"


def _facts(seen: Seen, now: datetime) -> list[tuple[str, str]]:
    incident = seen.incident
    known = incident.acknowledged
    counts = [f"{clean(slug)} ({part.count})" for slug, part in sorted(incident.parts.items())]
    facts = [
        ("cause", CAUSES.get(incident.cause, incident.cause.value)),
        ("jobs", ", ".join(counts)),
        ("missed", _missed(incident, now) if incident.cause.is_host_wide else ""),
        ("since", day_and_time(parse_iso(incident.since), now)),
        ("opened", day_and_time(parse_iso(incident.opened_at), now)),
        ("closed", f"{day_and_time(parse_iso(incident.closed_at), now)}: {incident.closed_by}"),
        ("run", clean(incident.run_id or "")),
    ]
    if incident.closed_at is None:
        facts = [fact for fact in facts if fact[0] != "closed"]
    if known is not None:
        note = f": {known['note']}" if known.get("note") else ""
        facts.append(("acknowledged", clean(f"{day_and_time(parse_iso(known['at']), now)} by {known['by']}{note}")))
    if seen.silenced_until:
        facts.append(("silenced", f"until {day_and_time(parse_iso(seen.silenced_until), now)}"))
    return [(name, value) for name, value in facts if value]
