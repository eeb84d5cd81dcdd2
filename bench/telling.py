"""From the end of a failed run until a channel has accepted its message, and what that costs a scheduler."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from host import Host
from measuring import CPU, ENVIRONMENT, WALL, Found, Row, WorthNothing, row_of

from bench import Bench
from kit.mail_server import MailServer
from kit.processes import children, command_line, name_of
from kit.web_receiver import receiver

FAMILY = "telling"
GOAL_SECONDS = 10.0
GOAL_OF_A_SCHEDULER = 0.08
PATIENCE_SECONDS = 60.0


def measure(bench: Bench) -> Found:
    server = MailServer()
    server.start()
    try:
        with receiver() as web, bench.host(FAMILY, keys=f'{_keys(server)}notify: ["{web.url()}"]\n') as host:
            mail, hook = [], []
            for number in bench.steps("failed runs", bench.sizes.rounds_of_commands):
                line = "".join(chr(ord("a") + int(digit)) for digit in str(number))  # another line is another incident
                slug = host.add_job(f"job-{number:05}", f"name: job\ncommand: sh -c 'echo no {line} >&2; exit 3'\n")
                ended = _fail(host, slug)
                mail.append(_wait(lambda: len(server.mails), number + 1) - ended)
                hook.append(_wait(lambda: len(web.requests), number + 1) - ended)
    finally:
        server.stop()
    rows = [_cost_under_a_scheduler(bench)]
    rows += [_row(name, sorted(seconds)) for name, seconds in (("mail by SMTP", mail), ("webhook", hook))]
    return Found(rows=rows)


def _cost_under_a_scheduler(bench: Bench) -> Row:
    """Return the CPU time of the process that sends for the scheduler, and updates the index, for one failed run."""
    server = MailServer()
    server.start()
    costs = []
    try:
        with (
            tempfile.TemporaryDirectory() as run,  # a socket has a short path
            bench.host(f"{FAMILY}-scheduler", keys=f"{_keys(server)}run_directory: {run}\n") as host,
            _scheduler(host, Path(run)),
        ):
            for number in bench.steps("failed runs beside a scheduler", bench.sizes.rounds_of_commands + 2):
                line = "".join(chr(ord("a") + int(digit)) for digit in str(number))
                slug = host.add_job(f"job-{number:05}", f"name: job\ncommand: sh -c 'echo no {line} >&2; exit 3'\n")
                process = _finisher(host)
                before = _cpu_seconds(process)
                _fail(host, slug)
                _wait(lambda: len(server.mails), number + 1)
                _wait(lambda pid=process: int(not children(pid) and not _spooled(host)), 1)  # type: ignore[misc]
                costs.append(_cpu_seconds(process) - before)
    finally:
        server.stop()
    return row_of(
        costs[2:],  # the first ones import what the others have
        family=FAMILY,
        what="a failed run's mail, sent by the process of the scheduler",
        against="",
        measure=CPU,
        unit="s",
        goal=GOAL_OF_A_SCHEDULER,
    )


@contextmanager
def _scheduler(host: Host, run: Path) -> Iterator[None]:
    """Run the scheduler of a host until the end of the context."""
    null = subprocess.DEVNULL
    words = host.process_control("scheduler")
    with subprocess.Popen(words, env=ENVIRONMENT, stdin=null, stdout=null, stderr=null) as process:
        try:
            _wait(lambda: len(list(run.glob("ends.*"))), 1)
            yield
        finally:
            process.terminate()


def _finisher(host: Host) -> int:
    """Return the process that sends for the scheduler of this host."""
    found: list[int] = []

    def count() -> int:
        mine = str(host.configuration)
        those = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        those = [pid for pid in those if name_of(pid) == "finisher" and mine in command_line(pid)]
        found[:] = [pid for pid in those if not any(pid in children(other) for other in those)]
        return len(found)

    _wait(count, 1)
    return found[0]


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended, see proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _spooled(host: Host) -> list[Path]:
    return list((host.state / "spool").glob("*/*.json"))


def _keys(server: MailServer) -> str:
    return f'failmail: {{to_address: ops@example.org, smtp: "{server.address}"}}\n'


def _fail(host: Host, slug: str) -> float:
    """Run a job that fails; return when it had ended (monotonic seconds)."""
    done = subprocess.run(
        [str(host.product.run_job), "--config", str(host.configuration), slug],
        env=ENVIRONMENT,
        capture_output=True,
        check=False,
    )
    if done.returncode != 3:
        raise WorthNothing(f"{slug}: exit code {done.returncode}: {done.stderr!r}")
    return time.monotonic()


def _wait(count: Callable[[], int], wanted: int) -> float:
    """Return when so many have come (monotonic seconds)."""
    until = time.monotonic() + PATIENCE_SECONDS
    while count() < wanted:
        if time.monotonic() > until:
            raise WorthNothing(f"{count()} of {wanted} messages came")
        time.sleep(0.005)
    return time.monotonic()


def _row(name: str, seconds: list[float]) -> Row:
    """Return the row of the 99th percentile; it stands where others have the median."""
    worst = seconds[min(int(len(seconds) * 0.99), len(seconds) - 1)]
    return Row(
        family=FAMILY,
        what=f"a failed run until its {name} is accepted, 99th percentile",
        against="",
        measure=WALL,
        median=worst,
        p10=seconds[len(seconds) // 10],
        p90=seconds[int(len(seconds) * 0.9)],
        rounds=len(seconds),
        unit="s",
        goal=GOAL_SECONDS,
    )
