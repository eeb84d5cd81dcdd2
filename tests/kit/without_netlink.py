"""Execute a command that cannot hear from the kernel which networks come and go: `without_netlink.py COMMAND…`.

Chromium breaks off whatever it is loading when an address of the host changes (net::ERR_NETWORK_CHANGED), and tests
that run beside it make networks. A filter answers EAFNOSUPPORT to socket(AF_NETLINK, …), see seccomp(2).
"""

import ctypes
import errno
import os
import struct
import sys

AF_NETLINK = 16
#: Of each machine: its number for audits, and its system call socket.
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
NO_NEW_PRIVILEGES, SECCOMP, MODE_FILTER = 38, 22, 2
LOAD, SKIP_UNLESS, ANSWER = 0x20, 0x15, 0x06
CALL, MACHINE, FIRST_ARGUMENT = 0, 4, 16
ERROR, ALLOW = 0x00050000, 0x7FFF0000


def refuse_netlink() -> None:
    """Install the filter for this process and what it executes; do nothing on a machine that is not known."""
    machine, call = MACHINES.get(os.uname().machine, (0, 0))
    steps = []
    for place, value, skipped in ((MACHINE, machine, 5), (CALL, call, 3), (FIRST_ARGUMENT, AF_NETLINK, 1)):
        steps += [(LOAD, 0, 0, place), (SKIP_UNLESS, 0, skipped, value)]
    steps += [(ANSWER, 0, 0, ERROR | errno.EAFNOSUPPORT), (ANSWER, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    if machine:
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        libc.prctl(SECCOMP, MODE_FILTER, ctypes.byref(program), 0, 0)


if __name__ == "__main__":
    refuse_netlink()
    os.execvp(sys.argv[1], sys.argv[1:])
