"""Why a run ended as it did, for people: for output that decided, the line itself. Pure.

The record keeps the sentence (`detail`) and, masked, the line (`decided_by`).
"""

from collections.abc import Mapping
from typing import Any

OUTPUT_REASONS = ("stderr", "output")


def why_for_people(reason: str | None, detail: str | None, decided_by: Mapping[str, Any] | None) -> str:
    """Return `stderr: Saving debug log to /var/log/x`, `stdout: deadlock detected (rule 2)`, else the sentence."""
    line = decided_by.get("line") if isinstance(decided_by, Mapping) else None
    if reason not in OUTPUT_REASONS or decided_by is None or not isinstance(line, str) or not line.strip():
        return detail or reason or ""
    rule = f" (rule {decided_by['rule']})" if decided_by.get("rule") else ""
    return f"{decided_by.get('stream') or 'output'}: {line.strip()}{rule}"


def why_of_record(end: Mapping[str, Any]) -> str:
    """Return `why_for_people` for the record of an end or of an attempt."""
    return why_for_people(end.get("reason"), end.get("detail"), end.get("decided_by"))


def outcome_of_record(end: Mapping[str, Any]) -> str:
    """Return `failed: exited with 3`, for the record of an end."""
    why = why_of_record(end)
    return f"{end['outcome']}: {why}" if why else str(end["outcome"])
