"""Start runs in the background and return their ids: each is a `run-job` in a new session."""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from process_control.actions.rights import WEB_USER
from process_control.config.settings import Settings
from process_control.state.block import read_block
from process_control.system import proc
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.interpreter import python
from process_control.system.lock_waiters import waiting_pids

STARTS_WITHIN_SECONDS = 10.0
#: How long a start waits for its lock before it counts as queued: the lock may be released a moment later.
LOCK_WAIT_SECONDS = 0.1
LOOK_AGAIN_SECONDS = 0.005
MAX_WORDS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How jobs are to be started."""

    #: Use `slow_start_command`.
    slow_start: bool = False
    #: Run also when the job is held, and the full command also during a slow start.
    force: bool = False
    #: The past planned time that the runs are for, in UTC seconds.
    slot: int | None = None
    #: The reason, for the audit.
    note: str | None = None
    #: The configuration file of the runs; None: the default one.
    config: str | None = None
    #: The user of the page who asks for it; None: nobody does, it is whoever runs this process.
    by: str | None = None

    def flags(self) -> list[str]:
        """Return these options as flags of `run-job`."""
        flags = ["--config", self.config] if self.config else []
        flags += [flag for flag, is_set in (("--slow-start", self.slow_start), ("--force", self.force)) if is_set]
        flags += [f"--slot={self.slot}"] if self.slot is not None else []
        return flags + (["--note", self.note] if self.note else [])


PLAINLY = How()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The result of one start."""

    slug: str
    #: None when there is no run yet, or none at all, or a later one was begun before its id was read.
    run_id: str | None
    #: Why there is no run.
    why: str | None = None
    #: The exit code of run-job, when it has ended without a run, or its run was not seen.
    exit_code: int | None = None

    @classmethod
    def ended(cls, slug: str, code: int, words: str) -> "Started":
        """Return the result of a start whose run was not seen. `words`: what it printed to stderr."""
        if not code:
            words = f"its run ended well before its id was read; see process-control history {slug}"
        return cls(slug=slug, run_id=None, why=words or f"run-job ended with {code}", exit_code=code)

    def to_json(self) -> dict[str, object]:
        return {
            "job": self.slug,
            "done": self.done,
            "changed": not self.exit_code,
            "run_id": self.run_id,
            "why": self.why,
            "exit_code": self.exit_code,
        }

    @property
    def done(self) -> str:
        """Return started, queued (it waits for its lock) or not started."""
        if self.run_id is not None or self.exit_code == 0:
            return "started"
        return "queued" if self.exit_code is None else "not started"


def start(
    settings: Settings,
    slugs: Sequence[str],
    account: Account,
    how: How = PLAINLY,
) -> list[Started]:
    """Start a run of each job. `account` is the one that jobs run as, which may read the blocks."""
    with tempfile.TemporaryDirectory(prefix="process-control-") as folder:
        started = []
        for slug in slugs:
            with open(Path(folder) / slug, "wb") as complaints:
                process = subprocess.Popen(
                    command_of(slug, how.flags()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    start_new_session=True,
                    env=None if how.by is None else {**os.environ, WEB_USER: how.by},
                )
            started.append((slug, process))
        guards = [(slug, process.pid) for slug, process in started]
        try:
            run_ids = ask_as(account, lambda: _started_runs(settings.state_directory, guards))
        except KeyboardInterrupt:
            _take_back([process for _, process in started])
            raise
        return [_launched(slug, process, run_ids.get(slug), Path(folder) / slug) for slug, process in started]


def _started_runs(state_directory: str, guards: Sequence[tuple[str, int]]) -> dict[str, str]:
    """Return the run ids of the guards (slug, pid), as soon as they are in the blocks.

    Starts that ended or wait for their lock have none.
    """
    found: dict[str, str] = {}
    expected, queued = dict(guards), set[str]()
    began = time.monotonic()
    waits_since: dict[str, float] = {}
    while expected.keys() - queued and time.monotonic() < began + STARTS_WITHIN_SECONDS:
        now = time.monotonic()
        waiting = _waiting(list(expected.values())) if now > began + LOCK_WAIT_SECONDS else set()
        for slug, pid in list(expected.items()):
            has_ended = not proc.is_alive(pid, None)  # asked first: a short run may begin and end between two looks
            block = read_block(state_directory, slug)
            if block is not None and block.get("guard_pid") == pid:
                found[slug] = str(block["run_id"])
            if pid not in waiting:  # while others are looked at, one that was queued may get its lock
                waits_since.pop(slug, None)
                queued.discard(slug)
            elif now - waits_since.setdefault(slug, now) > LOCK_WAIT_SECONDS:
                queued.add(slug)
            if slug in found or has_ended:
                del expected[slug]
        select.select([], [], [], LOOK_AGAIN_SECONDS)
    return found


def _waiting(guards: Sequence[int]) -> set[int]:
    """Return the guards whose runner waits for a lock."""
    return {proc.parent_of(pid) for pid in waiting_pids()} & set(guards)


def _take_back(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    """Stop the starts that wait for their lock: after Control-C nobody expects them to run."""
    waiting = _waiting([process.pid for process in processes])
    for process in processes:
        if process.pid in waiting:
            process.terminate()
            process.wait()
        else:
            process.returncode = 0  # it is running, and nobody waits for it


def _launched(slug: str, process: "subprocess.Popen[bytes]", run_id: object, complaints: Path) -> Started:
    code = process.poll()
    if isinstance(run_id, str):
        process.returncode = code or 0  # it is running, and nobody waits for it
        return Started(slug=slug, run_id=run_id)
    if code is None:
        process.returncode = 0
        why = f"queued: it starts when its lock is free; to cancel: kill {process.pid}"
        return Started(slug=slug, run_id=None, why=why)
    words = complaints.read_bytes()[:MAX_WORDS].decode("utf-8", "replace").strip()
    return Started.ended(slug, code, words)


def command_of(slug: str, flags: Sequence[str]) -> list[str]:
    """Return the command line that a start executes: `run-job` with these flags."""
    stub = str(Path(__file__).parents[1] / "entry" / "stub.py")
    return [*python(), "-I", "-S", stub, *flags, "--", slug]
