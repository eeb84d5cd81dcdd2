"""A version of a job: what its file planned, from one change until the next."""

from typing import NamedTuple

from process_control.core.schedule.plan import Plan

VALID, INVALID, GONE = "valid", "invalid", "gone"


class Version(NamedTuple):
    """A version of a job, from `since` until that of the next one."""

    #: UTC seconds
    since: float
    #: VALID, INVALID or GONE
    state: str
    hash: str
    #: None unless it is valid
    plan: Plan | None
    #: of an invalid one: its first fault
    detail: str | None = None
    commit: str | None = None
    author: str | None = None
    dirty: bool | None = None
