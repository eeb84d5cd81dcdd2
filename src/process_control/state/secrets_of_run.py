"""The secrets that a past run had, so that what is shown of it can be masked; or the word that they are not known.

Its start record has a fingerprint of each. Only where the values of now have them all is anything masked with those:
after a rotation, or without the right to read the files, it would be shown as if there were no secret in it.
"""

from process_control.config.job_secrets import secrets_of
from process_control.core.job import Job
from process_control.errors import NotPermitted
from process_control.execution.describe import describe
from process_control.history.journal_reader import event_of_run, records
from process_control.state.block import Block
from process_control.state.fingerprints import are_known


class SecretsUnknown(NotPermitted):
    """What the run printed cannot be masked, so it is not shown."""


def secrets_of_run(
    state_directory: str, *, run_id: str, began: str | None, job: Job | None
) -> tuple[list[str], str | None]:
    """Return the values to mask in what that run printed, and a word of doubt about them, or None.

    `began` is when it started, ISO 8601, `job` the job as it is now (None: gone, or not readable). Raises
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
    """Return the processes that the block's run has left, in words for record and mail.

    Where the run's secrets are not known for sure, without the command lines, which may hold one.
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
