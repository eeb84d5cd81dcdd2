"""The ledger of a long history: the planned times of one job, of all jobs, and the history folded before that."""

import json
import re
import subprocess
from pathlib import Path

from host import Host
from many_runs import add_jobs, add_runs
from measuring import CPU, ENVIRONMENT, Costs, Found, WorthNothing, add_round, cost_of, row_of, timed

from bench import Bench

FAMILY = "ledger"
WHY, ONE, DAY = "why of one job", "slots of one job, 30 days", "slots --count of a day"
TABLE, JSON, START_UP = "slots of a day, as a table", "slots of a day, as JSON", "of one job"
WORDS = {
    WHY: ["why", "job-0012"],
    ONE: ["slots", "job-0012", "--since", "30d", "--json"],
    DAY: ["slots", "--since", "1d", "--count"],
    TABLE: ["slots", "--since", "1d"],
    JSON: ["slots", "--since", "1d", "--json"],
}
GOALS = {WHY: 0.3, ONE: 0.3, DAY: 2.0, TABLE: 2.0, JSON: 2.0}
GOAL_OF_FOLDING = 15.0
#: A round asks for a quarter of a million slots three times.
MAX_ROUNDS = 5
MAX_FOLDS = 3


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host, bench.host(f"{FAMILY}-empty") as empty:
        empty.add_healthy_job("only")
        slugs = add_jobs(host, bench.sizes.jobs)
        count = add_runs(bench, host, slugs, bench.sizes.runs)
        let_the_files_be_as_old_as_the_runs(host)
        folds = [
            fold_half(host)
            for _ in bench.steps("half of the history, folded", min(MAX_FOLDS, bench.sizes.rounds_of_others))
        ]
        planned = check_the_books(host, slugs)
        costs = ask(bench, host, empty)
    found = Found(costs=costs, notes=[f"A day of the ledger has {planned:,} planned times."])
    for name in WORDS:
        found.rows.append(
            row_of(
                [a.cpu - b.cpu for a, b in zip(costs[name], costs[START_UP], strict=True)],
                family=FAMILY,
                what=f"{name}, {len(slugs):,} jobs, {count:,} runs",
                against="its start-up, taken off",
                measure=CPU,
                unit="s",
                goal=GOALS.get(name),
            )
        )
    words = f"{count:,} lines of the journal, never looked at, folded"
    found.rows.append(row_of(folds, family=FAMILY, what=words, against="", measure=CPU, unit="s", goal=GOAL_OF_FOLDING))
    return found


def let_the_files_be_as_old_as_the_runs(host: Host) -> None:
    """Record the versions of all jobs as if they had been seen on the first day of the history."""
    cost_of(host.process_control(*WORDS[DAY]))
    days = sorted((host.state / "journal").iterdir())
    records = [line for line in days[-1].read_bytes().split(b"\n") if b'"event":"version"' in line]
    first = re.sub(
        rb'"(at|since)":"[^"]*"', rb'"\1":"%sT00:00:00.000Z"' % days[0].name[:10].encode(), b"\n".join(records)
    )
    days[-1].unlink()
    days[0].write_bytes(b"\n" + first + days[0].read_bytes())
    forget(host)


def forget(host: Host) -> None:
    (host.state / "history.sqlite").unlink()


def fold_half(host: Host) -> float:
    """Return the CPU seconds that folding the newer half of the history takes: a line for each run of the whole."""
    days = sorted((host.state / "journal").glob("*.jsonl"))
    aside = host.directory / "aside"
    aside.mkdir(exist_ok=True)
    older: list[Path] = [day.rename(aside / day.name) for day in days[: len(days) // 2]]
    try:
        return cost_of(host.process_control("history", "--limit", "1")).cpu
    finally:
        for day in older:
            day.rename(host.state / "journal" / day.name)
        forget(host)


def ask(bench: Bench, host: Host, empty: Host) -> Costs:
    commands = {name: host.process_control(*words) for name, words in WORDS.items()}
    commands[START_UP] = empty.process_control("slots", "--count")
    for command in commands.values() if bench.sizes.asks_before else ():
        cost_of(command)
    costs: Costs = {}
    for number in bench.steps("questions to the ledger", min(MAX_ROUNDS, bench.sizes.rounds_of_commands)):
        add_round(costs, timed(commands), number)
    return costs


def check_the_books(host: Host, slugs: list[str]) -> int:
    """Raise unless the books of a day close for every job; return how many slots there were."""
    command = [*host.process_control(*WORDS[DAY]), "--json"]
    answer = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True).stdout
    jobs = json.loads(answer)["jobs"]
    planned = sum(job["planned"] for job in jobs)
    fates = sum(job[fate] for job in jobs for fate in ("ran", "skipped", "missed", "due"))
    if sorted(job["job"] for job in jobs) != slugs or planned != fates or not all(job["planned"] for job in jobs[1::6]):
        raise WorthNothing(f"{planned} planned times of {len(jobs)} jobs, {fates} fates")
    return int(planned)
