"""Commands of the product as forks of one process that has imported them already: a start takes a third of the time.

Each is a process of its own with the environment, directory and descriptors that it was given, and a child of the
test's own process as any other. What differs: nothing is imported any more, and /proc shows the first process's words.
A test about any of that, about another user, a terminal or a namespace starts the command itself.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from kit.installation import PYTHON_FLAGS, Product

SERVER = """
import ctypes, gc, importlib, json, os, signal, socket, sys, time

PR_SET_NAME = 15
CLONE_PARENT, SYS_CLONE = 0x8000, {"x86_64": 56, "aarch64": 220}[os.uname().machine]
requests = socket.socket(fileno=int(sys.argv[1]))
sys.path.append(sys.argv[2])


def answer(asked, descriptors):
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_NAME, asked["mark"].encode(), 0, 0, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, max(descriptors) + 1)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)
    sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)
    sys.stderr = open(2, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.umask(asked["umask"])
    os.chdir(asked["directory"])
    sys.argv = asked["words"]
    name = os.path.basename(sys.argv[0])
    from process_control.cli.waiting import go_on_watched
    paths = go_on_watched(name, sys.argv[1:])
    if name == "cron-generate":
        from process_control.cli.verbs.cron_generate import main
    else:
        from process_control.cli.main import main
    return main(paths=paths)


def import_all():
    import site
    site.main()
    from process_control.cli.main import VERBS
    import process_control.cli.verbs.cron_generate
    for place, _ in VERBS.values():
        importlib.import_module(place.partition(":")[0])
    gc.collect()
    gc.freeze()


is_warm = False
while True:
    message, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 3)
    if not message:
        break
    if not is_warm:
        import_all()
        is_warm = True
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    pid = python.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        python.PyOS_AfterFork_Child()
        code = 70
        try:
            code = answer(json.loads(message), descriptors)
        except SystemExit as end:
            code = end.code
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    pass
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)
    python.PyOS_AfterFork_Parent()
    requests.send(str(pid).encode())
    for descriptor in descriptors:
        os.close(descriptor)
"""


class Warm:
    """A command that runs, with what a test asks of a `subprocess.Popen`."""

    def __init__(self, pid: int, args: Sequence[str], stdout: BinaryIO, stderr: BinaryIO) -> None:
        self.pid = pid
        self.args = args
        self.stdin = None
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self._reap(os.WNOHANG)
        return self.returncode

    def wait(self) -> int | None:
        if self.returncode is None:
            self._reap(0)
        return self.returncode

    def _reap(self, flags: int) -> None:
        pid, status = os.waitpid(self.pid, flags)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmCommands:
    """Starts commands of one installation."""

    def __init__(self, product: Product, requests: socket.socket, pid: int) -> None:
        self.product = product
        self.pid = pid
        self._requests = requests

    def start(
        self, words: Sequence[str], *, environment: Mapping[str, str], directory: Path | str, umask: int, mark: str
    ) -> Warm:
        """Fork the command. `mark`: the name of its process, by which its own forks are found too."""
        asked = {
            "words": list(words),
            "environment": dict(environment),
            "directory": str(directory),
            "umask": umask,
            "mark": mark,
        }
        ours, theirs = zip(os.pipe(), os.pipe(), strict=True)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            socket.send_fds(self._requests, [json.dumps(asked).encode()], [nothing, *theirs])
            pid = int(self._requests.recv(100))
        finally:
            for descriptor in (nothing, *theirs):
                os.close(descriptor)
        stdout, stderr = (os.fdopen(descriptor, "rb", buffering=0) for descriptor in ours)
        return Warm(pid, words, stdout, stderr)


running: list[WarmCommands] = []
"""While the product is installed: of the tests that this process runs."""


def commands_of(product: Product) -> WarmCommands | None:
    return next((commands for commands in running if commands.product == product), None)


@contextlib.contextmanager
def warm_commands(product: Product) -> Iterator[None]:
    """Have the commands of an installation forked until the end. They are imported when the first one is started."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [
        str(product.prefix / "bin" / "python"),
        *PYTHON_FLAGS,
        "-I",
        "-S",
        "-c",
        SERVER,
        str(theirs.fileno()),
        str(product.site_packages),
    ]
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    process = subprocess.Popen(words, pass_fds=[theirs.fileno()], env=environment, cwd="/", start_new_session=True)
    theirs.close()
    running.append(WarmCommands(product, ours, process.pid))
    try:
        yield
    finally:
        running.pop()
        ours.close()
        process.wait()
