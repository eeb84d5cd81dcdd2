"""What a cold `run-job --scheduled` of /bin/true costs: against the bare interpreter, and against flock + timeout.

Ratios within one run, contenders interleaved, every round in another order; the table shows the median of the paired
ratios with their 10th and 90th percentile. CPU is user and system time of the whole tree, as wait4(2) tells it.
Every measured run is looked up in the history afterwards: one that was skipped would be fast, and worth nothing.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

from harness import forget_cached  # noqa: E402
from installation import Product, installed_product  # noqa: E402

RESULTS = PROJECT / "bench" / "results" / "cold_run.json"
PAGE = PROJECT / "docs" / "performance.md"
MARK, END_MARK = "<!-- cold_run: written by `make bench KEEP=1` -->", "<!-- end of cold_run -->"

RUN_JOB, BARE, CLASSIC = "run-job --scheduled", "python3 -I -S -c pass", "flock FILE timeout 60 /bin/true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one execution took, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a ratio, and what it ought to be."""

    what: str
    measure: str
    goal: float | None
    median: float
    p10: float
    p90: float

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"≤ {self.goal:.1f}"
        spread = f"{self.p10:.2f} – {self.p90:.2f}"
        return f"{self.what:<46} {self.measure:<5} {self.median:>6.2f}×   {spread:<14} {goal}".rstrip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--directory", help="where jobs, state and logs lie (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help=f"write the figures into {PAGE.relative_to(PROJECT)}")
    options = parser.parse_args()
    if options.rounds < 30:
        parser.error("at least 30 rounds")

    with installed_product() as product, tempfile.TemporaryDirectory(dir=options.directory) as directory:
        host = Host(product, Path(directory))
        costs = measure(host, options.rounds)
        host.check_that_all_ran(options.rounds)
        machine = describe_machine(Path(directory))
        forget_cached(Path(directory))
    rows = table(costs)

    print(in_words(machine, options.rounds), "", sep="\n")
    print(*milliseconds(costs), "", *rows, sep="\n")
    keep_results(machine, costs, rows, rounds=options.rounds)
    if options.keep:
        write_page(machine, costs, rows, rounds=options.rounds)
    return 0


class Host:
    """A job directory with one job for each round, each run once by hand: its cache is warm, its slot still open."""

    def __init__(self, product: Product, directory: Path) -> None:
        self.product = product
        self.configuration = directory / "process-control.yaml"
        self.jobs = directory / "jobs"
        self.lock = directory / "lock"
        self.jobs.mkdir()
        self.configuration.write_text(
            f"job_directory: {self.jobs}\noutput_directory: {directory}/log\nstate_directory: {directory}/state\n"
        )

    def add_job(self, number: int) -> str:
        slug = f"round-{number:03}"
        text = f'name: Round {number}\ncommand: /bin/true\nschedule: "* * * * *"\nstart_within: 1h\n'
        text += "backoff: 5m\nhold: {after_failures: 5}\n"  # what the goal is set for: a healthy job with rules
        (self.jobs / f"{slug}.yaml").write_text(text)
        command = [str(self.product.run_job), "--config", str(self.configuration), slug]
        subprocess.run(command, check=True, env=ENVIRONMENT)
        return slug

    def contenders(self, slug: str) -> dict[str, list[str]]:
        python = self.product.interpreter
        stub = [python, "-I", "-S", str(self.product.stub), "--config", str(self.configuration), "--scheduled", slug]
        return {
            RUN_JOB: stub,
            BARE: [python, "-I", "-S", "-c", "pass"],
            CLASSIC: ["/usr/bin/flock", str(self.lock), "/usr/bin/timeout", "60", "/bin/true"],
        }

    def check_that_all_ran(self, rounds: int) -> None:
        """Raise unless the history holds a succeeded scheduled run of every round."""
        command = [str(self.product.process_control), "--config", str(self.configuration)]
        command += ["history", "--json", "--limit", str(4 * rounds)]
        told = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True)
        runs = json.loads(told.stdout)["runs"]
        ran = [run["job"] for run in runs if run["trigger"] == "cron" and run["outcome"] == "succeeded"]
        if sorted(ran) != [f"round-{number:03}" for number in range(rounds)]:
            raise SystemExit(f"{len(set(ran))} of {rounds} runs are in the history: the figures are worth nothing")


ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}


def measure(host: Host, rounds: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {RUN_JOB: [], BARE: [], CLASSIC: []}
    slugs = [host.add_job(number) for number in range(rounds)]
    for contender, command in host.contenders(slugs[0]).items():
        if contender != RUN_JOB:
            cost_of(command)
    for number, slug in enumerate(slugs):
        contenders = list(host.contenders(slug).items())
        turn = number % len(contenders)
        for contender, command in contenders[turn:] + contenders[:turn]:
            costs[contender].append(cost_of(command))
    return costs


def cost_of(command: list[str]) -> Cost:
    nothing = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 0, 1)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=nothing)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime)


def table(costs: dict[str, list[Cost]]) -> list[Row]:
    goals = {(BARE, "wall"): 2.0, (BARE, "cpu"): 2.0, (CLASSIC, "cpu"): 8.0}
    rows = []
    for other in (BARE, CLASSIC):
        for measure_name in ("wall", "cpu"):
            pairs = zip(costs[RUN_JOB], costs[other], strict=True)
            ratios = [getattr(ours, measure_name) / getattr(theirs, measure_name) for ours, theirs in pairs]
            tenths = statistics.quantiles(ratios, n=10)
            rows.append(
                Row(
                    what=f"against {other}",
                    measure=measure_name,
                    goal=goals.get((other, measure_name)),
                    median=statistics.median(ratios),
                    p10=tenths[0],
                    p90=tenths[-1],
                )
            )
    return rows


def milliseconds(costs: dict[str, list[Cost]]) -> list[str]:
    lines = []
    for contender, each in costs.items():
        wall, cpu = (1000 * statistics.median(getattr(cost, name) for cost in each) for name in ("wall", "cpu"))
        lines.append(f"{contender:<46} {wall:6.1f} ms wall {cpu:6.1f} ms CPU")
    return lines


def describe_machine(directory: Path) -> dict[str, object]:
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpu_lines if line.startswith("model name")]
    disk = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True, check=False)
    return {
        "processor": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "disk": disk.stdout.strip() or "unknown file system",
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def in_words(machine: dict[str, object], rounds: int) -> str:
    return (
        f"{rounds} rounds on {machine['processor']}, {machine['cpus']} CPUs, {machine['disk']}, "
        f"Python {machine['python']}, Linux {machine['kernel']}"
    )


def keep_results(machine: dict[str, object], costs: dict[str, list[Cost]], rows: list[Row], *, rounds: int) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    raw = {contender: [asdict(cost) for cost in each] for contender, each in costs.items()}
    result = {"version": 1, "machine": machine, "rounds": rounds, "rows": [asdict(row) for row in rows], "costs": raw}
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"\nall figures: {RESULTS.relative_to(PROJECT)}")


def write_page(machine: dict[str, object], costs: dict[str, list[Cost]], rows: list[Row], *, rounds: int) -> None:
    lines = [
        MARK,
        f"{machine['date']}, {in_words(machine, rounds)}:",
        "",
        "| `run-job --scheduled` of `/bin/true` | measure | median | p10 – p90 | goal |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        goal = "" if row.goal is None else f"≤ {row.goal:.1f}×"
        what = row.what.replace("against ", "against `") + "`"
        lines.append(f"| {what} | {row.measure} | {row.median:.2f}× | {row.p10:.2f} – {row.p90:.2f} | {goal} |")
    lines += ["", "```text", *milliseconds(costs), "```", END_MARK]
    page = PAGE.read_text()
    before, _, rest = page.partition(MARK)
    _, _, after = rest.partition(END_MARK)
    PAGE.write_text(before + "\n".join(lines) + after)


if __name__ == "__main__":
    if shutil.which("flock") is None or shutil.which("timeout") is None:
        raise SystemExit("flock (util-linux) and timeout (coreutils) are needed")
    raise SystemExit(main())
