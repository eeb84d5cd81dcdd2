"""The failmail in force for a job: what its file says over what the configuration says."""

from dataclasses import dataclass

from process_control.config.keys.failmail import TLS_BY_PORT, host_and_port
from process_control.config.settings import Settings
from process_control.core.job import Job

DEFAULT_SENDMAIL = "/usr/sbin/sendmail"
DEFAULT_SERVER = "localhost:25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failmail:
    """Whom to mail and by what. `smtp` is host:port, empty when `sendmail` is the program to use, or nothing said."""

    to_addresses: tuple[str, ...]
    from_address: str | None = None
    smtp: str = ""
    sendmail: str = ""
    tls: str | None = None
    ca_file: str | None = None
    login: str | None = None
    password_file: str | None = None

    @property
    def host(self) -> str:
        return host_and_port(self.smtp or DEFAULT_SERVER)[0]

    @property
    def port(self) -> int:
        return host_and_port(self.smtp or DEFAULT_SERVER)[1]

    @property
    def security(self) -> str:
        """`none`, `starttls` or `implicit`: what is said, else what is usual at that port."""
        return self.tls or TLS_BY_PORT.get(self.port, "none")


def failmail_of(job: Job | None, settings: Settings) -> Failmail | None:
    """Return the failmail in force for `job` (None: its file cannot be read); None when nobody is to be mailed.

    A job that names a way to send (`smtp` or `sendmail`) takes nothing of the configuration's way.
    """
    if settings.failmail_off and (job is None or not job.failmail_to):
        return None
    if job is not None and job.failmail_off:
        return None
    own_way = job is not None and bool(job.failmail_smtp or job.failmail_sendmail)
    way = job if job is not None and own_way else settings
    to_addresses = (job.failmail_to if job is not None else []) or settings.failmail_to
    if not to_addresses:
        return None
    return Failmail(
        to_addresses=tuple(to_addresses),
        from_address=(job.failmail_from if job is not None else None) or settings.failmail_from,
        smtp=way.failmail_smtp or "",
        sendmail=way.failmail_sendmail or "",
        tls=way.failmail_tls,
        ca_file=way.failmail_ca_file,
        login=way.failmail_login,
        password_file=way.failmail_password_file,
    )
