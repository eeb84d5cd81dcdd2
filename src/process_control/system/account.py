"""Accounts, and becoming the service user: rights are dropped for good, and that is verified.

Lean module.
"""

import posix
import pwd

from process_control.errors import BadConfiguration, NotPermitted
from process_control.system import linux


class Account:
    """An entry of the password file."""

    __slots__ = ("gid", "home", "name", "uid")

    def __init__(self, name: str, uid: int, gid: int, home: str) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.home = home


def account_of(uid: int) -> Account:
    """Return the account of `uid`. An unknown uid (containers have them) has its number as name, and home /."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), uid, posix.getgid(), "/")
    return Account(entry.pw_name, uid, entry.pw_gid, entry.pw_dir or "/")


def service_account(name: str, *, where: str = "") -> Account:
    """Return the account called `name`. Raises BadConfiguration (78) when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise BadConfiguration(
            f"user '{name}' does not exist",
            where=where,
            hint=f"create the account: useradd --system {name}",
        ) from None
    return Account(name, entry.pw_uid, entry.pw_gid, entry.pw_dir or "/")


def check_allowed(user: str | None, *, words: str, where: str = "") -> Account:
    """Return the account that jobs run as: `user`; if it is None, our own.

    Raises NotPermitted (77) when we are neither root nor `user`; `words` is the command for the sudo line.
    """
    uid = posix.geteuid()
    if user is None:
        return account_of(uid)
    account = service_account(user, where=where)
    if uid not in (0, account.uid):
        raise NotPermitted(
            f"jobs run as user '{user}', and you are '{account_of(uid).name}'",
            where=where,
            hint=f"sudo -u {user} {words}",
        )
    return account


def group_named(name: str | None) -> int | None:
    """Return the gid of the group called `name`; None for None, and for an unknown group."""
    if name is None:
        return None
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def may_read(read_group: str | None) -> bool:
    """Return whether we are a member of `read_group`, and so may read state and logs."""
    gid = group_named(read_group)
    return gid is not None and gid in (posix.getegid(), *posix.getgroups())


def drop_rights(account: Account) -> None:
    """Become `account` for good: groups, gid and uid, each real, effective and saved. Without root nothing is done.

    Of root's environment only the allow-list of `core.job_environment` is kept, of root's session keyring nothing. A
    job that runs as root keeps root's keyring. Raises NotPermitted if rights could be regained, see setresuid(2).
    """
    if posix.geteuid() != 0 or account.uid == 0:
        return
    bound_to_parent = linux.parent_death_signal()
    linux.leave_session_keyring()  # as root still: it counts against root's quota, which is not the account's to use up
    posix.initgroups(account.name, account.gid)
    posix.setresgid(account.gid, account.gid, account.gid)
    posix.setresuid(account.uid, account.uid, account.uid)
    if bound_to_parent:
        linux.set_parent_death_signal(bound_to_parent)  # a change of user forgets it
    if posix.getresuid() != (account.uid,) * 3 or posix.getresgid() != (account.gid,) * 3:
        raise NotPermitted(f"could not become user '{account.name}'")
    try:
        posix.setuid(0)
    except PermissionError:
        _drop_callers_environment(account)
        return
    raise NotPermitted(f"root's rights could be regained after becoming '{account.name}'")


def _drop_callers_environment(account: Account) -> None:
    """Remove tokens of root's shell, which later programs would inherit."""
    from process_control.core.job_environment import environment_for_another_user

    kept = environment_for_another_user(posix.environ, home=account.home)
    posix.environ.clear()
    posix.environ.update(kept)
