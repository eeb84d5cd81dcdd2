"""Programs of others that run jobs, in what they do too: reading and checking the definitions of many jobs.

They are daemons: what a cold run costs cannot be compared, nor a lock, a verdict or a durable record. What they do with
the output of a job is in capture.py.
"""

from pathlib import Path

from host import Host
from many_runs import add_jobs, schedule_of
from measuring import CPU, WALL, Costs, Found, add_round, cost_of, ratios, row_of, timed

from bench import Bench

FAMILY = "others"
OURS = "process-control lint"
JOB_OF_OTHERS = """\
  - name: job-{number:04}
    command: /bin/true
    schedule: "{schedule}"
    executionTimeout: 1800
"""
PART = 5
"""They get that part of the jobs: one of them takes a minute for all."""


def measure(bench: Bench) -> Found:
    if not bench.peers.schedulers:
        return Found()
    count = bench.sizes.jobs // PART
    with bench.host(FAMILY) as host:
        add_jobs(host, count)
        files = {name: definitions(host.directory, name, count) for name in ("good", "bad")}
        commands = {OURS: host.process_control("lint")}
        programs = bench.peers.schedulers.items()
        commands |= {f"{name} -v": [program, "-v", "-c", str(files["good"])] for name, program in programs}
        check_that_each_finds_the_fault(bench, host, files["bad"])
        costs: Costs = {}
        for number in bench.steps(f"{count:,} jobs checked", bench.sizes.rounds_of_others):
            add_round(costs, timed(commands), number)
    rows = [
        row_of(
            ratios(costs, OURS, other, measure), family=FAMILY, what=f"{OURS} of {count:,} jobs", against=other,
            measure=measure,
        )
        for other in costs if other != OURS for measure in (WALL, CPU)
    ]  # fmt: skip
    return Found(rows=rows, costs={f"{count:,} jobs checked: {name}": each for name, each in costs.items()})


def definitions(directory: Path, name: str, count: int) -> Path:
    """Write the same jobs for the others; in a bad file the last one has a minute that there is none of."""
    schedules = [schedule_of(number).replace("H H", "7 7") for number in range(count)]
    if name == "bad":
        schedules[-1] = "61 * * * *"
    path = directory / f"{name}.yaml"
    jobs = (JOB_OF_OTHERS.format(number=number, schedule=schedule) for number, schedule in enumerate(schedules))
    path.write_text("jobs:\n" + "".join(jobs))
    return path


def check_that_each_finds_the_fault(bench: Bench, host: Host, bad: Path) -> None:
    """Raise WorthNothing unless each one refuses a minute 61."""
    path = host.add_job("bad", "name: bad\ncommand: /bin/true\nschedule: '61 * * * *'\n")
    cost_of(host.process_control("lint"), code=1)
    (host.jobs / f"{path}.yaml").unlink()
    for program in bench.peers.schedulers.values():
        cost_of([program, "-v", "-c", str(bad)], code=1)
