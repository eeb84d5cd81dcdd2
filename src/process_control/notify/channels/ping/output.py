"""The last output of a run, as the body of a ping. Reads the log, masked with the secrets of the run."""

from collections.abc import Mapping

from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.masking import mask
from process_control.history.log_reader import current_path, last_lines
from process_control.state.secrets_of_run import SecretsUnknown, secrets_of_run

#: As much as the service keeps.
MAX_BYTES = 10_000


def output_of(entry: Mapping[str, object], job: Job, settings: Settings) -> bytes:
    """Return the last lines of the run's log; of a run without output, why it ended so."""
    recorded, detail = entry.get("log"), str(entry.get("detail") or "")
    try:
        secrets, _ = secrets_of_run(
            settings.state_directory,
            run_id=str(entry.get("run_id")),
            began=str(entry.get("started_at") or ""),
            job=job,
        )
        path = current_path(str(recorded), settings.output_directory)
        found = last_lines(path, MAX_BYTES, secrets=secrets) if recorded else []
        text = b"\n".join([line.shown for line in found])[-MAX_BYTES:]
        return text or mask(detail, secrets).encode("utf-8", "replace")
    except (SecretsUnknown, OSError):
        return b""
