"""When a process of the fleet says that the server is lost, still away and back. Pure."""

from process_control.core.moments import span, took

#: While it is away, that is reported so often.
REPORT_AGAIN_SECONDS = 60.0


class Outage:
    """Hears how looks at the server went. `who`: the process; `server`: its address; `meanwhile`: what it means."""

    def __init__(self, who: str, server: str, meanwhile: str) -> None:
        self._who = who
        self._server = server
        self._meanwhile = meanwhile
        #: by the clock of the caller: since when it is lost, and when that was reported last
        self._since: float | None = None
        self._reported_at = 0.0

    @property
    def is_lost(self) -> bool:
        return self._since is not None

    def heard(self, fault: str | None, now: float) -> str | None:
        """Return what to say now; None: nothing. `fault`: what the last look has found; None: the server answers."""
        if fault is None:
            return self._back(now)
        if self._since is None:
            self._since = self._reported_at = now
            return f"{self._who}: {fault}; {self._meanwhile}"
        if now - self._reported_at < REPORT_AGAIN_SECONDS:
            return None
        self._reported_at = now
        return f"{self._who}: for {_length(now - self._since)}: {fault}; {self._meanwhile}"

    def _back(self, now: float) -> str | None:
        if self._since is None:
            return None
        seconds, self._since = now - self._since, None
        return f"{self._who}: the server {self._server} answers again, after {_length(seconds)}"


def _length(seconds: float) -> str:
    """Return how long it was, in whole seconds: `35 s`, `2 min 15 s`."""
    return span(seconds) if seconds < REPORT_AGAIN_SECONDS - 0.5 else took(round(seconds))
