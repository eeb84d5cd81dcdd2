"""The network that a test gives its hosts: what a cut does, and that nothing is left of it."""

import os
import re
import socket
import subprocess

import pytest

from kit import network
from kit.events import readable
from kit.harness import PATIENCE_SECONDS


@pytest.mark.needs_root
def test_what_is_sent_while_a_host_is_cut_off_arrives_later_and_its_connection_stays() -> None:
    network.needed()
    with network.network() as switch, socket.create_server((switch.address, 0)) as listener:
        cable = switch.add_host()
        sends = f"exec 3<> /dev/tcp/{switch.address}/{listener.getsockname()[1]}; cat >&3"
        command = [*network.inside(cable.namespace), "bash", "-c", sends]
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as host:
            assert host.stdin is not None
            listener.settimeout(PATIENCE_SECONDS)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(PATIENCE_SECONDS)
                host.stdin.write(b"before")
                before = connection.recv(100)
                cable.cut()
                host.stdin.write(b"while it is cut")
                is_lost = not readable([connection.fileno()], 0.3)
                cable.restore()
                after = connection.recv(100)
                host.stdin.close()

    assert (before, is_lost, after) == (b"before", True, b"while it is cut")
    ours = re.compile(rf"{network.PREFIX}{os.getpid()}\b.*")
    assert not [name for name in (*os.listdir(network.INTERFACES), *os.listdir(network.NAMESPACES)) if ours.match(name)]
