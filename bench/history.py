"""Questions to a long history: what ran, and how thousands of jobs stand; and what indexing it first takes."""

import json
import subprocess
from collections import Counter

from host import Host
from many_runs import OUTCOMES, add_jobs, add_runs
from measuring import ENVIRONMENT, WALL, Costs, Found, WorthNothing, add_round, beyond, cost_of, row_of, timed

from bench import Bench

FAMILY = "history"
GOAL_SECONDS = 0.3
QUESTIONS = {
    "history": ["history"],
    "history of one job": ["history", "job-0011"],
    "failures of all jobs": ["history", "--outcome", "failed"],
    "status": ["status"],
    "status as JSON": ["status", "--json"],
    "metrics": ["metrics"],
}
WITH_GOAL = ("history", "history of one job", "status")


def measure(bench: Bench) -> Found:
    with bench.host(FAMILY) as host, bench.host(f"{FAMILY}-empty") as empty:
        empty.add_healthy_job("only")
        slugs = add_jobs(host, bench.sizes.jobs)
        count = add_runs(bench, host, slugs, bench.sizes.runs)
        builds = []
        for _ in bench.steps(f"index of {count:,} runs, built", min(3, bench.sizes.rounds_of_gibibytes)):
            (host.state / "history.sqlite").unlink(missing_ok=True)
            builds.append(cost_of(host.process_control("history", "--limit", "1")).wall)
        check_the_answers(host, slugs, count)
        costs = ask(bench, host, empty)
    found = Found(costs=costs)
    for name in QUESTIONS:
        found.rows.append(
            row_of(
                beyond(costs, name, start_up(name)),
                family=FAMILY,
                what=f"{name}, {len(slugs):,} jobs, {count:,} runs",
                against="its start-up, taken off",
                measure=WALL,
                unit="s",
                goal=GOAL_SECONDS if name in WITH_GOAL else None,
            )
        )
    words = f"index of {count:,} runs, built from the journal"
    found.rows.append(row_of(builds, family=FAMILY, what=words, against="", measure=WALL, unit="s"))
    return found


def start_up(name: str) -> str:
    return f"{QUESTIONS[name][0]} of one run"


def ask(bench: Bench, host: Host, empty: Host) -> Costs:
    commands = {name: host.process_control(*words) for name, words in QUESTIONS.items()}
    commands |= {start_up(name): empty.process_control(words[0]) for name, words in QUESTIONS.items()}
    for command in commands.values() if bench.sizes.asks_before else ():
        cost_of(command)
    costs: Costs = {}
    for number in bench.steps("questions to the history", bench.sizes.rounds_of_commands):
        add_round(costs, timed(commands), number)
    return costs


def check_the_answers(host: Host, slugs: list[str], count: int) -> None:
    """Raise unless history and status tell what the journal was made of."""
    each = count // len(slugs)
    ours = host.history(slugs[11], "--limit", str(each + 1))
    if len(ours) != each:
        raise WorthNothing(f"history tells {len(ours)} of {each} runs of {slugs[11]}")
    told = subprocess.run(host.process_control("status", "--json"), check=True, env=ENVIRONMENT, capture_output=True)
    jobs = {job["job"]: job for job in json.loads(told.stdout)["jobs"]}
    if sorted(jobs) != slugs:
        raise WorthNothing(f"status tells {len(jobs)} of {len(slugs)} jobs")
    for number, slug in enumerate(slugs):
        newest = [OUTCOMES[(age * len(slugs) + number) % len(OUTCOMES)] for age in range(each)][-20:]
        if jobs[slug]["recent"] != newest or jobs[slug]["last"]["outcome"] != newest[-1]:
            raise WorthNothing(f"status tells {Counter(jobs[slug]['recent'])} of {slug}")
