"""Who gets messages about a job, and by which channel: one item of `notify`, or the failmail. Pure.

Page and keys: `notify`, `failmail`, `owner` of a job file and of the configuration.
"""

from dataclasses import dataclass

from process_control.core.causes import Cause
from process_control.core.digest import sha256

DAY_SECONDS = 86400.0
#: The word of `on` for the end of an incident.
RECOVERED = "recovered"
#: The word of `on` for all causes of a whole host.
HOST = "host"
#: The scheme under which mails by the failmail are queued.
MAIL = "mailto"
#: Of these, host and port are no secret. Of apprise's URLs any part may be one: `slack://token/…`.
WITH_HOST = ("https", "http", "alertmanager+http", "alertmanager+https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One way to somebody, as configured; no secret is in it, only the paths of files that have one."""

    #: `mailto:a@example.org,b@example.org`, `https://…`, `exec:/path`, an apprise URL; "" with `url_file`.
    url: str = ""
    #: The file that holds the URL, when that is secret.
    url_file: str | None = None
    #: The file with the key that signs a webhook.
    key_file: str | None = None
    #: Causes and `recovered`, `host`; None: all.
    on: frozenset[str] | None = None
    #: The trouble in a row from which on messages are sent.
    after: int = 1
    #: Seconds between two reminders; 0: none.
    remind_seconds: float = DAY_SECONDS
    #: Whether each failed run is reported, and not only the first of an incident.
    each: bool = False

    @property
    def scheme(self) -> str:
        """The scheme of the URL, lower case; "" when only `url_file` knows it."""
        return self.url.partition(":")[0].lower()

    @property
    def key(self) -> str:
        """A short name, the same as long as the URL (or its file) is the same: of its queue and in records."""
        if self.scheme == MAIL:
            return self.url
        where = self.url or f"file:{self.url_file}"
        return f"{self.scheme or 'file'}~{sha256(where.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of a `mailto:` URL; none of another."""
        if self.scheme != MAIL:
            return ()
        return tuple(each.strip() for each in self.url.partition(":")[2].split(",") if each.strip())

    @property
    def shown(self) -> str:
        """Return it for people: addresses, or a URL without what may be secret in it."""
        if self.scheme == MAIL:
            return self.url.partition(":")[2].replace(",", ", ")
        return f"the URL in {self.url_file}" if self.url_file is not None else shown_url(self.url)

    def wants(self, cause: Cause) -> bool:
        """Return whether this recipient is notified of the cause."""
        return self.on is None or str(cause) in self.on or (cause.is_host_wide and HOST in self.on)

    @property
    def wants_recovery(self) -> bool:
        return self.on is None or RECOVERED in self.on


def shown_url(url: str) -> str:
    """Return what may be shown of a URL: `https://host/…`, `exec:/path`, `slack://…`. Addresses of mails are shown."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() == MAIL:
        return url
    if scheme.lower() == "exec":
        program = rest.split(maxsplit=1)
        return f"exec:{program[0]}…" if len(program) > 1 else f"exec:{rest.strip()}"
    if scheme.lower() not in WITH_HOST:
        return f"{scheme}://…"
    host = rest.lstrip("/").partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"
