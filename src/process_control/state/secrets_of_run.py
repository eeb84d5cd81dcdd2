"""Find the secrets of a past run, so that its output can be masked when it is shown.

The start record has a fingerprint of each. Present values are used only if they match all fingerprints: after a
rotation, or without the right to read the files, the output would be shown unmasked.
"""

from process_control.config.job_secrets import secrets_of
from process_control.core.job import Job
from process_control.errors import NotPermitted
from process_control.execution.describe import describe
from process_control.history.journal_reader import event_of_run, records
from process_control.state.block import Block
from process_control.state.fingerprints import are_known


class SecretsUnknown(NotPermitted):
    """The secrets are unknown, so the run's output cannot be masked and is not shown."""


def secrets_of_run(
    state_directory: str, *, run_id: str, began: str | None, job: Job | None
) -> tuple[list[str], str | None]:
    """Return the values to mask in the run's output, and a sentence if they may be incomplete, or None.

    `began` is its start (ISO 8601), `job` the present job (None: gone or not readable). Raises
    SecretsUnknown (77).
    """
    start = event_of_run(state_directory, event="start", run_id=run_id, since=began or "")
    return secrets_recorded(state_directory, None if start is None else start.get("secrets"), run_id=run_id, job=job)


def recorded_of_runs(state_directory: str, *, since: str) -> dict[str, object]:
    """Return by run id what the start records from `since` on (ISO 8601) say of secrets: those of many runs at once."""
    starts = records(state_directory, since=since, needle=b'"secrets":')
    return {str(start.get("run_id")): start.get("secrets") for start in starts if start.get("event") == "start"}


def secrets_recorded(
    state_directory: str, noted: object, *, run_id: str, job: Job | None
) -> tuple[list[str], str | None]:
    """Return the same as `secrets_of_run`. `noted` is what the start record of the run says of its secrets."""
    secrets, faults = secrets_of(job)
    if isinstance(noted, list):
        if noted and not are_known(state_directory, noted, secrets):
            raise _unknown(run_id, job, faults)
        return secrets, None
    if job is None or not job.environment_file:
        return [], None
    if faults:
        raise _unknown(run_id, job, faults)
    return (
        secrets,
        f"the secrets of run {run_id} are not recorded: masked are those of its environment_file as it is now",
    )


def _unknown(run_id: str, job: Job | None, faults: list[str]) -> SecretsUnknown:
    if job is None:
        why = "its job file is gone or cannot be read"
    elif faults:
        why = faults[0].removeprefix("secrets cannot be masked: ")
    else:
        why = "they are no longer in its environment_file, or the key to recognise them cannot be read"
    return SecretsUnknown(
        f"the secrets of run {run_id} cannot be masked: {why}",
        hint=f"to show the log with secrets: process-control logs --raw --run {run_id}",
    )


def describe_survivors(state_directory: str, block: Block, job: Job | None, pids: list[int]) -> list[str]:
    """Return the surviving processes of the block's run, in words for record and mail.

    Command lines may contain secrets, so they are left out unless the run's secrets are known.
    """
    secrets: list[str] | None
    try:
        secrets, doubt = secrets_of_run(
            state_directory,
            run_id=str(block.get("run_id")),
            began=str(block.get("started_at") or ""),
            job=job,
        )
    except (SecretsUnknown, OSError):
        secrets, doubt = None, None
    return describe(pids, None if doubt else secrets)
