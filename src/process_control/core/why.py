"""Why a run ended as it did, in words: of output that decided, the line itself. Pure.

The record has the sentence (`detail`) with the line in it, and the line again in `decided_by`, both masked. In older
records the sentence is `23 bytes on stderr` or `line 1 of stdout matches rule 1`: there it is made from `decided_by`.
"""

from collections.abc import Mapping
from typing import Any

OUTPUT_REASONS = ("stderr", "output")
#: Characters of a line in a sentence; `decided_by` has more of it.
MAX_QUOTED = 200


def quoted(decided_by: Mapping[str, Any] | None, *, count: str | None = None) -> str | None:
    """Return `stderr: cannot reach db7 (last of 2 lines)`, `stdout: deadlock detected (rule 2)`; None without a line.

    `count` is put beside the rule: how many lines there were, where it was more than this one.
    """
    line = decided_by.get("line") if isinstance(decided_by, Mapping) else None
    if decided_by is None or not isinstance(line, str) or not line.strip():
        return None
    line = line.strip()
    shown = line if len(line) <= MAX_QUOTED else f"{line[: MAX_QUOTED - 1]}…"
    rule = f"rule {decided_by['rule']}" if decided_by.get("rule") else None
    beside = ", ".join(each for each in (rule, count) if each)
    return f"{decided_by.get('stream') or 'output'}: {shown}{f' ({beside})' if beside else ''}"


def why_for_people(reason: str | None, detail: str | None, decided_by: Mapping[str, Any] | None) -> str:
    """Return the sentence of a run: its `detail`; for output in older records the line of `decided_by`."""
    if reason not in OUTPUT_REASONS or quotes(detail, decided_by):
        return detail or reason or ""
    return quoted(decided_by) or detail or reason or ""


def quotes(detail: str | None, decided_by: Mapping[str, Any] | None) -> bool:
    """Return whether the sentence has the line that decided in it."""
    stream = decided_by.get("stream") if isinstance(decided_by, Mapping) else None
    return detail is not None and detail.startswith(f"{stream or 'output'}: ")


def why_of_record(end: Mapping[str, Any]) -> str:
    """Return `why_for_people` for the record of an end or of an attempt."""
    return why_for_people(end.get("reason"), end.get("detail"), end.get("decided_by"))


def outcome_of_record(end: Mapping[str, Any]) -> str:
    """Return `failed: exited with 3`, for the record of an end."""
    why = why_of_record(end)
    return f"{end['outcome']}: {why}" if why else str(end["outcome"])
