"""Become the user that jobs run as, with its directories, and identify the caller.

Lean module: every run uses it.
"""

import posix
import sys

from process_control.core import layout
from process_control.errors import BadConfiguration, NotPermitted
from process_control.system import directories
from process_control.system.account import Account, account_of, check_allowed, drop_rights

#: By this variable the page names its user to a run that it starts.
WEB_USER = "PROCESS_CONTROL_WEB_USER"
MAX_NAME = 100

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings


class Actor:
    """The person who asks for a change, and the settings in force after we became the service user."""

    __slots__ = ("by", "host", "settings")

    def __init__(self, settings: "Settings", *, by: str, host: str) -> None:
        self.settings = settings
        self.by = by
        self.host = host

    @property
    def who(self) -> str:
        return f"{self.by}@{self.host}"


def become_actor(settings: "Settings", *, by: str, command: str) -> Actor:
    """Become the service user, and make the state directories. `by`: the name of the caller.

    `command` is for the hint of NotPermitted. Raises NotPermitted (77), CannotRecord (74), BadConfiguration (78).
    """
    account = check_allowed(settings.user, words=command, where=settings.path or "")
    posix.umask(0o022)
    if posix.geteuid() == 0 and account.uid != 0:
        directories.make_as_root(own_directories(settings), account)
        drop_rights(account)
    have_own_directories(settings)
    return Actor(settings, by=by, host=posix.uname().nodename)


def become_reader(settings: "Settings", *, command: str, may_read: bool = True) -> Account:
    """Become the service user in order to read, and return the account.

    `may_read`: let members of `read_group` read with their own rights. Raises NotPermitted (77).
    """
    from process_control.system.account import may_read as is_reader

    try:
        account = check_allowed(settings.user, words=command, where=settings.path or "")
    except NotPermitted:
        if may_read and is_reader(settings.read_group):
            return account_of(posix.geteuid())
        raise
    drop_rights(account)
    return account


def have_own_directories(settings: "Settings") -> None:
    """Make missing directories of ours. Call it as the service user.

    Raises NotPermitted (77), CannotRecord (74), BadConfiguration (78).
    """
    refuse_network_state(settings)
    directories.ensure(own_directories(settings))


def own_directories(settings: "Settings") -> list[tuple[str, int]]:
    """Return (path, mode) of the directories that process-control uses for itself."""
    return directories.own_directories(
        state=settings.state_directory,
        run=settings.run_directory,
        output=settings.output_directory,
        group_reads=settings.read_group is not None,
    )


def open_to_readers(settings: "Settings", account: Account) -> None:
    """Let the members of `read_group` read our directories. Call it as root or as the service user."""
    from process_control.system.account import group_named

    group = group_named(settings.read_group)
    if group is not None:
        from process_control.system.read_group import open_to_group

        places = [settings.state_directory, layout.journal(settings.state_directory), settings.output_directory]
        open_to_group(places, owner=account.uid, group=group)


def refuse_network_state(settings: "Settings") -> None:
    """Raise BadConfiguration (78) when locks or journal are on a network file system."""
    from process_control.system.linux import network_file_system

    if settings.allow_network_state:
        return
    for path in (settings.state_directory, settings.run_directory):
        try:
            kind = network_file_system(path)
        except OSError:  # missing: it is made next, and checked by the next start
            continue
        if kind:
            raise BadConfiguration(
                f"state on {kind}: locks and journal need a local disk",
                where=path,
                hint="set state_directory and run_directory to a local disk",
            )


def directory_of_run_job() -> str | None:
    """Return the directory with the command `run-job`, for sub-jobs; None when it is not found."""
    package = __file__.rpartition("/process_control/")[0]
    prefix = package.rpartition("/lib/")[0] if "/lib/" in package else ""
    called = sys.argv[0].rpartition("/")
    candidates = [called[0] if called[2] == "run-job" and called[0].startswith("/") else ""]
    candidates += [f"{prefix}/bin" if prefix else "", sys.executable.rpartition("/")[0]]
    for directory in candidates:
        if directory and posix.access(f"{directory}/run-job", posix.X_OK):
            return directory
    return None


def decoded(environment: dict[bytes, bytes]) -> dict[str, str]:
    """Return the environment as text; bytes that are no UTF-8 become surrogates, so that encoding restores them."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in environment.items()
    }


def who(environment: dict[bytes, bytes], *, known: Account | None = None) -> str:
    """Return the name of the caller, with sudo that of the person behind it. `known`: an account already read."""
    uid = posix.getuid()
    through_sudo = environment.get(b"SUDO_USER", b"").decode("ascii", "replace") if uid == 0 else ""
    printable = through_sudo if through_sudo.isprintable() else ""
    if printable:
        return printable[:64]
    return known.name if known is not None and known.uid == uid else account_of(uid).name
