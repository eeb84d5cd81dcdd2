"""From the end of a failed run until a channel has accepted its message."""

import subprocess
import time
from collections.abc import Callable

from host import Host
from measuring import ENVIRONMENT, WALL, Found, Row, WorthNothing

from bench import Bench
from kit.mail_server import MailServer
from kit.web_receiver import receiver

FAMILY = "telling"
GOAL_SECONDS = 10.0
PATIENCE_SECONDS = 60.0


def measure(bench: Bench) -> Found:
    server = MailServer()
    server.start()
    try:
        with receiver() as web, bench.host(FAMILY, keys=_keys(server, web.url())) as host:
            mail, hook = [], []
            for number in bench.steps("failed runs", bench.sizes.rounds_of_commands):
                line = "".join(chr(ord("a") + int(digit)) for digit in str(number))  # another line is another incident
                slug = host.add_job(f"job-{number:05}", f"name: job\ncommand: sh -c 'echo no {line} >&2; exit 3'\n")
                ended = _fail(host, slug)
                mail.append(_wait(lambda: len(server.mails), number + 1) - ended)
                hook.append(_wait(lambda: len(web.requests), number + 1) - ended)
    finally:
        server.stop()
    rows = [_row(name, sorted(seconds)) for name, seconds in (("mail by SMTP", mail), ("webhook", hook))]
    return Found(rows=rows)


def _keys(server: MailServer, url: str) -> str:
    return f'failmail: {{to_address: ops@example.org, smtp: "{server.address}"}}\nnotify: ["{url}"]\n'


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
