"""`status` of many hosts: what needs a look first, with its reason; then a line for each host, or for each job."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from process_control.cli.hosts.dead_hosts import hosts_in_words, show_dead_hosts
from process_control.cli.hosts.looked import Looked
from process_control.cli.hosts.tables import HOST, text
from process_control.cli.print.plain import clean
from process_control.cli.print.screen import (
    STATE_STYLES,
    SYMBOLS,
    console,
    drawn_marks,
    draws_unicode,
    height,
    width,
)
from process_control.cli.print.table import Column, lines_of, wrapped
from process_control.core.job_state import NEEDS_ATTENTION, OK, WORST_FIRST
from process_control.core.moments import ago, clock, parse_iso, took, until
from process_control.fleet.reply import Reply

Item = dict[str, Any]
REASON_INDENT = 6
MAX_REASON_LINES = 2
#: Lines besides the rows: the summary, blank ones, headers, what is not shown, the prompt.
AROUND_THE_TABLES = 10
FEWEST_ROWS = 5
JOBS = (
    Column(title="STATE"),
    HOST,
    Column(title="JOB", gives_way=4, min_width=16),
    Column(title="LAST"),
    Column(title="TOOK", is_right=True),
    Column(title="NEXT"),
    Column(title="LAST 20 RUNS", gives_way=2, min_width=12, may_leave=True, keeps_end=True),
)
HOSTS = (
    HOST,
    Column(title="JOBS", is_right=True),
    Column(title="STATES", gives_way=2, min_width=16, breaks=True),
    Column(title="NEXT"),
    Column(title="VERSION", gives_way=1, min_width=5, may_leave=True),
)


def show_status(looked: Looked, answer: Item, now: datetime) -> None:
    """Print one screen: hosts and jobs that need a look, then the hosts. All jobs when they fit, or were named."""
    replies, jobs = looked.replies, sorted(answer["jobs"], key=_rank)  # those of a state by host, as they were asked
    _show_summary(replies, jobs, now)
    taken = AROUND_THE_TABLES + show_dead_hosts(replies)
    alerts = answer["alerts"]
    for alert in alerts:
        for line in wrapped(text(alert, now).plain, width()):
            console().print(Text(line, style="red"))
    fits = taken + len(alerts) + len(jobs) + sum(map(_needs_a_look, jobs)) <= height()
    shows_all = bool(looked.options["show_all"] or looked.words or fits)
    bad = [job for job in jobs if shows_all or _needs_a_look(job)]
    lines_of_bad = len(bad) if shows_all else max((height() - taken - len(alerts)) // 2, FEWEST_ROWS)
    _show_jobs(bad[:lines_of_bad], now)
    _say_what_is_left(bad[lines_of_bad:])
    if not shows_all:
        lines = max(height() - taken - len(alerts) - min(2 * len(bad), 2 * lines_of_bad), FEWEST_ROWS)
        _show_hosts([reply for reply in replies if reply.is_ok], lines, now)


def _rank(job: Item) -> int:
    return WORST_FIRST.index(job["state"]) if job["state"] in WORST_FIRST else 0


def _needs_a_look(job: Item) -> bool:
    return job["state"] in NEEDS_ATTENTION or bool(job["alerts"]) or job["state"] not in WORST_FIRST


def _show_summary(replies: Sequence[Reply], jobs: Sequence[Item], now: datetime) -> None:
    count = "1 job" if len(jobs) == 1 else f"{len(jobs):,} jobs"
    hosts = Text(f"{hosts_in_words(len(replies))}, {count}: ").append_text(_counts(jobs))
    right = clock(now)
    space = width() - hosts.cell_len - len(right)
    console().print(hosts.append(" " * space).append(right, style="dim") if space > 2 else hosts)
    console().print()


def _counts(jobs: Sequence[Item]) -> Text:
    counts = Counter(job["state"] for job in jobs)
    order = [*(state for state in WORST_FIRST if counts[state]), *sorted(set(counts) - {*WORST_FIRST})]
    parts = [Text(clean(f"{counts[state]:,} {state}"), style=STATE_STYLES.get(state, "red")) for state in order]
    return Text(", ").join(parts) if parts else Text("no jobs", style="dim")


def _show_jobs(jobs: Sequence[Item], now: datetime) -> None:
    if not jobs:
        return
    screen = console()
    header, *rows = lines_of([_row(job, now) for job in jobs], JOBS, width())
    for line in header:
        screen.print(line)
    for job, lines in zip(jobs, rows, strict=True):
        for line in [*lines, *_reasons(job, now)]:
            screen.print(line)
    screen.print()


def _row(job: Item, now: datetime) -> list[Text]:
    state, screen = job["state"], console()
    symbol = f"{SYMBOLS.get(state, '?')} " if draws_unicode(screen) else ""
    run = job.get("running") or job.get("last") or {}
    recent = [None if outcome == "running" else outcome for outcome in job["recent"][-20:]]
    silenced = ", silenced" if job.get("silenced_until") else ""
    return [
        text(f"{symbol}{state}", now, style=STATE_STYLES.get(state, "red")).append(silenced, style="dim"),
        Text(clean(job["host"]), style="cyan"),
        text(job["job"], now, style="bold" if _needs_a_look(job) else ""),
        Text("runs now" if job.get("running") else ago(parse_iso(run.get("started_at")), now)),
        Text("" if job.get("running") else took(run.get("duration_seconds"))),
        Text(until(parse_iso(job.get("next")), now), style="dim"),
        drawn_marks(recent, unicode=draws_unicode(screen)),
    ]


def _reasons(job: Item, now: datetime) -> Iterator[Text]:
    """Yield why the job needs a look, in a few lines."""
    if not _needs_a_look(job):
        return
    style = "red" if job["state"] in NEEDS_ATTENTION else "yellow"
    reason, *_ = (job.get("why") or "").split("\n")
    words = "; ".join([*([reason] if reason and job["state"] in NEEDS_ATTENTION else []), *job["alerts"]])
    for line in wrapped(text(words, now).plain, width() - REASON_INDENT, max_lines=MAX_REASON_LINES) if words else ():
        yield Text(" " * REASON_INDENT).append(line, style=style)


def _say_what_is_left(rest: Sequence[Item]) -> None:
    if rest:
        left = Text("not shown: ", style="bold yellow").append_text(_counts(rest))
        console().print(left.append(" (process-control status --all)"))
        console().print()


def _show_hosts(replies: Sequence[Reply], lines: int, now: datetime) -> None:
    """Print a line for each host, those with trouble first."""
    of_hosts = sorted(replies, key=lambda reply: -sum(map(_needs_a_look, reply.values["jobs"])))
    shown = of_hosts if len(of_hosts) <= lines + 1 else of_hosts[:lines]
    for row in lines_of([_row_of_host(reply, now) for reply in shown], HOSTS, width()):
        for line in row:
            console().print(line)
    if len(shown) < len(of_hosts):
        rest = [job for reply in of_hosts[len(shown) :] for job in reply.values["jobs"]]
        count = hosts_in_words(len(of_hosts) - len(shown))
        console().print(Text(f"and {count} more: ", style="dim").append_text(_counts(rest)))


def _row_of_host(reply: Reply, now: datetime) -> list[Text]:
    jobs = reply.values["jobs"]
    soonest = min((job for job in jobs if job.get("next")), key=lambda job: str(job["next"]), default=None)
    coming = "" if soonest is None else f"{until(parse_iso(soonest['next']), now)} {clean(soonest['job'])}"
    style = "" if all(job["state"] == OK for job in jobs) else "bold" if any(map(_needs_a_look, jobs)) else ""
    return [
        Text(clean(reply.host), style=f"cyan {style}".strip()),
        Text(f"{len(jobs):,}"),
        Text(_counts(jobs).plain, style=STATE_STYLES.get(_worst(jobs), "")),
        Text(coming, style="dim"),
        Text(clean(reply.version), style="dim"),
    ]


def _worst(jobs: Sequence[Item]) -> str:
    return next((state for state in WORST_FIRST if any(job["state"] == state for job in jobs)), "")
