"""What the marks and the states mean: `status --legend`, and the man page, which is made from the same lines."""

from process_control.cli.print.plain import MARKS
from process_control.cli.print.screen import DRAWN, SYMBOLS
from process_control.core.job_state import WORST_FIRST

STATES = {
    "failing": "the last run failed or was lost",
    "invalid": "the job file has faults; the job does not run",
    "held": "on hold: no scheduled run until it is released",
    "late": "no run for the last planned time (slot)",
    "warned": "the last run succeeded, but something needs a look",
    "stopped": "the last run was stopped, or never started",
    "slow start": "runs use slow_start_command until enough have succeeded",
    "running": "a run is in progress",
    "never ran": "no run yet",
    "ok": "the last run succeeded",
    "disabled": "the job file says so; it runs by hand only",
}
RUNS = {
    "succeeded": "succeeded",
    "warned": "warned: succeeded, but something needs a look",
    "failed": "failed",
    "lost": "lost: the host or the runner went down",
    "skipped": "skipped",
    None: "running now",
}


FATES = {"ran": "a run was started for it", "skipped": "not to run, or could not", "missed": "nothing became of it"}
FATES |= {"due": "its start may still come"}


def legend_text() -> str:
    """Return both lists; behind each mark the letter that a pipe, or a terminal without Unicode, has instead."""
    states = [f"  {SYMBOLS.get(state, ' ')} {state:<11} {STATES.get(state, '')}".rstrip() for state in WORST_FIRST]
    runs = [f"  {DRAWN[outcome]}  {MARKS[outcome]}  {words}" for outcome, words in RUNS.items()]
    return "\n".join(
        [
            "States, worst first:",
            *states,
            "",
            "The last runs, the newest on the right (second column: in a pipe):",
            *runs,
            "",
            "Fates of planned times (process-control slots, process-control why JOB):",
            *(f"  {fate:<11} {words}" for fate, words in FATES.items()),
        ]
    )
