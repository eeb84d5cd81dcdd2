"""The answers of many hosts as one: that of the verb, each item with its host, and how each host stands. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from process_control.fleet.reply import Reply

Item = dict[str, Any]


def merged(form: str, replies: Sequence[Reply]) -> dict[str, Any]:
    """Return what `--json` prints for `form`, such as `slots --count`, without `version`."""
    reached = [reply for reply in replies if reply.is_ok]
    return {**_MERGED[form](reached), "hosts": [reply.to_json() for reply in replies]}


def items(replies: Sequence[Reply], key: str) -> list[Item]:
    """Return the items of all hosts below a key, each with its host in front."""
    return [_of(reply, item) for reply in replies for item in reply.values.get(key) or ()]


def _of(reply: Reply, item: Item) -> Item:
    """Return an item with the name by which its host was asked; a run also has the name that its host has there."""
    return {"host": reply.host} | item | {"host": reply.host}


def _status(replies: Sequence[Reply]) -> Item:
    alerts = [f"{reply.host}: {alert}" for reply in replies for alert in reply.values["alerts"]]
    return {"alerts": alerts, "jobs": items(replies, "jobs")}


def _history(replies: Sequence[Reply]) -> Item:
    runs = sorted(items(replies, "runs"), key=lambda run: str(run["started_at"]), reverse=True)
    return {"runs": runs, "has_more": any(reply.values["has_more"] for reply in replies)}


def _why(replies: Sequence[Reply]) -> Item:
    names = ("job", "now", "slot", "sentences")
    return {"answers": [_of(reply, {name: reply.values.get(name) for name in names}) for reply in replies]}


def _slots(replies: Sequence[Reply]) -> Item:
    return {"slots": sorted(items(replies, "slots"), key=lambda slot: str(slot["slot"]), reverse=True)}


def _timers(replies: Sequence[Reply]) -> Item:
    found = items(replies, "timers")
    return {"timers": sorted(found, key=lambda each: (each.get("next") is None, each.get("next") or "", each["job"]))}


def _day(replies: Sequence[Reply]) -> Item:
    """Merge days; each is that of its host's zone. The peak is that of the busiest host."""
    peaks = [_of(reply, reply.values["peak"]) for reply in replies if reply.values.get("peak")]
    lists = ("lanes", "collisions", "quiet", "clock_changes")
    return {
        "from": min((reply.values["from"] for reply in replies), default=None),
        "until": max((reply.values["until"] for reply in replies), default=None),
        **{name: items(replies, name) for name in lists},
        "peak": max(peaks, key=lambda peak: peak["jobs"], default=None),
    }


def _logs(replies: Sequence[Reply]) -> Item:
    runs = [_of(reply, reply.values["run"]) for reply in replies if "run" in reply.values]
    lines = items(replies, "lines")
    if not runs and all(line.get("at") for line in lines):
        lines.sort(key=lambda line: str(line["at"]))
    return {"runs": runs, "lines": lines}


def _incidents(replies: Sequence[Reply]) -> Item:
    shown = [reply for reply in replies if "incident" in reply.values]
    if shown:
        first = shown[0]
        return {"incident": _of(first, first.values["incident"]), "story": first.values.get("story", [])}
    return {"incidents": sorted(items(replies, "incidents"), key=lambda each: str(each["since"]), reverse=True)}


_MERGED: dict[str, Callable[[Sequence[Reply]], Item]] = {
    "status": _status,
    "history": _history,
    "why": _why,
    "slots": _slots,
    "slots --count": lambda replies: {"jobs": items(replies, "jobs")},
    "timers": _timers,
    "day": _day,
    "logs": _logs,
    "incidents": _incidents,
    "doctor": lambda replies: {"findings": items(replies, "findings")},
}
