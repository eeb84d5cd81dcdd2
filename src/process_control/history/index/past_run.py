"""A past run, made from a row of the index or from a job's block."""

import json
from dataclasses import fields
from typing import Any

from process_control.core.why import why_for_people
from process_control.history.index.rows import columns
from process_control.history.index.run_facts import RunFacts


class Run(RunFacts):
    """One run. `outcome` None: it is running. Times are ISO 8601 UTC."""

    __slots__ = ()

    @property
    def why(self) -> str:
        """Why it ended so, for people: for output that decided, the line itself; empty without a reason."""
        return why_for_people(self.reason, self.detail, self.decided_by)

    @property
    def faults(self) -> list[str]:
        """What could not be recorded about it, in sentences."""
        return [fault for fault in (self.log_error, self.record_fault, self.health_fault) if fault]

    def to_json(self) -> dict[str, Any]:
        """Return the run with the keys of every `--json` answer."""
        return {name: getattr(self, name) for name in NAMES}


NAMES = tuple([fact.name for fact in fields(Run)])
_MAPS = tuple([fact.name for fact in fields(Run) if str(fact.type).startswith("dict")])


_facts_of = columns(*NAMES)


def run_of_row(row: tuple[Any, ...]) -> Run:
    """Return the run of a row with the columns of SELECTED."""
    return _decoded(Run(*_facts_of(row)))


def run_of_values(values: dict[str, Any]) -> Run:
    """Return the run whose columns of the index have these values."""
    return _decoded(Run(**{name: values[name] for name in NAMES}))


def _decoded(run: Run) -> Run:
    """Decode the values that the index has as JSON or as a number."""
    run.attempts = _attempts(run.attempts)
    run.slow_start = bool(run.slow_start)
    for name in _MAPS:
        if (text := getattr(run, name)) is not None:
            setattr(run, name, json.loads(text))
    return run


def _attempts(text: Any) -> list[dict[str, Any]]:
    return [each for each in json.loads(text) if isinstance(each, dict)] if text else []


def run_of_block(block: dict[str, Any]) -> Run:
    """Return the current run from its block: for a run whose start could not be written to the journal."""
    known: dict[str, Any] = {name: block.get(name) for name in NAMES}
    known |= {"started_at": str(known["started_at"]), "slow_start": bool(known["slow_start"])}
    return Run(**known | {"outcome": None, "attempts": known["attempts"] or []})
