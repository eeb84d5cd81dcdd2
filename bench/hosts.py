"""Many hosts at once: 200 by an ssh that answers at once, so that only we take time, and a dozen by a real sshd."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from host import Host
from many_runs import add_jobs
from measuring import ENVIRONMENT, WALL, Costs, Found, Row, WorthNothing, row_of

from bench import Bench
from kit.commands import Result
from kit.harness import Box
from kit.other_hosts import ANY, FakeSsh, other_hosts

FAMILY = "hosts"
JOBS = 25
GOAL_AT_ONCE, GOAL_REAL = 1.0, 4.0


def measure(bench: Bench) -> Found:
    rows = [of_an_ssh_that_answers_at_once(bench)]
    try:
        rows.append(of_a_real_sshd(bench))
    except pytest.skip.Exception as why:
        bench.progress.console.print(f"hosts with a real sshd: not measured: {why}")
    return Found(rows=rows, costs=Costs())


def of_an_ssh_that_answers_at_once(bench: Bench) -> Row:
    box, count = Box.configured(bench.product), bench.sizes.hosts
    try:
        ssh = FakeSsh(box.root / "ssh")
        with bench.host(FAMILY) as host:
            add_jobs(host, JOBS)
            ssh.answers(ANY, _answer(host))
        names = ",".join(f"web{number}" for number in range(count))
        found = []
        for _ in bench.steps("200 hosts", min(15, bench.sizes.rounds_of_commands)):
            seconds, done = _timed(box, names, {**ENVIRONMENT, **ssh.environment})
            if done.exit_code or len(done.json()["jobs"]) != count * JOBS:
                raise WorthNothing(f"not all hosts answered: {done.stderr[:300]}")
            found.append(seconds)
    finally:
        box.close()
    what = f"status of {count} hosts with {JOBS} jobs, by an ssh that answers at once"
    return row_of(found, family=FAMILY, what=what, against="", measure=WALL, unit="s", goal=GOAL_AT_ONCE)


def of_a_real_sshd(bench: Bench) -> Row:
    count = bench.sizes.hosts_of_sshd
    boxes = {f"web{number}": Box.configured(bench.product) for number in range(count)}
    asking = Box.configured(bench.product)
    found = []
    try:
        for box in boxes.values():
            box.job("good", 'command: "true"\nschedule: "* * * * *"')
        with (
            tempfile.TemporaryDirectory(dir=bench.directory) as root,
            other_hosts(Path(root), boxes, matches={}) as hosts,
        ):
            for _ in bench.steps("hosts by sshd", min(7, bench.sizes.rounds_of_commands)):
                seconds, done = _timed(asking, ",".join(boxes), {**ENVIRONMENT, **hosts.environment})
                if done.exit_code:
                    raise WorthNothing(f"not all hosts answered: {done.json()['hosts']}")
                found.append(seconds)
    finally:
        for box in (*boxes.values(), asking):
            box.close()
    what = f"status of {count} hosts by ssh and a real sshd, all on this one"
    return row_of(found, family=FAMILY, what=what, against="", measure=WALL, unit="s", goal=GOAL_REAL)


def _answer(host: Host) -> dict[str, object]:
    done = subprocess.run(host.process_control("status", "--json"), capture_output=True, env=ENVIRONMENT, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def _timed(box: Box, names: str, environment: dict[str, str]) -> tuple[float, Result]:
    command = [str(box.product.process_control), "status", "--json", "--host", names]
    begin = time.perf_counter()
    done = box.command(command, env=environment)
    return time.perf_counter() - begin, done
