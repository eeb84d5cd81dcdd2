"""Hold processes as a debugger does: no signal but KILL lets them go on. See ptrace(2)."""

import ctypes
import os
from collections.abc import Iterable

SEIZE, INTERRUPT = 0x4206, 0x4207
#: Of waitpid(2): also for processes that are not our children.
WALL = 0x40000000


def hold(pids: Iterable[int]) -> bool:
    """Hold these processes until this one ends; return False when that is not permitted here."""
    ptrace = ctypes.CDLL(None).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    for pid in pids:
        if ptrace(SEIZE, pid, None, None) or ptrace(INTERRUPT, pid, None, None):
            return False
        os.waitpid(pid, WALL)
    return True


def wait_for_held() -> None:
    """Wait until something happens to one of them. Who is killed has ended for its parent only after that."""
    os.waitpid(-1, WALL)
