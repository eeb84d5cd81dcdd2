"""The ping of the host: `watch` sends one at each look, so that the death of the host is noticed outside."""

from urllib.parse import urlsplit, urlunsplit

from process_control.notify.channel import Answer, Later
from process_control.notify.channels.address import Unusable
from process_control.notify.channels.http_request import answer_of, request

#: A look of watch waits for it.
DEADLINE_SECONDS = 10.0


def ping_host(url: str, overdue: int, *, seconds: float = DEADLINE_SECONDS) -> Answer:
    """Send that all is well, or that `overdue` jobs are overdue."""
    try:
        if not overdue:
            return answer_of(request(url, method="GET", seconds=seconds), who="", url=url, secrets=[])
        parts = urlsplit(url)
        failed = urlunsplit((*parts[:2], f"{parts.path.rstrip('/')}/fail", parts.query, ""))
        reply = request(failed, body=str(overdue).encode(), headers={"Content-Type": "text/plain"}, seconds=seconds)
        return answer_of(reply, who="", url=url, secrets=[])
    except Unusable as error:
        return Later((), error.why)
    except ValueError:
        return Later((), "its URL cannot be read")
