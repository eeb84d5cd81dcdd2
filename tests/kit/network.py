"""Hosts with a network each: a namespace, and a cable from it to a switch that reaches this process. Root only.

A host is cut as by pulling its cable at the switch: packets are lost both ways, no connection is refused or reset. What
a test starts in the namespace of a host has no other way out. Names and addresses are those of this process, so tests
run side by side.
"""

import functools
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kit.events import until
from kit.processes import lives

ADDRESSES = ipaddress.ip_network("198.18.0.0/15")
"""For tests of networks (RFC 2544): no real host has one of them."""
SIZE_OF_NETWORK = 16
PREFIX = "pctest"
NAMESPACES = Path("/run/netns")
INTERFACES = Path("/sys/class/net")
REACHES_SECONDS = 10


class Cable:
    """What connects one host. `namespace`: the file of the network namespace that its processes belong into."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.namespace = NAMESPACES / name
        self.is_cut = False

    def cut(self) -> None:
        """Lose every packet from now on."""
        _ip("link", "set", self.name, "down")
        self.is_cut = True

    def restore(self) -> None:
        """Return when packets come through again: the kernel sees to a link some time after it is switched on."""
        _ip("link", "set", self.name, "up")
        until(lambda: _carries(self.name), f"the cable {self.name} to carry")
        self.is_cut = False


class Network:
    """A switch with this process at it. `address`: that of this process, for all hosts."""

    def __init__(self) -> None:
        self._name = f"{PREFIX}{os.getpid()}"
        self._addresses = _free_addresses()
        self.address = str(self._addresses[1])
        self._cables: list[Cable] = []
        _ip("link", "add", self._name, "type", "bridge")

    def open(self) -> None:
        _ip("addr", "add", f"{self.address}/{self._addresses.prefixlen}", "dev", self._name)
        _ip("link", "set", self._name, "up")

    def add_host(self) -> Cable:
        """Return the cable of a new host, which is reached by and reaches all others."""
        number = len(self._cables) + 1
        cable = Cable(f"{self._name}-{number}", str(self._addresses[number + 1]))
        _ip("netns", "add", cable.name)
        self._cables.append(cable)
        _ip("link", "add", cable.name, "type", "veth", "peer", "name", "eth0", "netns", cable.name)
        _ip("-n", cable.name, "link", "set", "lo", "up")
        _ip("-n", cable.name, "addr", "add", f"{cable.address}/{self._addresses.prefixlen}", "dev", "eth0")
        _ip("-n", cable.name, "link", "set", "eth0", "up")
        _ip("link", "set", cable.name, "master", self._name)
        cable.restore()
        until(lambda: _carries(self._name), "the switch to carry")
        return cable

    def close(self) -> None:
        _remove(os.getpid())


@contextmanager
def network() -> Iterator[Network]:
    """Have a switch until the end of the context, when all that was connected to it is removed. One at a time."""
    _remove_forsaken()
    found = Network()
    try:
        found.open()
        yield found
    finally:
        found.close()


def inside(namespace: Path | str) -> list[str]:
    """Return how a command line begins that runs in a network namespace."""
    return ["nsenter", f"--net={namespace}"]


def needed() -> None:
    """Skip the test where there can be no such network. To be called before it makes anything."""
    why = _why_not()
    if why is not None:
        pytest.skip(why)


@functools.cache
def _why_not() -> str | None:
    if shutil.which("ip") is None:
        return "ip is not installed (Debian: iproute2)"
    try:
        with network() as found:
            return None if _is_reached(found.add_host(), found.address) else "hosts of a test cannot reach this one"
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not permitted here: {error.stderr.decode().strip()}"


def _is_reached(cable: Cable, address: str) -> bool:
    with socket.create_server((address, 0)) as listener:
        connect = f"exec 3<> /dev/tcp/{address}/{listener.getsockname()[1]}"
        words = [*inside(cable.namespace), "timeout", str(REACHES_SECONDS), "bash", "-c", connect]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _ip(*words: str) -> str:
    """Call ip(8). Raises CalledProcessError."""
    return subprocess.run(["ip", *words], capture_output=True, check=True).stdout.decode()


def _carries(name: str) -> bool:
    return (INTERFACES / name / "operstate").read_text() == "up\n"


def _free_addresses() -> ipaddress.IPv4Network:
    """Return a network that nobody on this host has; another one for each process, as far as there are so many."""
    taken = _ip("-4", "-oneline", "addr")
    networks = ADDRESSES.num_addresses // SIZE_OF_NETWORK
    for number in range(os.getpid(), os.getpid() + networks):
        first = ADDRESSES[number % networks * SIZE_OF_NETWORK]
        if f" {first + 1}/" not in taken:
            return ipaddress.IPv4Network((int(first), 32 - (SIZE_OF_NETWORK - 1).bit_length()))
    raise RuntimeError("no network is free")


def _remove_forsaken() -> None:
    """Remove what processes have left that were killed."""
    names = [*os.listdir(INTERFACES), *(os.listdir(NAMESPACES) if NAMESPACES.exists() else [])]
    pids = {int(found[1]) for name in names if (found := re.fullmatch(rf"{PREFIX}(\d+)(-\d+)?", name))}
    for pid in pids:
        if not lives(pid) or pid == os.getpid():
            with suppress(subprocess.CalledProcessError):  # another session removes it at the same time
                _remove(pid)


def _remove(pid: int) -> None:
    """Remove the switch of a process, its cables and namespaces, as far as they are there."""
    of_process = re.compile(rf"{PREFIX}{pid}(-\d+)?")
    for name in filter(of_process.fullmatch, os.listdir(INTERFACES)):
        _ip("link", "delete", name)
    if NAMESPACES.exists():
        for name in filter(of_process.fullmatch, os.listdir(NAMESPACES)):
            _ip("netns", "delete", name)
