"""Leaves what is in the spool to the scheduler, where one is alive: its own process sends it, one for all runs.

Lean module, loaded only when somebody is to be notified. What is in the spool is on the disk, so a scheduler that dies
after it was asked loses nothing: the next one, the next run or `watch` sends it.
"""

import posix
import time
from binascii import crc32

from process_control.core import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

#: So often the loop of the scheduler touches its socket.
TOUCH_SECONDS = 10.0
#: One that was touched longer ago may be that of a scheduler that hangs or is stopped.
MAX_AGE_SECONDS = 30.0
_TYPE_OF_FILE, _SOCKET = 0o170000, 0o140000
_WORD = b"s"


def socket_of(settings: "Settings") -> str:
    """Return the path of the socket. Its name is another for another spool, and for another configuration.

    Whoever tries a configuration on the same state must not notify the people of the first one.
    """
    names = f"{settings.state_directory}\0{settings.path}".encode("utf-8", "surrogateescape")
    return layout.handover_socket(settings.run_directory, f"{crc32(names):08x}")


def is_left_to_the_scheduler(settings: "Settings") -> bool:
    """Ask the scheduler to send what is in the spool; return whether it is certain that one was asked. Never waits.

    Call it after the spool was written.
    """
    path = socket_of(settings)
    try:
        status = posix.stat(path, follow_symlinks=False)
        if status.st_mode & _TYPE_OF_FILE != _SOCKET or status.st_uid != posix.geteuid():
            return False
        if abs(time.time() - status.st_mtime) > MAX_AGE_SECONDS:  # in the future too: the clock was set
            return False
        import _socket

        kind = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        connection = _socket.socket(_socket.AF_UNIX, kind)
        try:
            connection.sendto(_WORD, _socket.MSG_NOSIGNAL, path)
        finally:
            connection.close()
    except BlockingIOError:  # others have asked, and it has not looked since
        return True
    except OSError:
        return False
    return True
