"""Where the time of one cold run goes, step by step: strace notes when marks are passed, from exec to exit.

Only the few system calls that are marks are stopped at, and what a stop costs is taken off each step by their number:
that cost is what the traced runs take more than the same runs without, in turns in one session. So the steps add up to
the untraced run. In each step the time after opening a module (until the next mark) is told as that of imports.
"""

import re
import statistics
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from host import Host
from measuring import Found, WorthNothing, cost_of

from bench import Bench

FAMILY = "waterfall"
FORKS = ("clone", "clone3", "fork", "vfork")
CALLS = ("execve", "openat", "flock", "fdatasync", "wait4", "exit_group", *FORKS)
EVENT = re.compile(
    r"(?P<pid>\d+) +(?P<time>[\d.]+) "
    r"(?:(?P<call>\w+)\((?P<rest>.*)|<\.\.\. (?P<resumed>\w+) resumed>.*|(?P<end>\+\+\+).*)"
)
MODULE = re.compile(r'"[^"]*(?:/site-packages|/lib/python3)[^"]*"')

STEPS = (
    "the interpreter starts",
    "guard: command line, configuration, job, rights",
    "runner: slot, health, lock",
    "log, index, control group",
    "start record, on the disk",
    "fork and exec of the command",
    "the command runs and is waited for",
    "verdict and end record, on the disk",
    "block, health, syslog; the runner exits",
    "the guard hands the exit code on",
)


@dataclass(frozen=True, slots=True)
class Event:
    """A mark that was passed: the call that began, or the end of a process (call "")."""

    pid: int
    time: float
    call: str
    rest: str

    @property
    def is_import(self) -> bool:
        return self.call == "openat" and MODULE.search(self.rest) is not None


@dataclass(frozen=True, slots=True)
class Span:
    """One step of one run, in seconds: all of it, what of it was imports, and how many stops strace made in it."""

    seconds: float
    imports: float
    stops: int
    import_stops: int


def measure(bench: Bench) -> Found:
    if bench.peers.strace is None:
        return Found(notes=["strace is not here (apt-get install strace): the waterfall is left out"])
    rounds = bench.sizes.rounds_of_commands
    trace = bench.directory / "trace"
    with bench.host(FAMILY) as host:
        slugs = [host.add_healthy_job(f"run-{number:03}") for number in bench.steps("jobs", 2 * rounds)]
        spans, untraced = [], []
        for number in bench.steps("waterfall", rounds):
            untraced.append(cost_of(host.scheduled(slugs[2 * number])).wall)
            spans.append(traced(bench.peers.strace, host, slugs[2 * number + 1], trace))
        host.check_that_all_ran(slugs)
    return Found(steps=steps_of(spans, statistics.median(untraced)))


def traced(strace: str, host: Host, slug: str, trace: Path) -> list[Span]:
    options = ["-f", "--seccomp-bpf", "-q", "-ttt", "-o", str(trace), "-e", f"trace={','.join(CALLS)}"]
    cost_of([strace, *options, *host.scheduled(slug)], fault=Path(f"{trace}.said"))
    return spans_of(read_events(trace.read_text()))


def read_events(text: str) -> list[Event]:
    events = []
    for line in text.splitlines():
        found = EVENT.match(line)
        if found is not None and not found["resumed"]:
            events.append(Event(int(found["pid"]), float(found["time"]), found["call"] or "", found["rest"] or ""))
    return events


def spans_of(events: list[Event]) -> list[Span]:
    """Return the steps of one run, in the order of STEPS. Raises WorthNothing when a mark was not passed."""
    guard = events[0].pid
    runner = next((event.pid for event in events if event.pid != guard), 0)
    ours = [event for event in events if event.pid == guard]
    its = [event for event in events if event.pid == runner]
    written = [number for number, event in enumerate(its) if event.call == "fdatasync"]
    if len(written) < 2:
        raise WorthNothing("a run without two durable records")
    executed = _first([event for event in events if event.pid not in (guard, runner)], "execve")
    reaped = next((event for event in its if event.call == "wait4" and event.time > executed.time), None)
    locked = _first(its, "flock", "LOCK_NB")
    after_lock = [event for event in its if event.time >= locked.time]  # a slot in doubt had the journal asked before
    marks = [
        events[0].time,
        _first(ours, "openat", "stub.py").time,
        _first(ours, *FORKS).time,
        locked.time,
        _first(after_lock, "openat", "/journal/").time,
        its[written[0] + 1].time,
        executed.time,
        (reaped or its[written[-1]]).time,
        its[written[-1] + 1].time,
        _first(its, "").time,
        _first(ours, "").time,
    ]
    if marks != sorted(marks):
        raise WorthNothing(f"the marks of a run were not passed in order: {marks}")
    path = [*(event for event in ours if event.time < marks[2]), *its, *(e for e in ours if e.time >= marks[9])]
    return [_span(path, first, last) for first, last in pairwise(marks)]


def _first(events: list[Event], *calls_or_text: str) -> Event:
    calls = [word for word in calls_or_text if word in CALLS or word == ""]
    texts = [word for word in calls_or_text if word not in calls]
    for event in events:
        if event.call in calls and all(text in event.rest for text in texts):
            return event
    raise WorthNothing(f"no run without {' '.join(calls_or_text)} was expected")


def _span(path: list[Event], first: float, last: float) -> Span:
    inside = [event for event in path if first <= event.time < last]
    if not inside:
        return Span(last - first, 0.0, 0, 0)
    ends = [*(event.time for event in inside[1:]), last]
    imports = [end - event.time for event, end in zip(inside, ends, strict=True) if event.is_import]
    return Span(last - first, sum(imports), len(inside), len(imports))


def steps_of(runs: list[list[Span]], untraced: float) -> list[dict[str, Any]]:
    """Return the median of each step in milliseconds, without what the stops cost, adding up to the untraced run.

    On a busy machine the stops seem to cost more than some step took: at most nine tenths of a step are taken away.
    """
    medians = [
        Span(*(statistics.median(getattr(run[number], name) for run in runs) for name in Span.__slots__))
        for number in range(len(STEPS))
    ]
    stop = max(0.0, sum(span.seconds for span in medians) - untraced) / sum(span.stops for span in medians)
    stop = min(stop, *(0.9 * span.seconds / span.stops for span in medians if span.stops))
    seconds = [max(0.0, span.seconds - stop * span.stops) for span in medians]
    imports = [max(0.0, span.imports - stop * span.import_stops) for span in medians]
    scale = 1000 * untraced / sum(seconds)
    return [
        {"step": name, "milliseconds": whole * scale, "imports": min(whole, part) * scale}
        for name, whole, part in zip(STEPS, seconds, imports, strict=True)
    ]
