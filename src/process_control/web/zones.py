"""The time zone in which a page shows its times: the host's, that of the job, the reader's, or UTC."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request

HOST, JOB, MINE, ZULU = CHOICES = ("host", "job", "mine", "utc")
#: What somebody has chosen, and the name of the browser's zone, which page.js writes.
COOKIE, BROWSER_COOKIE = "process-control-zone", "process-control-browser-zone"
WORDS = {HOST: "of the host", JOB: "of the job", MINE: "mine", ZULU: "UTC"}
MAX_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownZone:
    """The zone of a page. `zone` None: that of the host."""

    choice: str = HOST
    zone: tzinfo | None = None
    #: What can be chosen here, with its name where it has one.
    offers: tuple[tuple[str, str], ...] = ((HOST, ""), (ZULU, ""))

    @property
    def name(self) -> str:
        """The name by which `named_zone` finds it; "" for that of the host."""
        return "" if self.zone is None else str(self.zone)


#: Of the page that is being made.
shown: ContextVar[ShownZone] = ContextVar("shown", default=ShownZone())  # noqa: B039  it is frozen


def zone_of_page(request: Request, of_job: str | None) -> ShownZone:
    """Return the zone that the reader has chosen. `of_job`: the name of the zone of the job that the page is about."""
    known: dict[str, tzinfo | None] = {HOST: None, ZULU: UTC}
    names = {HOST: "", ZULU: ""}
    for choice, name in ((JOB, of_job), (MINE, request.cookies.get(BROWSER_COOKIE, ""))):
        if name and (zone := named_zone(name)) is not None:
            known[choice], names[choice] = zone, name
    wanted = request.cookies.get(COOKIE, HOST)
    choice = wanted if wanted in known else HOST
    offers = tuple((each, names[each]) for each in CHOICES if each in known)
    return ShownZone(choice=choice, zone=known[choice], offers=offers)


def named_zone(name: str) -> tzinfo | None:
    """Return a zone by its name; None for one that there is not. A name is never taken for a path."""
    if len(name) > MAX_NAME:
        return None
    try:
        return ZoneInfo(name.replace("%2F", "/"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
