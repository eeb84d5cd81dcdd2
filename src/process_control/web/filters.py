"""Which jobs a list shows: by state, tag, owner and text, all in the address."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from process_control.core.job_state import WORST_FIRST
from process_control.errors import UsageError
from process_control.views.job_status import JobStatus

NAMES = ("state", "tag", "owner", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What jobs have to have; an empty text asks for nothing."""

    state: str = ""
    tag: str = ""
    owner: str = ""
    text: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """Return the filter of an address. Raises UsageError (2) for a state that there is none of."""
        found = cls(**{name: parameters.get(name, "").strip() for name in NAMES})
        if found.state and found.state not in WORST_FIRST:
            raise UsageError(f"state {found.state}: no such state", hint=f"one of: {', '.join(WORST_FIRST)}")
        return found

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in NAMES)

    def chosen(self, statuses: Sequence[JobStatus]) -> Sequence[JobStatus]:
        """Return the jobs that have it all, in their order."""
        return [each for each in statuses if self._has(each)] if self else statuses

    def chosen_of(self, statuses: Iterable[JobStatus]) -> Iterator[JobStatus]:
        """Yield the jobs that have it all, in their order."""
        return (each for each in statuses if self._has(each))

    def query(self, **others: Any) -> str:
        """Return this filter, changed by `others`, as the part of an address behind its ?."""
        values = {name: getattr(self, name) for name in NAMES} | others
        return urlencode({name: value for name, value in values.items() if value})

    def _has(self, status: JobStatus) -> bool:
        job = status.definition
        if self.state and status.state != self.state:
            return False
        if self.tag and (job is None or self.tag not in job.tags):
            return False
        if self.owner and (job is None or job.owner != self.owner):
            return False
        return not self.text or self.text.lower() in _text(status)


def _text(status: JobStatus) -> str:
    job = status.definition
    return "\n".join([status.slug, status.name or "", status.why or "", (job.description or "") if job else ""]).lower()
