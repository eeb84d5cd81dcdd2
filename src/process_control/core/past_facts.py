"""The facts of a past attempt, as far as its record has them: enough to judge it again by other rules. Pure."""

import _signal
from collections.abc import Mapping
from typing import Any

from process_control.core.facts import FAILED, OUTPUT_CUT, SUCCEEDED, WARNED, Facts

JUDGED = (SUCCEEDED, WARNED, FAILED)
#: These are not judged by rules.
NEVER_JUDGED = ("stopped", "runner_killed", "host_down", "condition", "overlap")


def facts_of(attempt: Mapping[str, Any]) -> Facts | None:
    """Return the facts of an attempt's record; None when no rule decided about it.

    What did not decide is not in the record: a leftover beside a failure, for example.
    """
    reason = attempt.get("reason")
    if attempt.get("outcome") not in JUDGED or reason in NEVER_JUDGED:
        return None
    facts = Facts()
    facts.exit_code = attempt.get("exit_code")
    facts.signal = _number_of(attempt.get("signal"))
    facts.duration_seconds = float(attempt.get("duration_seconds") or 0.0)
    facts.stdout_bytes = int(attempt.get("stdout_bytes") or 0)
    facts.stderr_bytes = int(attempt.get("stderr_bytes") or 0)
    facts.timed_out = reason == "timeout"
    facts.silent = reason == "silence"
    facts.out_of_memory = reason == "oom"
    detail = str(attempt.get("detail") or "")
    if reason == "not_started":
        facts.not_started, facts.not_started_code = detail, facts.exit_code
    if reason == "leftovers":
        facts.leftovers = [detail]
    if reason == OUTPUT_CUT:
        facts.output_cut = detail
    return facts


def failed_by_itself(facts: Facts) -> bool:
    """Return whether the command itself ended badly, whatever it printed."""
    return bool(facts.exit_code or facts.signal or facts.timed_out or facts.silent or facts.not_started)


def _number_of(name: str | None) -> int | None:
    if name is None:
        return None
    number = vars(_signal).get(f"SIG{name}")
    return int(number) if number is not None else int(name) if name.isdigit() else None
