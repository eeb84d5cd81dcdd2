"""What a pipe and a CSV get of many hosts: the columns of the verb behind the host.

A host that did not answer is a row too: its name, and in the last column why.
"""

from collections.abc import Callable, Iterator
from typing import Any

from process_control.cli.hosts.looked import Looked
from process_control.cli.print.plain import marks
from process_control.core.job import is_slug
from process_control.errors import Fault

Item = dict[str, Any]
Row = list[object]
LINES = "lines"


def columns_of(looked: Looked) -> tuple[str, ...]:
    if looked.verb == "logs":
        names = ("job",) if names_jobs(looked) else ()
        return ("host", *names, *(("at", "stream") if looked.options["times"] else ()), "text")
    return ("host", *looked.columns)


def rows_of(looked: Looked, answer: Item) -> Iterator[Row]:
    """Yield the rows, first those of the hosts that did not answer."""
    columns = columns_of(looked)
    for reply in looked.replies:
        if reply.error is not None:
            yield [reply.host, *[None] * (len(columns) - 2), in_words(reply.error)]
    if looked.verb == "logs":
        for line in answer[LINES]:
            yield [text_of(line) if name == "text" else line.get(name) for name in columns]
        return
    key, rows_of_item = _ROWS[looked.form]
    for item in answer[key]:
        for values in rows_of_item(item):
            yield [item["host"], *(values.get(column) for column in looked.columns)]


def names_jobs(looked: Looked) -> bool:
    """Return whether each line of a log has its job in front: where several jobs may be shown."""
    jobs = [word.rpartition("/")[2] for word in looked.words]
    return looked.options["run_id"] is None and not (jobs and is_slug(jobs[0]))


def text_of(line: Item) -> str:
    return f"[… {line.get('dropped_bytes') or 0:,} bytes dropped …]" if line.get("text") is None else line["text"]


def in_words(fault: Fault) -> str:
    """Return why a host did not answer on one line, with what to do."""
    return f"{fault.what}; hint: {fault.hint}" if fault.hint else fault.what


def _of_status(job: Item) -> list[Item]:
    last = job.get("last") or {}
    silenced = [f"silenced until {job['silenced_until']}"] if job.get("silenced_until") else []
    why = " | ".join((job.get("why") or "").replace("\n  hint: ", "; ").split("\n"))
    facts = {name: last.get(name) for name in ("outcome", "reason", "started_at", "duration_seconds")}
    recent = marks([None if outcome == "running" else outcome for outcome in job["recent"]])
    all_of_it = "; ".join([*([why] if why else []), *job["alerts"], *silenced])
    return [{**job, **facts, "recent": recent, "why": all_of_it or None}]


def _of_history(run: Item) -> list[Item]:
    return [{**run, "outcome": run.get("outcome") or "running", "attempts": len(run["attempts"]) or None}]


def _of_slots(slot: Item) -> list[Item]:
    return [{**slot, "evidence": "; ".join(each["what"] for each in slot["evidence"])}]


def _of_incidents(incident: Item) -> list[Item]:
    return [{**incident, "jobs": ", ".join(incident["jobs"])}]


def _of_day(lane: Item) -> list[Item]:
    return [{**stretch, "job": lane["job"]} for stretch in lane["stretches"]]


def _as_it_is(item: Item) -> list[Item]:
    return [item]


#: By the form of the answer: the key of its items, and what makes rows of an item, with a value for each column.
_ROWS: dict[str, tuple[str, Callable[[Item], list[Item]]]] = {
    "status": ("jobs", _of_status),
    "timers": ("timers", _as_it_is),
    "history": ("runs", _of_history),
    "slots": ("slots", _of_slots),
    "slots --count": ("jobs", _as_it_is),
    "incidents": ("incidents", _of_incidents),
    "day": ("lanes", _of_day),
    "doctor": ("findings", _as_it_is),
}
