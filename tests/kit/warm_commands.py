"""Commands of the product as forks of one process that has imported them already: a start takes a third of the time.

Each is a process of its own with the environment, directory and descriptors that it was given, and a child of the
test's own process as any other; /proc shows its words and environment. What differs: nothing is imported any more, and
it is as large as the first process. A test about any of that, about another user, a terminal or a namespace starts the
command itself. With PROCESS_CONTROL_STARTS=cold all do.
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
from tools.bundle import GUARD_ROOTS, RUNNER_ROOTS

SERVER = """
import ctypes, gc, importlib, json, os, signal, socket, sys, time

PR_SET_NAME = 15
CLONE_PARENT, SYS_CLONE = 0x8000, {"x86_64": 56, "aarch64": 220}[os.uname().machine]
requests = socket.socket(fileno=int(sys.argv[1]))
sys.path.append(sys.argv[2])

with open("/proc/self/stat") as file:
    PLACES = list(map(int, file.read().rpartition(")")[2].split()[45:49]))  # of arguments and environment in memory


def show(words, place, end):
    # Have /proc show words in place of those that this process was executed with.
    data = b"".join(word + b"\\0" for word in words)[: end - place]
    ctypes.memmove(place, data.ljust(end - place, b"\\0"), end - place)


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
    show(map(os.fsencode, asked["words"]), *PLACES[:2])
    show((name + b"=" + value for name, value in os.environb.items()), *PLACES[2:])
    time.tzset()
    os.umask(asked["umask"])
    os.chdir(asked["directory"])
    sys.argv = asked["words"]
    name = os.path.basename(sys.argv[0])
    if name == "run-job":
        gc.disable()
        from process_control.cli.run_job.main import main
        main()
    from process_control.cli.waiting import go_on_watched
    paths = go_on_watched(name, sys.argv[1:])
    if name == "cron-generate":
        from process_control.cli.verbs.cron_generate import main
    else:
        from process_control.cli.main import main
    return main(paths=paths)


def import_all():
    for name in sys.argv[3:]:
        importlib.import_module(name)
    if "process_control.cli.main" in sys.argv:
        import site
        site.main()
        from process_control.cli.main import VERBS
        for place, _ in VERBS.values():
            importlib.import_module(place.partition(":")[0])
    else:  # compiles the patterns that every job needs
        from process_control.config.job_file import read_job
        text = b"name: a\\ncommand: /bin/true\\nschedule: 0 * * * *"
        read_job(text, slug="a", path="/a.yaml", default_values={}, log_bytes=1)
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

OF_SCREENS = ("process_control.cli.main", "process_control.cli.verbs.cron_generate")
OF_A_RUN = (
    *GUARD_ROOTS,
    *RUNNER_ROOTS,
    "process_control.config.configuration",
    "process_control.config.plan_of_job",
    "process_control.core.masking",
    "process_control.execution.describe",
    "process_control.execution.detached",
    "process_control.execution.ending",
    "process_control.execution.guard_watch",
    "process_control.history.journal",
    "process_control.notify.event",
    "process_control.notify.message",
    "process_control.notify.outbox",
    "process_control.run.failure_report",
    "process_control.run.imports_of_the_end",
    "process_control.run.judge",
    "process_control.run.new_version",
    "process_control.state.health_changes",
    "process_control.state.health_file",
    "process_control.state.job_versions",
)
"""What `run-job` imports late, inside of functions: in most runs of tests, which parse their job and may fail."""


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

    def __init__(self, product: Product, requests: socket.socket, pid: int, *, is_for_runs: bool) -> None:
        self.product = product
        self.is_for_runs = is_for_runs
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


def commands_of(product: Product, command: str) -> WarmCommands | None:
    """Return what forks a command of that path."""
    is_run = command.endswith("/run-job")
    return next((each for each in running if each.product == product and each.is_for_runs == is_run), None)


@contextlib.contextmanager
def warm_commands(product: Product) -> Iterator[None]:
    """Have the commands of an installation forked until the end. They are imported when the first one is started.

    Two processes: one with all modules of all screens would be three times as large, and every fork take longer.
    """
    if os.environ.get("PROCESS_CONTROL_STARTS") == "cold":
        yield
        return
    with _forking(product, OF_SCREENS, is_for_runs=False), _forking(product, OF_A_RUN, is_for_runs=True):
        yield


@contextlib.contextmanager
def _forking(product: Product, modules: Sequence[str], *, is_for_runs: bool) -> Iterator[None]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    python = [str(product.prefix / "bin" / "python"), *PYTHON_FLAGS, "-I", "-S"]
    words = [*python, "-c", SERVER, str(theirs.fileno()), str(product.site_packages), *modules]
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "ROOM_FOR_THE_ENVIRONMENT_OF_A_COMMAND": "x" * 8000}
    process = subprocess.Popen(words, pass_fds=[theirs.fileno()], env=environment, cwd="/", start_new_session=True)
    theirs.close()
    running.append(WarmCommands(product, ours, process.pid, is_for_runs=is_for_runs))
    try:
        yield
    finally:
        running.pop()
        ours.close()
        process.wait()
