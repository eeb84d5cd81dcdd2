"""Crontabs that somebody else wrote, as they are on this host: files of cron, and those of users by crontab(1).

What cron would not read at all is a fault of the whole crontab: it is no live one.
"""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass

from process_control.crontab.rules import has_users, is_in_cron_d, is_name_that_cron_reads
from process_control.crontab.target import SPOOL
from process_control.crontab.text import WRITTEN_BY
from process_control.crontab.user_crontab import PROGRAMS
from process_control.errors import BadConfiguration, CannotRecord, NotPermitted, UsageError

MAX_BYTES = 1 << 20
#: A text has fewer control characters than one in this many.
TEXT_PER_CONTROL = 10
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
MAX_SECONDS = 10.0
CRONTAB = "/etc/crontab"
CRON_D = "/etc/cron.d"
CROND_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingCrontab:
    """A crontab as it is now."""

    #: Its path, or `crontab of NAME`.
    name: str
    content: bytes
    has_users: bool
    #: The account that it belongs to; None for one with a user column, and where that is not known.
    owner: str | None = None
    #: Of its file; None for the crontab of a user, which only crontab(1) writes.
    mode: int | None = None
    #: Whether others may not read it.
    is_private: bool = False
    #: Why cron does not read it; empty when it does.
    not_live: str = ""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "surrogateescape")

    @property
    def is_ours(self) -> bool:
        return self.text.startswith(WRITTEN_BY)


def read_crontab_at(path: str, *, users: bool | None = None) -> ExistingCrontab:
    """Return the crontab in a file; that of a user when the path is one in cron's spool.

    `users` says whether it has a user column; None: its place does. Raises UsageError for what is no plain text,
    or too long.
    """
    path = os.path.abspath(path)
    if path.startswith(SPOOL) and os.path.dirname(path) == f"{SPOOL}crontabs":
        return _needed(user_crontab(os.path.basename(path)), path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise NotPermitted(
            f"cannot be read: {error.strerror}", where=path, hint="sudo process-control import crontab"
        ) from error
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=path, hint="name a crontab") from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        what = "is a directory" if stat.S_ISDIR(status.st_mode) else "is not a plain file"
        raise UsageError(what, where=path, hint="name a crontab")
    with open(handle, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    _check_content(content, path, max(len(content), status.st_size))
    return ExistingCrontab(
        name=path,
        content=content,
        has_users=has_users(path) if users is None else users,
        mode=stat.S_IMODE(status.st_mode),
        is_private=not status.st_mode & stat.S_IROTH,
        not_live=_why_not_live(path, status),
    )


def _check_content(content: bytes, path: str, size: int) -> None:
    """Raise UsageError for what is no text, or longer than what is read of it: the rest would be lost."""
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if b"\0" in content or controls * TEXT_PER_CONTROL > len(content):
        raise UsageError("is not a text file", where=path, hint="name a crontab")
    if len(content) > MAX_BYTES:
        what = f"has {size:,} bytes, and no more than {MAX_BYTES:,} are read"
        raise UsageError(what, where=path, hint="name a crontab, or split it")


def _why_not_live(path: str, status: os.stat_result) -> str:
    if not has_users(path):
        return "is no crontab that cron reads: name /etc/crontab, a file in /etc/cron.d, or none for your own crontab"
    if is_in_cron_d(path) and not is_name_that_cron_reads(os.path.basename(path)):
        return "has a name that cron does not read"
    if os.path.islink(path) or status.st_nlink != 1:
        return "is a link, or has a second name"
    if status.st_uid != 0 or status.st_mode & 0o022:
        return "does not belong to root alone, so cron ignores it"
    return ""


def user_crontab(user: str | None = None) -> ExistingCrontab | None:
    """Return the crontab of an account (None: ours) as `crontab -l` prints it; None when there is none."""
    name = user or pwd.getpwuid(os.geteuid()).pw_name
    done = _crontab(["-l"], user)
    if done.returncode != 0:
        if b"no crontab for" in done.stderr:
            return None
        raise NotPermitted(_complaint(done), where=f"crontab of {name}", hint="run it as that user, or as root")
    return ExistingCrontab(name=f"crontab of {name}", content=done.stdout, has_users=False, owner=name, is_private=True)


def install_user_crontab(user: str | None, content: bytes) -> None:
    """Replace the crontab of an account as people do. Raises CannotRecord (74) when crontab(1) does not take it."""
    done = _crontab(["-"], user, content)
    if done.returncode != 0:
        raise CannotRecord(f"crontab: {_complaint(done)}", where=f"crontab of {user or 'this account'}")


def crontabs_of_host(user: str) -> list[ExistingCrontab]:
    """Return what cron reads here for `user`: as root /etc/crontab, the files in /etc/cron.d, and the user's own."""
    if os.geteuid() != 0:
        own = user_crontab()
        return [own] if own is not None else []
    names = sorted(name for name in _names_in(CRON_D) if is_name_that_cron_reads(name))
    paths = [*([CRONTAB] if os.path.isfile(CRONTAB) else []), *(f"{CRON_D}/{name}" for name in names)]
    found = [read_crontab_at(path) for path in paths if os.path.isfile(path)]
    own = user_crontab(user) if _program() else None
    return [*found, own] if own is not None else found


def _needed(crontab: ExistingCrontab | None, path: str) -> ExistingCrontab:
    if crontab is None:
        raise UsageError("does not exist", where=path, hint="name a crontab")
    return crontab


def _names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _program() -> str | None:
    return next((path for path in PROGRAMS if os.access(path, os.X_OK)), None)


def _crontab(arguments: list[str], user: str | None, content: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    program = _program()
    if program is None:
        raise BadConfiguration("there is no command crontab", hint="apt-get install cron")
    of_user = [] if user is None or os.geteuid() != 0 else ["-u", user]
    try:
        return subprocess.run(
            [program, *of_user, *arguments], input=content, capture_output=True, timeout=MAX_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRecord(f"{program} did not answer: {error}") from error


def _complaint(done: "subprocess.CompletedProcess[bytes]") -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
