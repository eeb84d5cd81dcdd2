"""What the scheduler's plan of a hundred thousand jobs takes: to make it, to look what is due, and its memory.

A quarter of the jobs is due at each full hour. In a process of its own: the memory is what it has with the plan, less
what it had before.
"""

import json
import subprocess

from measuring import CPU, ENVIRONMENT, Found, WorthNothing, row_of

from bench import Bench

FAMILY = "ticks"
GOAL_START, GOAL_TICK, GOAL_MEBIBYTES = 1.0, 0.025, 100.0
JOBS_FOR_EACH_FILE, JOBS_OF_A_SCHEDULE, MAX_ROUNDS = 20, 100, 10
PROGRAM = """
import gc, json, re, sys, time
from process_control.core.schedule.agenda import Agenda
from process_control.core.schedule.schedule import Schedule

def resident():
    gc.collect()
    with open("/proc/self/status") as file:
        return int(re.search(r"VmRSS:\\s+(\\d+)", file.read())[1]) / 1024

count, distinct = int(sys.argv[1]), int(sys.argv[2])
columns = [
    f"{n % 60} {n // 60 % 24} * * *" if n % 4 else f"0,{n // 4 % 59 + 1} * 1-{28 + n // 236 % 4} * *"
    for n in range(distinct)
]
keys = {f"job-{n}": columns[n % distinct] for n in range(count)}
begin = 1_800_000_000 // 86400 * 86400 - 1.0
before, began = resident(), time.process_time()
agenda = Agenda(lambda key: Schedule.parse([key], time_zone="UTC", host="host", slug="job"))
agenda.plan(keys, begin)
start = time.process_time() - began
memory = resident() - before
ticks, most, due = [], 0, 0
for minute in range(24 * 60):
    now = begin + 60 * minute + 1.5
    began = time.process_time()
    found = agenda.take_due(now)
    ticks.append(time.process_time() - began)
    at_once = sum(len(each.jobs) for each in found)
    most, due = max(most, at_once), due + at_once
wanted = sum(48 if n % distinct % 4 == 0 else 1 for n in range(count))
print(json.dumps({"start": start, "memory": memory, "tick": max(ticks), "most": most, "due": due, "wanted": wanted}))
"""


def measure(bench: Bench) -> Found:
    jobs = JOBS_FOR_EACH_FILE * bench.sizes.jobs
    distinct = max(1, jobs // JOBS_OF_A_SCHEDULE)
    found = []
    with bench.host(FAMILY) as host:
        command = [host.product.interpreter, "-c", PROGRAM, str(jobs), str(distinct)]
        environment = {**ENVIRONMENT, "PYTHONPATH": str(host.product.stub.parents[2])}
        for _ in bench.steps(f"plan of {jobs:,} jobs", min(MAX_ROUNDS, bench.sizes.rounds_of_commands)):
            said = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout
            found.append(json.loads(said))
            if found[-1]["due"] != found[-1]["wanted"]:
                raise WorthNothing(f"{found[-1]['due']:,} of {found[-1]['wanted']:,} planned times of a day fell due")
    what = f"plan of {jobs:,} jobs with {distinct:,} schedules"
    rows = [
        row_of([each[name] for each in found], family=FAMILY, what=f"{what}: {words}", against="", measure=measure,
               unit=unit, goal=goal)
        for name, words, measure, unit, goal in (
            ("start", "to make it", CPU, "s", GOAL_START),
            ("tick", f"longest look, {found[0]['most']:,} due", CPU, "s", GOAL_TICK),
            ("memory", "its memory", "RSS", "MiB", GOAL_MEBIBYTES),
        )
    ]  # fmt: skip
    return Found(rows=rows)
