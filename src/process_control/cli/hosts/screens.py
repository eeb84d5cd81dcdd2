"""What the terminal shows of many hosts: first those that did not answer, then the answers of the others."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from rich.text import Text

from process_control.cli.hosts.dead_hosts import show_dead_hosts
from process_control.cli.hosts.looked import Looked
from process_control.cli.hosts.rows import names_jobs, text_of
from process_control.cli.hosts.tables import HOST, TABLES, text
from process_control.cli.print.output import talk
from process_control.cli.print.plain import clean
from process_control.cli.print.screen import console, print_rows, width
from process_control.cli.print.table import wrapped
from process_control.core.day import Collision, Day, Stretch, day_of
from process_control.core.moments import day_and_time, in_local_time, parse_iso
from process_control.views.doctor.finding import BAD, OK, STATES, Finding
from process_control.views.time_words import LocalZone

Item = dict[str, Any]
#: Rows of a table without --limit, as on one host.
MAX_ROWS = 1000
#: Of HOST/JOB in front of a lane.
MAX_LABEL = 36


def show_on_terminal(looked: Looked, answer: Item) -> None:
    """Print the answers of the hosts."""
    now = datetime.now(UTC)
    if looked.verb == "status":
        from process_control.cli.hosts.status_screen import show_status

        show_status(looked, answer, now)
        return
    show_dead_hosts(looked.replies)
    if not any(reply.is_ok for reply in looked.replies):
        return
    if "incident" in answer:
        _show_incident(answer, now)
    elif looked.form in TABLES:
        _show_table(looked, answer, now)
    else:
        _SCREENS[looked.verb](looked, answer, now)


def _show_table(looked: Looked, answer: Item, now: datetime) -> None:
    table = TABLES[looked.form]
    found = answer[table.key]
    if not found:
        console().print(Text(table.empty, style="dim"))
        return
    shown = found if looked.options.get("limit") is not None else found[:MAX_ROWS]
    rows = [[Text(clean(item["host"]), style="cyan"), *table.cells(item, now)] for item in shown]
    columns = (HOST, *table.columns(now))
    filled = [number for number in range(len(columns)) if any(row[number].plain for row in rows)]
    print_rows([[row[number] for number in filled] for row in rows], [columns[number] for number in filled])
    if len(shown) < len(found):
        talk(f"showing {len(shown):,} of {len(found):,} rows (--limit 0: all)")


def _show_why(_looked: Looked, answer: Item, now: datetime) -> None:
    for number, item in enumerate(answer["answers"]):
        if number:
            console().print()
        console().print(Text(clean(f"{item['host']}/{item['job']}"), style="bold"))
        for sentence in item["sentences"]:
            for line in wrapped(text(sentence, now).plain, width() - 2):
                console().print(Text(f"  {line}"))
        console().print(Text(f"  Commands are for that host: ssh {clean(item['host'])}", style="dim"))


def _show_logs(looked: Looked, answer: Item, now: datetime) -> None:
    for reply in looked.replies:
        for line in reply.talk:
            talk(f"{clean(reply.host)}: {line}")
    for line in answer["lines"]:
        head = Text(f"{clean(line['host'])}  ", style="cyan")
        if names_jobs(looked):
            head.append(f"{clean(line['job'])}  ", style="cyan")
        if looked.options["times"]:
            head.append(f"{_clock(line.get('at'), now)}  ", style="dim")
        shown = clean(text_of(line).replace("\t", "    "))
        console().print(head.append(shown, style={"err": "red", "cut": "yellow"}.get(line["stream"], "")))


def _clock(at: str | None, _now: datetime) -> str:
    moment = parse_iso(at)
    return "" if moment is None else f"{moment.astimezone():%H:%M:%S}.{moment.microsecond // 1000:03d}"


def _show_doctor(_looked: Looked, answer: Item, _now: datetime) -> None:
    from process_control.cli.verbs.doctor_screen import show_findings

    for host, findings in groupby(answer["findings"], key=lambda finding: finding["host"]):
        found = [
            Finding(
                check=clean(each["check"]),
                state=each["state"] if each["state"] in STATES else BAD,
                what=each["what"],
                remedy=each.get("remedy"),
            )
            for each in findings
        ]
        bad = [each for each in found if each.state != OK]
        needs = f"{len(bad)} of {len(found)} checks {'needs' if len(bad) == 1 else 'need'} a look"
        count = needs if bad else f"all is well: {len(found)} checks"
        console().print(Text(f"{clean(host)}: ", style="bold cyan").append(count, style="yellow" if bad else "green"))
        show_findings(bad, [])


def _show_day(looked: Looked, answer: Item, now: datetime) -> None:
    from process_control.cli.verbs.day_screen import show_day

    froms = sorted(_seconds(reply.values["from"]) for reply in looked.replies if reply.is_ok)
    found = _day_of(answer, froms[len(froms) // 2], now)
    show_day(found, LocalZone(), show_all=bool(looked.options["show_all"]), max_label=MAX_LABEL)


def _day_of(answer: Item, begin: float, now: datetime) -> Day:
    """Return the day of all hosts, in the zone of this one; a lane is HOST/JOB. `begin`: of most hosts."""
    noon = datetime.fromtimestamp(begin, UTC).astimezone().replace(tzinfo=None) + timedelta(hours=12)
    midnight = noon.replace(hour=0, minute=0, second=0, microsecond=0)
    day = day_of(
        [each for lane in answer["lanes"] for each in _stretches(lane)],
        begin=midnight.astimezone().timestamp(),
        end=(midnight + timedelta(days=1)).astimezone().timestamp(),
        now=now.timestamp(),
        locks={},
        zone=LocalZone(),
    )
    day.collisions = [_collision(each) for each in answer["collisions"]]
    return day


def _collision(each: Item) -> Collision:
    jobs = tuple(clean(f"{each['host']}/{job}") for job in each["jobs"])
    lock = clean(f"{each['host']}: {each['lock']}")
    return Collision(_seconds(each["from"]), _seconds(each["until"]), lock, jobs)


def _stretches(lane: Item) -> Iterator[Stretch]:
    name = clean(f"{lane['host']}/{lane['job']}")
    for each in lane["stretches"]:
        yield Stretch(name, _seconds(each["from"]), _seconds(each["until"]), each["kind"])


def _seconds(at: str) -> float:
    moment = parse_iso(at)
    return 0.0 if moment is None else moment.timestamp()


def _show_incident(answer: Item, now: datetime) -> None:
    incident, screen = answer["incident"], console()
    title = Text(clean(f"{incident['host']}/{incident['id']}"), style="bold")
    screen.print(title.append("  ").append(clean(incident["state"]), style="yellow"))
    for line in wrapped(text(incident["sentence"], now).plain, width()):
        screen.print(Text(line))
    for step in answer["story"]:
        when = day_and_time(parse_iso(step["at"]), now)
        lines = wrapped(clean(in_local_time(step["what"], now)), max(width() - len(when) - 4, 20))
        for number, line in enumerate(lines):
            screen.print(Text(f"  {when if number == 0 else ' ' * len(when)}  ", style="dim").append(line))


_SCREENS: dict[str, Callable[[Looked, Item, datetime], None]] = {
    "why": _show_why,
    "logs": _show_logs,
    "doctor": _show_doctor,
    "day": _show_day,
}
