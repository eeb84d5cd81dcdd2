"""A hold for people: one sentence, and the command that ends it. Pure.

The sentence for the journal is in `core/gate.py`; this module is loaded only to show a hold.
"""

import re
from datetime import datetime

from process_control.core.moments import due, parse_iso, since

SHORT_RUN_ID_LENGTH = 8
_CONDITION = re.compile(r"^(rule \d+) \(\{.*?\}\)(?:, )?")


def hold_for_people(health: dict[str, object], now: datetime) -> str:
    """Return `on hold since Sat 03:28 (25 min ago): exited with 78 (rule 1, run 1m8g35q0…)`."""
    until, began = _moment(health, "release_at"), _moment(health, "since")
    words = f"paused until {due(until, now)}" if until else f"on hold since {since(began, now)}" if began else "on hold"
    words += f" by {health['by']}" if health.get("by") else ""
    why = health.get("why") or ("no note" if health.get("by") else "no reason given")
    proof = ", ".join(_evidence(health))
    return f"{words}: {why}{f' ({proof})' if proof else ''}"


def release_line(slug: str) -> str:
    """Return the command that ends a hold, to paste."""
    return f"To release: process-control release {slug}"


def short_run_id(run_id: object) -> str:
    """Return the beginning of a run id, which is enough for `logs --run` and `history`."""
    text = str(run_id)
    return text if len(text) <= SHORT_RUN_ID_LENGTH + 1 else f"{text[:SHORT_RUN_ID_LENGTH]}…"


def _evidence(health: dict[str, object]) -> list[str]:
    """Return the rule by its number (its text is in the job file), the line of output, and the run."""
    text = str(health.get("evidence") or "")
    rule = _CONDITION.match(text)
    found = [rule[1], text[rule.end() :]] if rule else [text]
    found += [f"run {short_run_id(health['run_id'])}"] if health.get("run_id") else []
    return [each for each in found if each]


def _moment(health: dict[str, object], name: str) -> datetime | None:
    value = health.get(name)
    return parse_iso(value) if isinstance(value, str) else None
