"""`fleet status` and `fleet hosts` on a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, STATE_STYLES, console, print_rows
from process_control.cli.print.table import Column
from process_control.core.fleet.drift import drift_in_words
from process_control.core.fleet.job_status import FleetJobStatus
from process_control.core.moments import day_and_time, in_local_time, span, zone_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.fleet.fleet_hosts import FleetHost


def show_statuses(statuses: Sequence[FleetJobStatus], now: datetime) -> None:
    """Print a row for each job."""
    if not statuses:
        console().print(Text("the fleet has no job yet: process-control fleet apply", style="dim"))
        return
    columns = [
        Column(title="JOB", gives_way=1, min_width=16),
        Column(title="STATE", gives_way=5, min_width=12),
        Column(title=f"NEXT ({zone_name(now)})"),
        Column(title="LAST", gives_way=2, min_width=9, may_leave=True),
        Column(title="RESULT"),
        Column(title="HOST", gives_way=4, min_width=8),
        Column(title="WHY", gives_way=3, min_width=20, breaks=True),
    ]
    print_rows([_row(each, now) for each in statuses], columns)


def _row(each: FleetJobStatus, now: datetime) -> list[Text]:
    values = each.to_json()
    result = str(values["result"] or "-")
    coming = None if each.next_slot is None else datetime.fromtimestamp(each.next_slot, UTC)
    last = None if each.last is None else datetime.fromtimestamp(each.last.since, UTC)
    return [
        Text(each.job),
        Text(_state(each), style=STATE_STYLES.get(each.state, "")),
        Text(day_and_time(coming, now) if coming else "-"),
        Text(day_and_time(last, now) if last else "-", style="dim"),
        Text(result, style=OUTCOME_STYLES.get(result, "dim")),
        Text(clean(values["host"] or "-")),
        Text(clean(in_local_time(str(values["why"] or ""), now)), style="yellow"),
    ]


def _state(each: FleetJobStatus) -> str:
    return each.state if each.running_on is None else f"{each.state} on {clean(each.running_on)}"


def show_hosts(hosts: "Sequence[FleetHost]", now: float) -> None:
    """Print a row for each process."""
    if not hosts:
        console().print(Text("no process of the fleet is connected to the server", style="dim"))
        return
    columns = [
        Column(title="HOST", gives_way=2, min_width=12),
        Column(title="PROCESS"),
        Column(title="SEEN", is_right=True),
        Column(title="VERSION", gives_way=1, min_width=7, may_leave=True),
        Column(title="COMMIT"),
        Column(title="CLOCK", is_right=True),
        Column(title="DRIFT", gives_way=3, min_width=20, breaks=True),
    ]
    print_rows([_host(each, now) for each in hosts], columns)


def _host(each: "FleetHost", now: float) -> list[Text]:
    report, seen = each.report, f"{span(max(0.0, now - each.last_seen))} ago"
    first = [Text(clean(each.name)), Text(each.kind), Text(seen)]
    if report is None:
        return [
            *first,
            Text(),
            Text(),
            Text(),
            Text("" if each.kind == "control" else "does not answer", style="bold red"),
        ]
    ahead = report.clock_ahead_seconds
    is_far = abs(ahead) >= 1
    return [
        *first,
        Text(clean(report.version)),
        Text(clean(report.commit or "-")[:10] + ("*" if report.is_dirty else "")),
        Text(f"{ahead:+.0f} s" if is_far else "ok", style="yellow" if is_far else "dim"),
        Text(clean(drift_in_words(each.drift)) or "none", style="bold red" if each.drift else "dim"),
    ]
