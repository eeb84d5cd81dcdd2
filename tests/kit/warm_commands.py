"""Commands of the product as forks of one process that has imported them already: a start takes a third of the time.

Each is a process of its own with the environment, directory and descriptors that it was given, and a child of the
test's own process as any other; /proc shows its words and environment. What differs: nothing is imported any more, and
it is as large as the first process. A test about any of that, about another user or mounts starts the command itself.
With PROCESS_CONTROL_STARTS=cold all do. A driver, which changes the product before it calls it, is a fork too: a
`driver.py` that takes the folder of the package as its first word.

What such a command would execute to send its messages is forked from the first process too: it takes twice as long to
import as the run that has failed. Where it would be another account, or see another clock, it is executed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from kit.installation import PYTHON_FLAGS, Product
from tools.bundle import GUARD_ROOTS, RUNNER_ROOTS

SERVER = """
import ctypes, fcntl, gc, importlib, json, os, posix, select, signal, socket, sys, termios, time

PR_SET_NAME = 15
CLONE_NEWNET, CLONE_PARENT, SYS_CLONE = 0x40000000, 0x8000, {"x86_64": 56, "aarch64": 220}[os.uname().machine]
SENDS = "from process_control.notify.deliver import main"
ADDRESS = f"\\0process-control-tests-{os.getpid()}"
ACCOUNT = os.getresuid(), os.getresgid()
HAS_OWN_CLOCK = "LD_PRELOAD" in os.environ
requests = socket.socket(fileno=int(sys.argv[1]))
deliveries = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
deliveries.bind(ADDRESS)
deliveries.listen(1000)
sys.path.append(sys.argv.pop(2))

with open("/proc/self/stat") as file:
    PLACES = list(map(int, file.read().rpartition(")")[2].split()[45:49]))  # of arguments and environment in memory


def show(words, place, end):
    # Have /proc show words in place of those that this process was executed with.
    data = b"".join(word + b"\\0" for word in words)[: end - place]
    ctypes.memmove(place, data.ljust(end - place, b"\\0"), end - place)


def hand_over_deliveries(mark, execute):
    # Have our first process fork what sends messages, in the place of the process that would execute it.
    def hand_over(path, words, environment):
        if HAS_OWN_CLOCK or (os.getresuid(), os.getresgid()) != ACCOUNT or SENDS not in str(words):
            return execute(path, words, environment)
        known = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
        asked = {"words": words, "environment": known, "directory": "/", "umask": 0o022, "mark": mark}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(ADDRESS)
            socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
            connection.recv(1)  # nothing: it is closed when the process is there
        os._exit(0)

    posix.execve = hand_over


def send_messages(words):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.argv = ["-c", *words[words.index("-c") + 3 :]]
    from process_control.notify.deliver import main
    return main()


def enter_network(namespace):
    with open(namespace) as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns", namespace)


def answer(asked, descriptors):
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_NAME, asked["mark"].encode(), 0, 0, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    os.closerange(3, max(descriptors) + 1)
    if is_terminal := os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin = open(0, encoding=sys.stdin.encoding, errors=sys.stdin.errors, closefd=False)
    by_line = 1 if is_terminal else -1
    sys.stdout = open(1, "w", by_line, encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)
    sys.stderr = open(2, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)
    os.environ.clear()
    os.environ.update(asked["environment"])
    show(map(os.fsencode, asked["words"]), *PLACES[:2])
    show((name + b"=" + value for name, value in os.environb.items()), *PLACES[2:])
    time.tzset()
    if "network" in asked:
        enter_network(asked["network"])
    os.umask(asked["umask"])
    os.chdir(asked["directory"])
    sys.argv = asked["words"]
    if SENDS in str(sys.argv):
        return send_messages(sys.argv)
    hand_over_deliveries(asked["mark"], posix.execve)
    name = os.path.basename(sys.argv[0])
    if name == "driver.py":
        with open(sys.argv[0]) as file:
            return exec(compile(file.read(), sys.argv[0], "exec"), {"__name__": "__main__"})
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


def import_what_sends():
    for name in sys.argv[2].split(","):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


is_warm = sends = False
while True:
    source = select.select([deliveries, requests], [], [])[0][0]
    connection = deliveries.accept()[0] if source is deliveries else requests
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    if not message and connection is requests:
        break
    if not is_warm:
        import_all()
        is_warm = True
    if connection is not requests and not sends:
        import_what_sends()
        sends = True
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
    if connection is requests:
        requests.send(str(pid).encode())
    else:
        connection.close()
    for descriptor in descriptors:
        os.close(descriptor)
"""

OF_SCREENS = (
    "process_control.cli.main",
    "process_control.cli.print.table",
    "process_control.cli.verbs.cron_generate",
    "process_control.cli.verbs.why_screen",
    "process_control.history.index.fast_lines",
    "click._textwrap",
    "encodings.utf_8_sig",
    "statistics",
)
"""What prints screens, and what most of them import late."""
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
OF_A_DELIVERY = (
    "process_control.notify.deliver",
    "process_control.notify.contents",
    "process_control.notify.changes",
    "process_control.notify.channels.configured",
    "process_control.notify.channels.mail.channel",
    "process_control.notify.channels.ping.queue",
    "process_control.notify.channels.webhook.channel",
)
"""What sends messages, and what it imports for most of them."""


class Warm:
    """A command that runs, with what a test asks of a `subprocess.Popen`."""

    def __init__(self, pid: int, args: Sequence[str], stdout: BinaryIO | None, stderr: BinaryIO | None) -> None:
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


OF_A_FLEET = (
    "process_control.fleet.apply",
    "process_control.fleet.by_hand",
    "process_control.fleet.doctor",
    "process_control.fleet.explain",
    "process_control.fleet.fleet_hosts",
    "process_control.fleet.logs",
    "process_control.fleet.look",
    "process_control.fleet.past",
    "process_control.fleet.processes",
)
"""What the verbs of the fleet import late. The library starts threads with the first connection: forks have none."""

OF_A_PAGE = ("process_control.web.server", "uvicorn.lifespan.off", "uvicorn.loops.asyncio")
"""What the page imports late."""


@dataclass(slots=True)
class WarmCommands:
    """Starts commands of one installation. `clock`: the path of libfaketime, for commands that see another time."""

    product: Product
    is_for_runs: bool
    clock: str | None
    #: modules that commands of this installation import besides
    more: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None
    _requests: socket.socket | None = None

    def start(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path | str,
        umask: int,
        mark: str,
        terminal: int | None = None,
        network: Path | str | None = None,
    ) -> Warm:
        """Fork the command. `mark`: the name of its process, by which its own forks are found too.

        `network`: the file of the network namespace that it runs in.
        """
        asked = {
            "words": list(words),
            "environment": _with_a_clock_that_needs_no_begin(environment),
            "directory": str(directory),
            "umask": umask,
            "mark": mark,
        }
        if network is not None:
            asked["network"] = str(network)
        if terminal is not None:
            return Warm(self._fork(asked, [terminal] * 3), words, None, None)
        ours, theirs = zip(os.pipe(), os.pipe(), strict=True)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pid = self._fork(asked, [nothing, *theirs])
        finally:
            for descriptor in (nothing, *theirs):
                os.close(descriptor)
        stdout, stderr = (os.fdopen(descriptor, "rb", buffering=0) for descriptor in ours)
        return Warm(pid, words, stdout, stderr)

    def _fork(self, asked: dict[str, object], descriptors: list[int]) -> int:
        if self._requests is None:
            self._requests = self._begin()
        socket.send_fds(self._requests, [json.dumps(asked).encode()], descriptors)
        return int(self._requests.recv(100))

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        python = [str(self.product.prefix / "bin" / "python"), *PYTHON_FLAGS, "-I", "-S", "-c", SERVER]
        words = [*python, str(theirs.fileno()), str(self.product.site_packages), ",".join(OF_A_DELIVERY)]
        words += OF_A_RUN if self.is_for_runs else (*OF_SCREENS, *self.more)
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SPACE_FOR_THE_ENVIRONMENT_OF_A_COMMAND": "x" * 8000}
        if self.clock is not None:
            environment |= {"LD_PRELOAD": self.clock, "FAKETIME": "+0", **CLOCK_AS_IT_IS_SET}
        self.process = subprocess.Popen(
            words, pass_fds=[theirs.fileno()], env=environment, cwd="/", start_new_session=True
        )
        theirs.close()
        return ours

    @property
    def descriptor(self) -> int:
        return -1 if self._requests is None else self._requests.fileno()

    def end(self) -> None:
        if self._requests is not None and self.process is not None:
            self._requests.close()
            self.process.wait()


CLOCK_AS_IT_IS_SET = {
    "FAKETIME_NO_CACHE": "1",  # so that each fork sees the clock of its own environment
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "DONT_FAKE_MONOTONIC": "1",
    "NO_FAKE_STAT": "1",
}


def _with_a_clock_that_needs_no_begin(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with a clock that runs from a moment on as one that differs from ours by so much.

    The moment at which it begins to run would be that of the first process.
    """
    moment = environment.get("FAKETIME", "")
    if not moment.startswith("@"):
        return dict(environment)
    begin = datetime.strptime(moment, "@%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo(environment["TZ"]))
    return {**environment, "FAKETIME": f"{begin.timestamp() - time.time():+.6f}"}


running: list[WarmCommands] = []
"""While the product is installed: of the tests that this process runs."""


def commands_of(product: Product, command: str, environment: Mapping[str, str | None]) -> WarmCommands | None:
    """Return what forks a command of that path with that environment on top of the usual one; None: nothing can."""
    special = {name for name in environment if name.startswith(("LD_", "PYTHON", "FAKETIME"))}
    clock = environment.get("LD_PRELOAD")
    if special and (special - {*CLOCK_AS_IT_IS_SET, "FAKETIME", "LD_PRELOAD"} or "FAKETIME" not in special):
        return None
    asked = (product, command.endswith(("/run-job", "/driver.py")), clock)
    found = [each for each in running if (each.product, each.is_for_runs, each.clock) == asked]
    if not found and any(each.product == product for each in running):
        found = [WarmCommands(*asked)]
        running.extend(found)
    return found[0] if found else None


@contextlib.contextmanager
def warm_commands(product: Product, *, more: Sequence[str] = ()) -> Iterator[None]:
    """Have the commands of an installation forked until the end. They are imported when the first one is started.

    Runs have a process of their own: one with the modules of all screens is three times as large, and forks slowly.
    """
    if os.environ.get("PROCESS_CONTROL_STARTS") == "cold":
        yield
        return
    running.append(WarmCommands(product, is_for_runs=False, clock=None, more=more))
    try:
        yield
    finally:
        for each in [each for each in running if each.product == product]:
            each.end()
            running.remove(each)
