"""A host to measure on: a job directory, state and logs of their own, and the product as users have it installed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measuring import ENVIRONMENT, WorthNothing

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT)]

from kit.harness import forget_cached  # noqa: E402
from kit.installation import Product, installed_product  # noqa: E402

__all__ = ["PROJECT", "Host", "Product", "installed_product"]

HEALTHY_JOB = """\
name: {slug}
command: {command}
schedule: "* * * * *"
start_within: 2h
backoff: 5m
hold: {{after_failures: 5}}
"""
"""What the goals are set for: a job with a schedule and rules, in good health."""


class Host:
    """One configuration below `directory`. Whatever stands in `keys` is added to it, as YAML.

    `crontab`: where its crontab is to be, below `directory`; in a `cron.d` its lines name a user.
    """

    def __init__(self, product: Product, directory: Path, *, keys: str = "", crontab: str = "crontab") -> None:
        self.product = product
        self.directory = directory
        self.configuration = directory / "process-control.yaml"
        self.jobs = directory / "jobs"
        self.state = directory / "state"
        self.logs = directory / "log"
        self.crontab = directory / crontab
        for each in (self.jobs, self.crontab.parent):
            each.mkdir(parents=True, exist_ok=True)
        self.configuration.write_text(
            f"job_directory: {self.jobs}\noutput_directory: {self.logs}\nstate_directory: {self.state}\n"
            f"output_crontab: {self.crontab}\n{keys}"
        )

    def forget_cached(self) -> None:
        """Remove what was parsed of this host: from root's cache, whose place is fixed, or from the caller's own."""
        forget_cached(self.directory)
        own, name = Path(ENVIRONMENT["HOME"]) / ".cache" / "process-control", "~".join(self.directory.parts[-2:])
        for path in own.glob(f"*~{name}~*"):
            path.unlink()

    def add_job(self, slug: str, text: str) -> str:
        (self.jobs / f"{slug}.yaml").write_text(text)
        return slug

    def add_healthy_job(self, slug: str, command: str = "/bin/true") -> str:
        """Add a job and run it once by hand: its cache is warm, its slot still open."""
        self.add_job(slug, HEALTHY_JOB.format(slug=slug, command=command))
        subprocess.run(self.by_hand(slug), check=True, env=ENVIRONMENT)
        return slug

    def scheduled(self, slug: str) -> list[str]:
        """The command of a generated crontab line."""
        stub = [self.product.interpreter, "-I", "-S", str(self.product.stub)]
        return [*stub, "--config", str(self.configuration), "--scheduled", slug]

    def by_hand(self, slug: str) -> list[str]:
        return [str(self.product.run_job), "--config", str(self.configuration), slug]

    def process_control(self, *words: str) -> list[str]:
        return [str(self.product.process_control), "--config", str(self.configuration), *words]

    def bare_interpreter(self) -> list[str]:
        return [self.product.interpreter, "-I", "-S", "-c", "pass"]

    def history(self, *words: str) -> list[dict[str, Any]]:
        command = self.process_control("history", "--json", *words)
        runs = json.loads(subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True).stdout)["runs"]
        return list(runs)

    def check_that_all_ran(self, slugs: list[str]) -> None:
        """Raise unless the history holds one succeeded scheduled run of each of these jobs: a skip would be fast."""
        runs = self.history("--limit", str(4 * len(slugs) + 1000))
        ran = sorted(run["job"] for run in runs if run["trigger"] == "cron" and run["outcome"] == "succeeded")
        if ran != sorted(slugs):
            raise WorthNothing(f"{len(ran)} of {len(slugs)} runs are in the history: the figures are worth nothing")

    def log(self, slug: str) -> Path:
        """Return the newest log of a job."""
        return max((self.logs / slug).glob("*.log"), key=os.path.getmtime)

    def chunks(self, slug: str) -> Iterator[tuple[str, bytes]]:
        """Yield what the newest log holds: stream (`o` or `e`) and bytes of each chunk, by its index."""
        log = self.log(slug)
        with open(log, "rb") as text, open(f"{log}.idx", "rb") as index:
            for line in index:
                _, stream, length = line.decode("ascii").split()
                if stream == "x":
                    raise WorthNothing(f"{length} bytes of {slug} were not kept")
                yield stream, text.read(int(length))

    def streams(self, slug: str) -> dict[str, bytes]:
        """Return what was printed on each stream in the newest log."""
        found: dict[str, list[bytes]] = {"o": [], "e": []}
        for stream, chunk in self.chunks(slug):
            found[stream].append(chunk)
        return {stream: b"".join(parts) for stream, parts in found.items()}
