"""Start runs that nobody waits for, and learn their ids: each is a `run-job` of its own, in a session of its own."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from process_control.history.block import read_block
from process_control.system import proc
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.interpreter import python

STARTS_WITHIN_SECONDS = 10.0
LOOK_AGAIN_SECONDS = 0.005
MOST_WORDS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A start: the run's id; or why there is none, with the exit code when run-job has ended."""

    slug: str
    run_id: str | None
    why: str | None = None
    exit_code: int | None = None

    def to_json(self) -> dict[str, object]:
        return {"job": self.slug, "run_id": self.run_id, "why": self.why, "exit_code": self.exit_code}


def follow(slug: str, flags: Sequence[str]) -> int:
    """Become `run-job SLUG`; never returns."""
    os.execv(sys.executable, _command(slug, flags))


def launch(slugs: Sequence[str], flags: Sequence[str], account: Account, state_directory: str) -> list[Launched]:
    """Start a run of each job. The blocks are read as `account`, whose they are."""
    with tempfile.TemporaryDirectory(prefix="process-control-") as folder:
        started = []
        for slug in slugs:
            with open(Path(folder) / slug, "wb") as complaints:
                process = subprocess.Popen(
                    _command(slug, flags),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    start_new_session=True,
                )
            started.append((slug, process))
        guards = [[slug, process.pid] for slug, process in started]
        run_ids = ask_as(account, lambda: started_runs(state_directory, guards))
        return [_launched(slug, process, run_ids.get(slug), Path(folder) / slug) for slug, process in started]


def started_runs(state_directory: str, guards: Sequence[Sequence[object]]) -> dict[str, str]:
    """Return the run ids of the guards (slug, pid), as soon as the blocks tell them; of those that ended, none."""
    found: dict[str, str] = {}
    waiting = {str(slug): pid for slug, pid in guards}
    limit = time.monotonic() + STARTS_WITHIN_SECONDS
    while waiting and time.monotonic() < limit:
        for slug, pid in list(waiting.items()):
            lives = isinstance(pid, int) and proc.is_alive(pid, None)
            block = read_block(state_directory, slug)
            if block is not None and block.get("guard_pid") == pid:
                found[slug] = str(block["run_id"])
            if slug in found or not lives:
                del waiting[slug]
        select.select([], [], [], LOOK_AGAIN_SECONDS)
    return found


def _launched(slug: str, process: "subprocess.Popen[bytes]", run_id: object, complaints: Path) -> Launched:
    code = process.poll()
    if isinstance(run_id, str):
        process.returncode = code or 0  # it goes on, and is nobody's to wait for
        return Launched(slug=slug, run_id=run_id)
    if code is None:
        process.returncode = 0
        return Launched(slug=slug, run_id=None, why="it has not begun yet: it waits for its lock")
    words = complaints.read_bytes()[:MOST_WORDS].decode("utf-8", "replace").strip()
    return Launched(slug=slug, run_id=None, why=words or f"run-job ended with {code}", exit_code=code)


def _command(slug: str, flags: Sequence[str]) -> list[str]:
    stub = str(Path(__file__).with_name("stub.py"))
    return [*python(), "-I", "-S", stub, *flags, "--", slug]
