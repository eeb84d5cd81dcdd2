"""`slots` on a terminal: a row for each planned time, and `--count` as the closing of the books."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.text import Text

from process_control.cli.print.plain import clean
from process_control.cli.print.screen import OUTCOME_STYLES, console, print_rows
from process_control.cli.print.table import Column
from process_control.core.lateness import MIN_SHOWN_SECONDS, late_in_words
from process_control.core.moments import day_and_time, in_local_time, times_of_a_column, took, zone_name
from process_control.core.schedule.slots import DUE, FATES, MISSED, RAN, SKIPPED
from process_control.views.slots import Account, late_parts

FATE_STYLES = {RAN: "green", SKIPPED: "yellow", MISSED: "bold red", DUE: "cyan"}


def show_slots(accounts: Sequence[Account], now: datetime) -> None:
    """Print a row for each: the planned time, the job, its fate, how late it began, its run, why."""
    if not accounts:
        console().print(Text("no planned time matches", style="dim"))
        return
    planned = times_of_a_column([datetime.fromtimestamp(each.slot.slot, UTC) for each in accounts], now)
    is_exact = any(each.slot.slot % 60 for each in accounts)
    columns = [
        Column(title=f"PLANNED ({zone_name(now)})"),
        Column(title="JOB", gives_way=2, min_width=16),
        Column(title="FATE"),
        Column(title="LATE", is_right=True),
        Column(title="RUN", gives_way=1, min_width=9, may_leave=True),
        Column(title="WHY", gives_way=3, min_width=24, breaks=True),
    ]
    shown = planned if is_exact else [each.removesuffix(":00") for each in planned]
    print_rows([_row(account, when, now) for account, when in zip(accounts, shown, strict=True)], columns)


def show_counts(
    counts: Mapping[str, Mapping[str, int]],
    begins: Mapping[str, float | None],
    window: tuple[float, float],
    now: datetime,
) -> None:
    """Print how many planned times each job has, of each fate, and from when they are counted; their sum last."""
    columns = [
        Column(title="JOB", gives_way=1, min_width=16),
        Column(title="PLANNED", is_right=True),
        *(Column(title=f"{sign} {fate.upper()}", is_right=True) for sign, fate in zip("=+++", FATES, strict=True)),
        Column(title="COUNTED FROM"),
    ]
    rows = [[Text(job), *_numbers(each), _from(begins.get(job), window[0], now)] for job, each in counts.items()]
    if len(counts) > 1:
        total = {name: sum(each[name] for each in counts.values()) for name in ("planned", *FATES)}
        rows.append([Text(f"{len(counts):,} jobs", style="bold"), *_numbers(total), Text()])
    if not rows:
        console().print(Text("no job has a planned time", style="dim"))
        return
    print_rows(rows, columns)
    end = day_and_time(datetime.fromtimestamp(min(window[1], now.timestamp()), UTC), now)
    console().print(Text(f"counted until {end} {zone_name(now)}", style="dim"))


def _numbers(counted: Mapping[str, int]) -> list[Text]:
    planned = Text(f"{counted['planned']:,}", style="bold")
    styles = {fate: FATE_STYLES[fate] if counted[fate] else "dim" for fate in FATES}
    return [planned, *(Text(f"{counted[fate]:,}", style=styles[fate]) for fate in FATES)]


def _from(begins: float | None, since: float, now: datetime) -> Text:
    if begins is None:
        return Text("not recorded", style="dim")
    moment = datetime.fromtimestamp(max(begins, since), UTC)
    return Text(day_and_time(moment, now), style="yellow" if begins > since else "dim")


def _row(account: Account, when: str, now: datetime) -> list[Text]:
    slot, run = account.slot, account.slot.run
    style = FATE_STYLES[slot.fate]
    fate, outcome = Text(slot.fate, style=style), run.outcome if run is not None else None
    if run is not None and outcome != "succeeded":
        style = OUTCOME_STYLES.get(outcome, "red")
        fate = Text(f"{slot.fate}, {outcome or 'running'}", style=style)
    late = run.late_seconds if run is not None else None
    is_late = late is not None and late >= MIN_SHOWN_SECONDS
    return [
        Text(when, style="dim"),
        Text(slot.job, style="bold" if slot.fate == MISSED or outcome in ("failed", "lost") else ""),
        fate,
        Text(took(late), style="yellow") if is_late else Text(),
        Text(run.run_id if run is not None else "", style="dim"),
        Text(clean(in_local_time(_why(account), now))),
    ]


def _why(account: Account) -> str:
    """Return reason or cause, with what shows it; of a late run of what its lateness is made."""
    slot = account.slot
    if slot.fate == RAN and slot.run is not None:
        late = late_in_words(slot.run.late_seconds, late_parts(slot.run)).partition(": ")[2]
        return "; ".join(part for part in (slot.detail or slot.reason or "", late) if part)
    if slot.fate == MISSED:
        return "; ".join([slot.cause or "", *(each.what for each in account.evidence[:1] if each.what)])
    return "; ".join(part for part in (slot.reason, slot.detail) if part)
