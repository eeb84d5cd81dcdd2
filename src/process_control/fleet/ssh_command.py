"""The command line of ssh: that of whoever asks, with their keys and ~/.ssh/config, and never a question."""

import os
import re
import shlex
import stat
from collections.abc import Sequence
from pathlib import Path

#: Less than what any answer may take, so that ssh itself says that a host does not answer.
CONNECT_SECONDS = 4
#: How long a connection stays open for the next command.
PERSIST_SECONDS = 60
#: Of the path of a socket. ssh puts a hash of 40 letters into it, and 17 more while it makes it.
MAX_SOCKET_PATH = 107
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._-]*", re.ASCII)  # ssh splits, quotes and expands others
_HASH, _WHILE_MAKING = 40, 17
DIRECTORY = "process-control-ssh"
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(CONNECT_SECONDS),
    "LogLevel": "ERROR",
    # What ~/.ssh/config may have for people who log in.
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
    # A connection that is kept, and whose host is gone, must not outlive that by much.
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "2",
}


def ssh_command(host: str, words: Sequence[str], sockets: Path | None) -> list[str]:
    """Return the command that runs `words`, each a command of a shell there. `sockets`: see `socket_directory`."""
    kept = {"ControlMaster": "no", "ControlPath": "none"}
    if sockets is not None:
        kept = {"ControlMaster": "auto", "ControlPath": f"{sockets}/%C", "ControlPersist": str(PERSIST_SECONDS)}
    options = [f"-o{name}={value}" for name, value in {**OPTIONS, **kept}.items()]
    return ["ssh", *options, "--", host, "; ".join(words)]


def remote_commands(verb: Sequence[str]) -> list[str]:
    """Return what a host is to run: first who answers, which is also where the answer begins."""
    return ["process-control --version", shlex.join(["process-control", *verb])]


def socket_directory() -> Path | None:
    """Return the directory for the sockets of connections that are kept, made when it is missing.

    None where nobody has such a place, or somebody else could put a socket there, or use ours: then none is kept.
    """
    uid = os.geteuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not _is_ours(Path(runtime)):  # as under sudo, which may keep the variable of who called it
        runtime = "/run" if uid == 0 else f"/run/user/{uid}"
    path = Path(runtime) / DIRECTORY
    if not _PLAIN_PATH.fullmatch(str(path)) or len(str(path)) + 1 + _HASH + _WHILE_MAKING > MAX_SOCKET_PATH:
        return None
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return path if _is_ours(path) and _is_ours(path.parent) else None


def _is_ours(path: Path) -> bool:
    """Return whether a path is a directory of this account to which nobody else may write."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
