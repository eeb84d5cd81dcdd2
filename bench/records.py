"""Records of the history that many processes want on the disk in one instant."""

import json
import subprocess
from pathlib import Path

import appenders
from measuring import ENVIRONMENT, Found, WorthNothing, row_of

from bench import Bench

FAMILY = "records"
GOAL_SECONDS = 0.5


def measure(bench: Bench) -> Found:
    count = bench.sizes.at_once
    state = bench.directory / FAMILY
    (state / "journal").mkdir(parents=True)
    command = [bench.product.interpreter, "-I", "-S", appenders.__file__, str(bench.product.site_packages)]
    seconds = []
    with subprocess.Popen(
        [*command, str(state), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise WorthNothing("no pipes")
        for number in bench.steps(f"{count} records at once", bench.sizes.rounds_of_commands):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            seconds.append(float(process.stdout.readline() or "nan"))
        process.stdin.close()
    check_that_all_are_there(state, count * len(seconds))
    row = row_of(
        seconds, family=FAMILY, what=f"{count} durable records of the history at once", against="", measure="wall",
        unit="s", goal=GOAL_SECONDS,
    )  # fmt: skip
    return Found(rows=[row])


def check_that_all_are_there(state: Path, count: int) -> None:
    lines = [line for path in (state / "journal").iterdir() for line in path.read_bytes().split(b"\n") if line]
    records = {json.loads(line)["run_id"] for line in lines}
    if len(records) != count or len(lines) != count:
        raise WorthNothing(f"{len(records)} of {count} records are in the journal")
