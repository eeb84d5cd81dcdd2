"""The failmail settings of a job: those of its file over those of the configuration."""

from dataclasses import dataclass

from process_control.config.keys.failmail import TLS_BY_PORT, host_and_port
from process_control.config.settings import Settings
from process_control.core.job import Job

DEFAULT_SENDMAIL = "/usr/sbin/sendmail"
DEFAULT_SERVER = "localhost:25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failmail:
    """Who gets the mail, and how it is sent."""

    to_addresses: tuple[str, ...]
    from_address: str | None = None
    #: host:port; empty: none is named
    smtp: str = ""
    #: the program; empty: none is named
    sendmail: str = ""
    #: none, starttls or implicit; None: not named, see `security`
    tls: str | None = None
    ca_file: str | None = None
    login: str | None = None
    password_file: str | None = None
    #: whether every failed run is mailed
    each: bool = False

    @property
    def host(self) -> str:
        return host_and_port(self.smtp or DEFAULT_SERVER)[0]

    @property
    def port(self) -> int:
        return host_and_port(self.smtp or DEFAULT_SERVER)[1]

    @property
    def security(self) -> str:
        """`none`, `starttls` or `implicit`; if not named, what is usual for the port."""
        return self.tls or TLS_BY_PORT.get(self.port, "none")


def failmail_of(job: Job | None, settings: Settings) -> Failmail | None:
    """Return the failmail settings for `job` (None: its file cannot be read); None when nobody is to be mailed.

    The owner's address goes before `to_address`, and that of the job before that of the configuration. A job that names
    `smtp` or `sendmail` takes nothing about sending from the configuration.
    """
    if settings.failmail_off and (job is None or not job.failmail_to):
        return None
    if job is not None and job.failmail_off:
        return None
    failmail = way_of_mail(job, settings)
    return failmail if failmail.to_addresses else None


def way_of_mail(job: Job | None, settings: Settings) -> Failmail:
    """Return how mail about a job is sent, whoever gets it; `to_addresses` are those of the failmail, or none."""
    own_way = job is not None and bool(job.failmail_smtp or job.failmail_sendmail)
    way = job if job is not None and own_way else settings
    to_addresses = (job.owner_mail or job.failmail_to if job is not None else []) or settings.failmail_to
    each = job.failmail_each if job is not None else None
    return Failmail(
        to_addresses=tuple(to_addresses),
        from_address=(job.failmail_from if job is not None else None) or settings.failmail_from,
        smtp=way.failmail_smtp or "",
        sendmail=way.failmail_sendmail or "",
        tls=way.failmail_tls,
        ca_file=way.failmail_ca_file,
        login=way.failmail_login,
        password_file=way.failmail_password_file,
        each=bool(settings.failmail_each if each is None else each),
    )
