"""A desk to look at jobs from: a job directory, a state as runs leave it, and `process-control` in this process."""

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kit.builders import State
from kit.commands import Result
from kit.harness import forget_cached
from process_control.cli.main import main, run_command
from process_control.cli.verbs.cron_generate import cron_generate


@dataclass(frozen=True, slots=True)
class Desk:
    """`jobs`, `state` and `configuration`; `process_control(...)` gives what a caller would see, in a pipe."""

    root: Path
    jobs: Path
    state: State
    configuration: Path
    _capture: pytest.CaptureFixture[str]

    def job(self, slug: str, text: str = "command: /bin/true") -> Path:
        """Write a job file; adds `name` when it is missing."""
        text = textwrap.dedent(text).strip("\n") + "\n"
        if "name:" not in text:
            text = f"name: The {slug}\n{text}"
        path = self.jobs / f"{slug}.yaml"
        path.write_text(text)
        path.chmod(0o644)
        return path

    def configure(self, **keys: object) -> None:
        values: dict[str, object] = {
            "job_directory": str(self.jobs),
            "state_directory": str(self.state),
            "output_directory": str(self.state.logs),
            "output_crontab": "console",  # as root it would be that of the host
            **keys,
        }
        self.configuration.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()))
        self.configuration.chmod(0o644)

    def process_control(self, *arguments: str) -> Result:
        code = main(["--config", str(self.configuration), *arguments])
        seen = self._capture.readouterr()
        return Result(seen.out, seen.err, code)

    def cron_generate(self, *arguments: str) -> Result:
        code = run_command(cron_generate, ["--config", str(self.configuration), *arguments], name="cron-generate")
        seen = self._capture.readouterr()
        return Result(seen.out, seen.err, code)

    def lines(self, *arguments: str) -> list[list[str]]:
        """Return the tab-separated fields of what is printed, which has to go well; without a header."""
        if arguments[0] in ("status", "history"):
            arguments = (*arguments, "--no-header")
        result = self.process_control(*arguments)
        if result.exit_code or result.stderr:
            pytest.fail(str(result))
        return [line.split("\t") for line in result.stdout.splitlines()]

    def json(self, *arguments: str) -> Any:
        return json.loads(self.process_control(*arguments).stdout)


@contextmanager
def new_desk(root: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> Iterator[Desk]:
    root.chmod(0o755)
    jobs = root / "jobs"
    jobs.mkdir(mode=0o755)
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME"):
        patch.setenv(name, str(root / "home"))
    patch.delenv("PROCESS_CONTROL_CONFIG", raising=False)
    state = State(root / "state", logs=root / "log")
    desk = Desk(root, jobs, state, root / "process-control.yaml", capture)
    desk.configure()
    yield desk
    forget_cached(root)
