"""The tables of many hosts on the terminal: for each form of an answer its columns, and the cells of an item.

The values are of other hosts: every text goes through `text`, which leaves nothing that could steer a terminal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES
from process_control.cli.print.table import Column
from process_control.core.moments import day_and_time, in_local_time, parse_iso, span, took, zone_name
from process_control.core.schedule.slots import DUE, FATES, MISSED, RAN, SKIPPED

Item = dict[str, Any]
#: Characters of a text that are shown in a cell.
MAX_CELL = 1000
FATE_STYLES = {RAN: "green", SKIPPED: "yellow", MISSED: "bold red", DUE: "cyan"}
HOST = Column(title="HOST", gives_way=3, min_width=8)
JOB = Column(title="JOB", gives_way=4, min_width=16)
RUN = Column(title="RUN", gives_way=1, min_width=9, may_leave=True)
WHY = Column(title="WHY", gives_way=5, min_width=24, breaks=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """How the items of an answer are shown."""

    #: where the answer has them
    key: str
    columns: Callable[[datetime], Sequence[Column]]
    #: the cells behind the host
    cells: Callable[[Item, datetime], list[Text]]
    #: what is printed when there is no item
    empty: str


def text(value: object, now: datetime, *, style: str = "") -> Text:
    """Return a text of another host as a cell: cut, with local times, and unable to steer a terminal."""
    return Text(clean(in_local_time(str(value or "")[:MAX_CELL], now)), style=style)


def when(value: object, now: datetime, *, style: str = "dim") -> Text:
    return Text(day_and_time(parse_iso(str(value or "")), now) or "-", style=style)


def outcome_style(outcome: str | None) -> str:
    return OUTCOME_STYLES.get(outcome, "red")


def _history_columns(now: datetime) -> Sequence[Column]:
    return (
        Column(title=f"STARTED ({zone_name(now)})"),
        JOB,
        Column(title="OUTCOME"),
        Column(title="TOOK", is_right=True),
        RUN,
        WHY,
    )


def _history_cells(run: Item, now: datetime) -> list[Text]:
    outcome = run.get("outcome")
    why = "; ".join(str(run[name]) for name in ("reason", "detail") if run.get(name))
    return [
        when(run["started_at"], now),
        text(run["job"], now, style="bold" if outcome in ("failed", "lost") else ""),
        text(outcome or "running", now, style=outcome_style(outcome)),
        Text(took(run.get("duration_seconds"))),
        text(run["run_id"], now, style="dim"),
        text(why, now),
    ]


def _slot_columns(now: datetime) -> Sequence[Column]:
    return (
        Column(title=f"PLANNED ({zone_name(now)})"),
        JOB,
        Column(title="FATE"),
        Column(title="LATE", is_right=True),
        RUN,
        WHY,
    )


def _slot_cells(slot: Item, now: datetime) -> list[Text]:
    fate, outcome = slot["fate"], slot.get("outcome")
    shown = text(fate, now, style=FATE_STYLES.get(fate, "red"))
    if fate == RAN and outcome != "succeeded":
        shown = text(f"{fate}, {outcome or 'running'}", now, style=outcome_style(outcome))
    why = [slot.get("reason") or slot.get("cause") or "", *(each["what"] for each in slot["evidence"][:1])]
    late = slot.get("late_seconds") or 0
    return [
        when(slot["slot"], now),
        text(slot["job"], now, style="bold" if fate == MISSED else ""),
        shown,
        Text(took(late) if late >= 1 else "", style="yellow"),
        text(slot.get("run_id"), now, style="dim"),
        text("; ".join(part for part in why if part), now),
    ]


def _count_columns(_now: datetime) -> Sequence[Column]:
    return (JOB, *(Column(title=name.upper(), is_right=True) for name in ("planned", *FATES)))


def _count_cells(counted: Item, now: datetime) -> list[Text]:
    numbers = [Text(f"{counted[fate]:,}", style=FATE_STYLES[fate] if counted[fate] else "dim") for fate in FATES]
    return [text(counted["job"], now), Text(f"{counted['planned']:,}", style="bold"), *numbers]


def _timer_columns(now: datetime) -> Sequence[Column]:
    left, last = Column(title="LEFT", is_right=True), Column(title="LAST", gives_way=1, min_width=9, may_leave=True)
    why = Column(title="WHY NOT", gives_way=5, min_width=20, breaks=True)
    return (Column(title=f"NEXT ({zone_name(now)})"), left, JOB, last, Column(title="RESULT"), why)


def _timer_cells(timer: Item, now: datetime) -> list[Text]:
    result, left = timer.get("result"), timer.get("left_seconds")
    return [
        when(timer.get("next"), now, style=""),
        Text("-" if left is None else span(left)),
        text(timer["job"], now, style="bold" if result in ("failed", "lost") else ""),
        when(timer.get("last"), now),
        text(result or "-", now, style="cyan" if result == "running" else outcome_style(result) if result else "dim"),
        text(timer.get("why"), now, style="yellow"),
    ]


def _incident_columns(now: datetime) -> Sequence[Column]:
    since, count = Column(title=f"SINCE ({zone_name(now)})"), Column(title="COUNT", is_right=True)
    return (Column(title="STATE"), since, JOB, count, WHY, Column(title="ID", gives_way=2, min_width=16))


def _incident_cells(incident: Item, now: datetime) -> list[Text]:
    jobs, state = incident["jobs"], incident["state"]
    more = f" and {len(jobs) - 3} more" if len(jobs) > 3 else ""
    return [
        text(state, now, style="green" if state == "closed" else "bold red" if state == "open" else "yellow"),
        when(incident["since"], now),
        text(", ".join(jobs[:3]) + more if jobs else "(host)", now, style="bold"),
        Text(f"{incident['count']:,}"),
        text(incident["sentence"], now),
        text(incident["id"], now, style="dim"),
    ]


TABLES = {
    "history": Table(key="runs", columns=_history_columns, cells=_history_cells, empty="no run matches"),
    "slots": Table(key="slots", columns=_slot_columns, cells=_slot_cells, empty="no planned time matches"),
    "slots --count": Table(key="jobs", columns=_count_columns, cells=_count_cells, empty="no job has a planned time"),
    "timers": Table(key="timers", columns=_timer_columns, cells=_timer_cells, empty="no job yet"),
    "incidents": Table(key="incidents", columns=_incident_columns, cells=_incident_cells, empty="no open incident"),
}
