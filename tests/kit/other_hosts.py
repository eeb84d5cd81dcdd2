"""Other hosts for `--host`: an `ssh` that answers with what a test has written, and a real sshd for several of them."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit import mount_namespaces
from kit.events import until
from kit.harness import IS_ROOT, PROJECT, Box, children
from kit.ports import free_port
from process_control import __version__

#: A runtime directory whose path is too long for a socket: no connection is kept, and no process stays for it.
NO_SOCKETS = f"no-sockets-{'x' * 80}"
ANY = "any"
FAKE = """\
#!/bin/sh
options=
while [ "$1" != -- ]; do options="$options $1"; shift; done
host=$2 commands=$3
hosts={hosts}
echo "$host$options -- $commands" >>{calls}
if [ -e "$hosts/$host/does" ]; then exec sh "$hosts/$host/does" "$commands"; fi
[ -d "$hosts/$host" ] || host=any
[ ! -e "$hosts/$host/talk" ] || cat "$hosts/$host/talk" >&2
[ ! -e "$hosts/$host/code" ] || {{ cat "$hosts/$host/output"; exit "$(cat "$hosts/$host/code")"; }}
exec cat "$hosts/$host/output"
"""


class FakeSsh:
    """An `ssh` first on PATH of a box: a host says what was written for it, or does what a script says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hosts = root / "hosts"
        self.calls_file = root / "calls"
        (root / "bin").mkdir(parents=True)
        self.hosts.mkdir()
        (root / NO_SOCKETS).mkdir()
        program = root / "bin" / "ssh"
        program.write_text(FAKE.format(hosts=shlex.quote(str(self.hosts)), calls=shlex.quote(str(self.calls_file))))
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.root / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "XDG_RUNTIME_DIR": str(self.root / NO_SOCKETS), "TZ": "UTC"}

    def answers(self, host: str, answer: Mapping[str, Any], *, version: str = __version__, code: int = 0) -> None:
        """Have a host answer a verb. ANY: every host without an answer of its own."""
        self.says(host, f"process-control {version}\n{json.dumps(answer, indent=2)}\n", code=code)

    def says(self, host: str, output: str, *, talk: str = "", code: int = 0) -> None:
        place = self.hosts / host
        place.mkdir(exist_ok=True)
        (place / "output").write_text(output)
        (place / "talk").write_text(talk)
        (place / "code").unlink(missing_ok=True)
        if code:
            (place / "code").write_text(str(code))

    def does(self, host: str, script: str) -> None:
        """Have a host run a script of sh, whose $1 is what was asked."""
        (self.hosts / host).mkdir(exist_ok=True)
        (self.hosts / host / "does").write_text(script)

    def asked(self) -> dict[str, str]:
        """Return what each host was asked last, without the options of ssh."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return {line.partition(" ")[0]: line.partition(" -- ")[2] for line in lines}


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherHosts:
    """Hosts that one real sshd plays, each on a loopback address of its own, with a box of its own."""

    boxes: Mapping[str, Box]
    environment: Mapping[str, str]
    root: Path


def sshd() -> tuple[str, dict[str, str]]:
    """Return Debian's sshd, as `make test` unpacks it, and the environment that it needs. Skips without it."""
    unpacked = PROJECT / ".venv/sshd/usr/sbin/sshd"
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or (str(unpacked) if unpacked.exists() else None)
    if program is None or shutil.which("ssh") is None:
        pytest.skip("sshd is not installed here: apt-get install openssh-server openssh-client")
    if not IS_ROOT:
        pytest.skip("needs root")
    mount_namespaces.needed()
    libraries = [str(path) for path in (PROJECT / ".venv/sshd/usr/lib").glob("*-linux-gnu*")]
    return program, {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {}


SSHD = """\
Port {port}
HostKey {root}/host_key
AuthorizedKeysFile {root}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
PrintMotd no
LogLevel ERROR
MaxStartups 100
"""
#: `ssh` as the user has it, with this configuration: ssh itself reads that of the account, whatever HOME says.
SSH = """\
#!/bin/sh
exec {ssh} -F {root}/ssh_config "$@"
"""
HOST = """\
Host {name}
  HostName {address}
  Port {port}
  User root
  IdentityFile {root}/{key}
  IdentitiesOnly yes
  UserKnownHostsFile {root}/{known}
"""


@contextmanager
def other_hosts(root: Path, boxes: Mapping[str, Box], *, matches: Mapping[str, str]) -> Iterator[OtherHosts]:
    """Play hosts, by their names, with one sshd; `matches` has more of its configuration for some of them.

    Besides there are `nokey` and `unknown`, whose key the account has not, and does not know; `closed`, on whose port
    nothing listens.
    """
    program, environment = sshd()
    port = free_port("0.0.0.0")  # on the addresses of all hosts
    for key in ("host_key", "user_key", "other_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / key)], check=True)
    shutil.copy(root / "user_key.pub", root / "authorized")
    _write(root, boxes, port, matches)
    passwd = root / "passwd"
    passwd.write_text(f"root:*:0:0:root:{root}:/bin/sh\nsshd:*:65532:65534::/run/sshd:/usr/sbin/nologin\n")
    script = f"mount --bind {passwd} /etc/passwd && mount -t tmpfs run /run && mkdir -m 755 /run/sshd && exec "
    script += shlex.join([program, "-D", "-e", "-f", str(root / "sshd_config")])
    # sshd writes into its command line how many connections it has: not to be taken for another process by each test,
    # it is the child of one that only waits.
    command = [*mount_namespaces.IN_ONE, "--fork", "--kill-child", "sh", "-c", script]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=log)
    try:
        until(lambda: _listens(port), "sshd to listen")
        own = {"PATH": f"{root / 'bin'}:/usr/local/bin:/usr/bin:/bin", "XDG_RUNTIME_DIR": str(root / NO_SOCKETS)}
        yield OtherHosts(boxes=boxes, environment=own, root=root)
    finally:
        for pid in children(process.pid):
            os.kill(pid, signal.SIGTERM)
        process.wait()


def _write(root: Path, boxes: Mapping[str, Box], port: int, matches: Mapping[str, str]) -> None:
    """Write the configurations of sshd and ssh."""
    addresses = {name: f"127.0.0.{number}" for number, name in enumerate(boxes, start=2)}
    blocks = []
    for name, box in boxes.items():
        own = f"SetEnv PATH={box.product.prefix}/bin:/usr/bin:/bin PROCESS_CONTROL_CONFIG={box.configuration}"
        blocks.append(f"Match LocalAddress {addresses[name]}\n  {matches.get(name, own).format(own=own)}\n")
    listen = "".join(f"ListenAddress {address}\n" for address in addresses.values())
    (root / "sshd_config").write_text(SSHD.format(port=port, root=root) + listen + "".join(blocks))
    public = " ".join((root / "host_key.pub").read_text().split()[:2])
    (root / "known").write_text("".join(f"[{address}]:{port} {public}\n" for address in addresses.values()))
    (root / "unknown").write_text("")
    first = next(iter(addresses.values()))
    hosts = [(name, address, port, "user_key", "known") for name, address in addresses.items()]
    hosts += [("nokey", first, port, "other_key", "known"), ("unknown", first, port, "user_key", "unknown")]
    hosts += [("closed", first, 1, "user_key", "known")]
    names = ("name", "address", "port", "key", "known")
    text = "".join(HOST.format(root=root, **dict(zip(names, host, strict=True))) for host in hosts)
    (root / "ssh_config").write_text(text)
    (root / "bin").mkdir()
    (root / NO_SOCKETS).mkdir()
    (root / "bin" / "ssh").write_text(SSH.format(ssh=shutil.which("ssh"), root=root))
    (root / "bin" / "ssh").chmod(0o755)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.2", port)) == 0


def words_of(asked: str) -> Sequence[str]:
    """Return the words of the command that a host was asked to run, behind the question who answers."""
    first, _, rest = asked.partition("; ")
    assert first == "process-control --version"
    return shlex.split(rest)
