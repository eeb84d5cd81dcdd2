"""`fleet status` and `fleet hosts` on a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, STATE_STYLES, console, print_rows
from process_control.cli.print.table import Column
from process_control.core.fleet.job_status import FleetJobStatus
from process_control.core.moments import day_and_time, span, zone_name


def show_statuses(statuses: Sequence[FleetJobStatus], now: datetime) -> None:
    """Print a row for each job."""
    if not statuses:
        console().print(Text("the fleet has no job yet: process-control fleet apply", style="dim"))
        return
    columns = [
        Column(title="JOB", gives_way=1, min_width=16),
        Column(title="STATE"),
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
        Text(each.state, style=STATE_STYLES.get(each.state, "")),
        Text(day_and_time(coming, now) if coming else "-"),
        Text(day_and_time(last, now) if last else "-", style="dim"),
        Text(result, style=OUTCOME_STYLES.get(result, "dim")),
        Text(clean(values["host"] or "-")),
        Text(clean(values["why"] or ""), style="yellow"),
    ]


def show_hosts(hosts: Sequence[Mapping[str, object]], now: float) -> None:
    """Print a row for each process."""
    if not hosts:
        console().print(Text("no process of the fleet is connected to the server", style="dim"))
        return
    columns = [Column(title="HOST"), Column(title="PROCESS"), Column(title="PID"), Column(title="SEEN", is_right=True)]
    rows = [
        [
            Text(clean(host["host"])),
            Text(clean(host["kind"])),
            Text(clean(host["pid"])),
            Text(f"{span(max(0.0, now - float(str(host['last_seen']))))} ago"),
        ]
        for host in hosts
    ]
    print_rows(rows, columns)
