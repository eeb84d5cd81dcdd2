"""What the tests of runs share: scripts for jobs, records of one kind, and waiting for one of many commands."""

import contextlib
import os
import re
import signal
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kit.debugger import hold, wait_for_held
from kit.events import readable
from kit.harness import Box, Deadline, Live, TookTooLong, children, lives, until
from process_control.system.clock import iso

ONE_SLOT = 'schedule: "0 0 1 1 *"\nstart_within: 400d'
"""One planned time for the whole year: two starts cannot fall on two slots."""
ANOTHER_SLOT = 'schedule: "0 0 2 1 *"\nstart_within: 400d'


def script(box: Box, name: str, text: str, *, shell: str = "/bin/sh") -> Path:
    """Write an executable script into the box and return its path."""
    path = box.root / name
    path.write_text(f"#!{shell}\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return path


def date_version_back(box: Box, slug: str, *, seconds: float = 3600) -> None:
    """Let the recorded version of the job be one that came into force so long ago."""
    since = b'"since":"%s"' % iso(time.time() - seconds).encode()
    note = box.state_directory / "versions" / f"{slug}.json"
    for path in (note, *(box.state_directory / "journal").glob("*.jsonl")):
        change_in_place(path, lambda content: re.sub(rb'"since":"[^"]+"', since, content))


def next_slot(box: Box, slug: str = "job") -> None:
    """Let the job's slot be one that had no run: as if a planned time had come."""
    path = box.state_directory / "jobs" / slug / "block"
    change_in_place(path, lambda content: b"slot 5\n".ljust(64) + content[64:])
    for journal in (box.state_directory / "journal").glob("*.jsonl"):
        change_in_place(journal, lambda content: content.replace(b'"scheduled_at":"2', b'"scheduled_at":"1'))


def change_in_place(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change what a file holds into as many bytes: who tells people may read it, and append to it, meanwhile."""
    with path.open("r+b", buffering=0) as file:
        before = file.readall()
        after = change(before)
        if len(after) != len(before):
            raise ValueError(f"{path}: {len(before)} bytes would become {len(after)}")
        file.seek(0)
        file.write(after)


def slots_of(box: Box, slug: str, since: str = "10m") -> dict[str, dict[str, Any]]:
    """Return the ledger's slots of the job by their planned times."""
    slots = box.process_control("slots", slug, "--since", since, "--json").json()["slots"]
    return {slot["slot"]: slot for slot in slots}


TREE = """
    # a plain child, a child in a session of its own, a double fork, one that ignores TERM, one that hides from us
    rm -f {box}/hidden
    sleep 1000 & a=$!
    setsid sleep 1000 & b=$!
    ( ( exec sleep 1000 ) & echo $! > {box}/double )
    sh -c 'trap "" TERM HUP INT; sleep 1000 & wait; wait' & d=$!
    ( ( exec env -i setsid sh -c 'cd /; echo $$ > {box}/hidden; exec sleep 1000 0<&- 1>&- 2>&- 3<&-' ) & ) &
    while ! [ -s {box}/double ] || ! [ -s {box}/hidden ]; do :; done
    echo $$ $a $b $(cat {box}/double) $d $(cat {box}/hidden) > {started}
    wait
"""


def job_with_a_tree(box: Box) -> Callable[[], list[int]]:
    """Write the job `tree`; return what waits for the pids of its processes."""
    started = box.fifo("started")
    job = script(box, "tree.sh", TREE.format(box=box.root, started=started))
    box.job("tree", f"command: {job}\n{ONE_SLOT}")
    return lambda: [int(word) for word in started.read_line().split()]


def records(box: Box, event: str, slug: str | None = None) -> list[dict[str, Any]]:
    """Return the journal's records of one event, oldest first."""
    return [record for record in box.journal() if record["event"] == event and (slug is None or record["job"] == slug)]


def ends(box: Box, slug: str | None = None) -> list[dict[str, Any]]:
    return records(box, "end", slug)


def starts(box: Box, slug: str | None = None) -> list[dict[str, Any]]:
    return records(box, "start", slug)


def skips(box: Box, slug: str | None = None) -> list[dict[str, Any]]:
    return records(box, "skip", slug)


def the_end(box: Box, slug: str | None = None) -> dict[str, Any]:
    """Return the one end that there is."""
    (end,) = ends(box, slug)
    return end


def assert_each_start_has_one_end(box: Box) -> None:
    """And an end without a start is `lost`: killed between its note in the block and the journal, it never began."""
    started, ended = [record["run_id"] for record in starts(box)], {}
    for end in ends(box):
        assert end["run_id"] not in ended, end
        ended[end["run_id"]] = end["outcome"]
    assert len(set(started)) == len(started)
    assert set(started) <= set(ended)
    assert {ended[run_id] for run_id in set(ended) - set(started)} <= {"lost"}


def outcomes(box: Box, slug: str | None = None) -> list[tuple[str, str | None]]:
    return [(end["outcome"], end["reason"]) for end in ends(box, slug)]


def killers(box: Box, slug: str) -> tuple[int, int]:
    """Return the pids of (guard, runner) of the run that goes on."""
    block = box.block(slug)
    return block["guard_pid"], block["pid"]


class frozen:  # noqa: N801  a context
    """While open, these processes do nothing, whoever continues them: a child of ours holds them as a debugger does.

    Where that is not permitted, it stops them again and again, and a slow host may let them run for a moment.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids

    def __enter__(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)
        ready, is_ready = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                may_hold = hold(self._pids)
                os.write(is_ready, b"!")
                while True:
                    if may_hold:
                        wait_for_held()
                    else:
                        for pid in self._pids:
                            os.kill(pid, signal.SIGSTOP)
            finally:
                os._exit(0)
        os.close(is_ready)
        os.read(ready, 1)
        os.close(ready)

    def __exit__(self, *_: object) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def kill_both(box: Box, slug: str) -> None:
    """SIGKILL guard and runner as if in one instant: neither can act on the other's end."""
    guard, runner = killers(box, slug)
    for pid in (guard, runner):
        os.kill(pid, signal.SIGSTOP)
    for pid in (guard, runner):
        until(lambda pid=pid: _is_stopped(pid), f"process {pid} to stop")
    for pid in (guard, runner):
        os.kill(pid, signal.SIGKILL)
    for pid in (guard, runner):
        until(lambda pid=pid: not lives(pid), f"process {pid} to end")


def _is_stopped(pid: int) -> bool:
    from kit.harness import state_letter

    return state_letter(pid) in ("T", "t", "", "Z")


def waiting_for_a_lock(guard: int) -> list[int]:
    """Return the children of the guard that sleep in flock(2), as /proc/locks tells."""
    blocked = {int(line.split()[5]) for line in Path("/proc/locks").read_text().splitlines() if " -> " in line}
    return [pid for pid in children(guard) if pid in blocked]


@contextlib.contextmanager
def handles(pids: Sequence[int]) -> Iterator[dict[int, int]]:
    """Open a pidfd for each process: {pidfd: pid}."""
    opened: dict[int, int] = {}
    try:
        for pid in pids:
            opened[os.pidfd_open(pid)] = pid
        yield opened
    finally:
        for handle in opened:
            os.close(handle)


def ended_first(lives_: Sequence[Live], count: int, *, seconds: float = 120) -> list[Live]:
    """Wait until `count` of the commands have ended and return them."""
    limit = Deadline(seconds)
    with handles([live.pid for live in lives_]) as waiting:
        ended: set[int] = set()
        while len(ended) < count:
            still = [handle for handle in waiting if waiting[handle] not in ended]
            ready = readable(still, limit.left())
            if not ready:
                raise TookTooLong(f"only {len(ended)} of {count} commands ended within {seconds:g} s")
            ended |= {waiting[handle] for handle in ready}
    return [live for live in lives_ if live.pid in ended]


def pause_or_end(live: Live, seconds: float) -> bool:
    """Let a moment pass, as a storm chose it; return True when the command ended before."""
    with handles([live.pid]) as waiting:
        return bool(readable(waiting, seconds))
