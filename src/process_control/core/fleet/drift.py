"""Which job files of a host are not those that were applied. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from process_control.core.fleet.lock_state import JobSpec

MISSING, INVALID = "missing", "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A job that the host would refuse to run."""

    job: str
    #: the hash of its file there; missing: there is none, or it is `run_on: local`; invalid
    here: str
    applied: str

    def to_json(self) -> dict[str, str]:
        return {"job": self.job, "here": self.here, "applied": self.applied}


def drift_of(
    host: str, tags: Sequence[str], hashes: Mapping[str, str | None], applied: Iterable[JobSpec]
) -> list[Drift]:
    """Return the jobs that this host may be asked to run and would refuse, by job.

    `hashes`: of the job files there; None: the file is invalid.
    """
    queues = {"any", f"host/{host}", *(f"tag/{tag}" for tag in tags)}
    found = {
        spec.job: Drift(job=spec.job, here=_here(hashes, spec.job), applied=spec.hash)
        for spec in applied
        if spec.queue in queues and hashes.get(spec.job) != spec.hash
    }
    return [found[job] for job in sorted(found)]


def _here(hashes: Mapping[str, str | None], job: str) -> str:
    return MISSING if job not in hashes else hashes[job] or INVALID


def drift_in_words(drift: Sequence[Drift], most: int = 3) -> str:
    """Return `2 jobs: nightly, purge`; nothing without one."""
    if not drift:
        return ""
    names = [each.job if each.here not in (MISSING, INVALID) else f"{each.job} ({each.here})" for each in drift[:most]]
    more = f" and {len(drift) - most} more" if len(drift) > most else ""
    return f"{len(drift)} job{'' if len(drift) == 1 else 's'}: {', '.join(names)}{more}"
