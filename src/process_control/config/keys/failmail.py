"""The failmail of a job: what its file says over what the configuration says, and which keys go together."""

from dataclasses import dataclass

from process_control.config.settings import Settings
from process_control.config.yaml.nodes import Faults, Map, Node
from process_control.core.job import Job

DEFAULT_SENDMAIL = "/usr/sbin/sendmail"
DEFAULT_SERVER = "localhost:25"
_TLS_BY_PORT = {465: "implicit", 587: "starttls"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


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
        return self.tls or _TLS_BY_PORT.get(self.port, "none")


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


def host_and_port(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[::1]:port` or `host` (25)."""
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = server, "25"
    return host.strip("[]"), int(port)


def check_failmail(node: Node | None, faults: Faults) -> None:
    """Tell which keys of a failmail map do not go together; nothing of what is no map."""
    if not isinstance(node, Map):
        return
    said = {key.value: value for key, value in node.entries}
    keys = {key.value: key for key, _ in node.entries}
    if "smtp" in said and "sendmail" in said:
        faults.add("'failmail' has 'smtp' and 'sendmail'", keys["sendmail"], mend="keep one of the two")
    if ("login" in said) != ("password_file" in said):
        there, missing = ("login", "password_file") if "login" in said else ("password_file", "login")
        faults.add(f"'failmail.{there}' needs 'failmail.{missing}'", keys[there], mend=f"add {missing}, or remove it")
    server = getattr(said.get("smtp"), "value", "")
    tls = getattr(said.get("tls"), "value", None)
    if "login" in said and server and not _is_secure(server, tls):
        faults.add(
            "'failmail.login' would send the password unencrypted",
            keys["login"],
            mend="set 'tls: starttls' or 'tls: implicit'",
        )


def _is_secure(server: str, tls: str | None) -> bool:
    try:
        host, port = host_and_port(server)
    except ValueError:  # told already
        return True
    return host in _LOOPBACK or (tls or _TLS_BY_PORT.get(port, "none")) != "none"
