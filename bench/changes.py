"""What a change is looked at with: `plan` against the last commit and `lint` of all files, as multiples of a `list`."""

import json
import subprocess
from typing import Any

from host import Host
from many_runs import add_jobs, add_runs
from measuring import CPU, ENVIRONMENT, Costs, Found, WorthNothing, add_round, cost_of, ratios, row_of

from bench import Bench

FAMILY = "plan-lint"
PLAN, LINT, LIST = "plan, one changed", "lint", "list"
#: A round of five thousand jobs takes some seconds.
MAX_ROUNDS = 10
GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host:
        slugs = add_jobs(host, bench.sizes.jobs)
        count = add_runs(bench, host, slugs, bench.sizes.runs // 10)
        commit(host)
        change(host, slugs[-1])
        finds = check_that_the_change_is_seen(host, slugs)
        commands = {PLAN: host.process_control("plan"), LINT: host.process_control("lint")}
        commands[LIST] = host.process_control("list")
        codes = {PLAN: 0, LINT: int(finds), LIST: 0}
        contenders = {name: lambda name=name: cost_of(commands[name], code=codes[name]) for name in commands}
        costs: Costs = {}
        for number in bench.steps("plan and lint", min(MAX_ROUNDS, bench.sizes.rounds_of_commands)):
            add_round(costs, contenders, number)
    rows = [
        row_of(
            ratios(costs, name, LIST, CPU),
            family=FAMILY,
            what=f"process-control {name}, {len(slugs):,} job files, {count:,} runs",
            against="process-control list of them, all read before",
            measure=CPU,
        )
        for name in (PLAN, LINT)
    ]
    return Found(rows=rows, costs=costs)


def commit(host: Host) -> None:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "All jobs")):
        subprocess.run([*GIT, "-C", str(host.jobs), *words], check=True, env=ENVIRONMENT, capture_output=True)


def change(host: Host, slug: str) -> None:
    """Change something that leaves all planned times as they are: the exit code of `plan` is 0 then."""
    path = host.jobs / f"{slug}.yaml"
    path.write_text(path.read_text().replace("timeout: 30m", "timeout: 31m"))


def check_that_the_change_is_seen(host: Host, slugs: list[str]) -> bool:
    """Raise unless `plan` has the one change and `lint` no fault; return whether `lint` has warnings."""
    changed = [(each["job"], [key["key"] for key in each["keys"]]) for each in answer(host, "plan")["jobs"]]
    findings = answer(host, "lint")["findings"]
    if changed != [(slugs[-1], ["timeout"])] or any(each["kind"] == "fault" for each in findings):
        raise WorthNothing(f"plan has {changed}, lint has {len(findings)} findings")
    return bool(findings)


def answer(host: Host, verb: str) -> Any:
    command = host.process_control(verb, "--json")
    found = subprocess.run(command, check=False, env=ENVIRONMENT, capture_output=True).stdout
    return json.loads(found)
