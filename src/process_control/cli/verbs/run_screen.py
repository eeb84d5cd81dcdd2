"""What `run` prints: the ids of the runs that it has started."""

from collections.abc import Sequence

from process_control.actions.start import Started
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.errors import FINE, NO


def print_started(started: Sequence[Started], *, as_json: bool) -> int:
    """Print the run id of each, or why there is none; return the exit code of the command."""
    _print(started, as_json=as_json)
    refused = [each for each in started if each.exit_code]
    if not refused:
        return FINE
    return refused[0].exit_code or NO if len(started) == 1 else NO


def _print(started: Sequence[Started], *, as_json: bool) -> None:
    if as_json:
        print_json({"jobs": [each.to_json() for each in started], "started": [_as_before(each) for each in started]})
        return
    for each in started:
        if not is_terminal():
            print_tabbed([each.slug, each.run_id, each.why])
        elif each.run_id is not None:
            print_tabbed([f"{each.slug}: run {each.run_id}"])
        if each.why and is_terminal():
            talk(each.why)


def _as_before(started: Started) -> dict[str, object]:
    """Return the shape that `started` had; both are there until 1.0."""
    return {"job": started.slug, "run_id": started.run_id, "why": started.why, "exit_code": started.exit_code}
