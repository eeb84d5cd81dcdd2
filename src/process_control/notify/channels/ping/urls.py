"""The URLs of pings, and what of a run they say. Pure."""

import uuid
from urllib.parse import urlencode, urlsplit, urlunsplit

from process_control.core.facts import FAILED, SUCCEEDED, WARNED

#: Whose pings and whose Management API have different hosts; with all others both are at one.
_API_HOSTS = {"hc-ping.com": "healthchecks.io"}
_MAX_EXIT_CODE = 255


def url_of_job(url: str, slug: str) -> str:
    """Return the URL for a job, of one that is meant for all: `https://hc-ping.com/PING-KEY/{slug}`."""
    return url.replace("{slug}", slug)


def ping_url(base: str, signal: str, *, run_id: str, creates: bool) -> str:
    """Return where a signal goes: `start`, an exit code or `fail`. `creates`: a missing check is made by it."""
    parts = urlsplit(base)
    query = [parts.query] if parts.query else []
    query.append(urlencode({"rid": run_uuid(run_id), **({"create": "1"} if creates else {})}))
    return urlunsplit((*parts[:2], f"{parts.path.rstrip('/')}/{signal}", "&".join(query), ""))


def run_uuid(run_id: str) -> str:
    """Return the run's id in the form that the service takes: always the same for one run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"process-control/{run_id}"))


def signal_of(outcome: object, exit_code: object) -> str:
    """Return `0` for a run that went well, the exit code that failed it, or `fail` where none did."""
    if outcome in (SUCCEEDED, WARNED):
        return "0"
    is_code = outcome == FAILED and isinstance(exit_code, int) and 0 < exit_code <= _MAX_EXIT_CODE
    return str(exit_code) if is_code else "fail"


def checks_url(base: str) -> str:
    """Return where the Management API of the service makes checks."""
    parts = urlsplit(base)
    host = _API_HOSTS.get(str(parts.hostname), parts.netloc.rpartition("@")[2])
    return urlunsplit((parts.scheme, host, "/api/v3/checks/", "", ""))
