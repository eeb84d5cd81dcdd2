"""Set the limits of a job for a run.

Lean module, loaded for jobs with the key limits.
"""

from process_control.errors import BadConfiguration
from process_control.execution.limits import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.core.job import Job


class SetLimits:
    """The limits of a run: for the commands, for the record, and in words those that are not in force."""

    __slots__ = ("in_force", "limits", "missing")

    def __init__(self, limits: Limits, in_force: dict[str, object], missing: str | None) -> None:
        #: What each process applies to itself.
        self.limits = limits
        #: The limits in force, by key.
        self.in_force = in_force
        #: Why the others are not in force, in words; None when all are.
        self.missing = missing


def set_limits(job: "Job", group: str | None) -> SetLimits:
    """Set the limits of the run's group. Raises BadConfiguration (78) when the job requires one that cannot be set."""
    limits = Limits(job)
    asked = limits.asked_for()
    missing = limits.missing(group)
    if not missing:
        return SetLimits(limits, asked, None)
    words = _missing_in_words(missing)
    if job.limits_required:
        raise BadConfiguration(words, where=job.path, hint="remove limits.required, or see: man process-control-job")
    return SetLimits(limits, {key: value for key, value in asked.items() if key not in missing}, words)


def _missing_in_words(missing: dict[str, str]) -> str:
    """Return in words why limits are not enforced, grouped by reason."""
    parts = []
    for why in dict.fromkeys(missing.values()):
        keys = [f"limits.{key}" for key, its_why in missing.items() if its_why == why]
        parts.append(f"{' and '.join(keys)} {'is' if len(keys) == 1 else 'are'} not enforced: {why}")
    return "; ".join(parts)
