"""The secrets of a job that are masked in output: the values of its environment files."""

from process_control.config.environment_file import MIN_SECRET_LENGTH, read_environment_file
from process_control.core.job import Job
from process_control.errors import ProcessControlError


def secrets_of(job: Job | None) -> tuple[list[str], list[str]]:
    """Return the values to mask, and a sentence for each environment file that cannot be read now."""
    secrets: list[str] = []
    faults: list[str] = []
    for path in job.environment_file if job else []:
        try:
            values = read_environment_file(path).values()
        except ProcessControlError as error:
            faults.append(f"secrets cannot be masked: {error.faults[0].where}: {error.faults[0].what}")
        else:
            secrets += [value for value in values if len(value) >= MIN_SECRET_LENGTH]
    return secrets, faults
