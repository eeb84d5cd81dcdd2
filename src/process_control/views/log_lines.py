"""What runs printed, line by line: of one run or of many, with secrets masked, never more in memory than is shown."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.core.moments import parse_iso
from process_control.errors import ProcessControlError
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line
from process_control.history.log_place import BEGINNING, place_of_time
from process_control.history.log_reader import GZIP, WHOLE_LOG, Part, current_path, last_lines, lines
from process_control.notify.message import escape_controls
from process_control.state.secrets_of_run import recorded_of_runs, secrets_recorded

STREAM_WORDS = {STDOUT: "out", STDERR: "err", DROPPED: "cut"}
BOTH = (STDOUT, STDERR)
#: Of logs that are read side by side.
MAX_OPEN = 100
RUNS_AT_ONCE = 100
#: How many of its last runs are asked for one that has a log.
LAST_RUNS = 200
NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Printed:
    """A line that a run of a job printed."""

    job: str
    run_id: str
    #: when the run began
    began: datetime | None
    line: Line

    @property
    def at(self) -> datetime | None:
        if self.began is None or self.line.seconds is None:
            return None
        return self.began + timedelta(seconds=self.line.seconds)

    @property
    def stamp(self) -> str | None:
        return None if self.at is None else f"{self.at:%Y-%m-%dT%H:%M:%S}.{self.at.microsecond // 1000:03d}Z"

    @property
    def decoded(self) -> str:
        """The text as it was printed, but for what a carriage return overwrote."""
        return self.line.shown.decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        """The text, fit for a terminal."""
        if self.line.stream == DROPPED:
            return f"[… {self.line.dropped:,} bytes dropped …]"
        return escape_controls(self.decoded)

    def to_json(self) -> dict[str, object]:
        return {
            "job": self.job,
            "run_id": self.run_id,
            "at": self.stamp,
            "stream": STREAM_WORDS[self.line.stream],
            "text": None if self.line.stream == DROPPED else self.text,
            "dropped_bytes": self.line.dropped,
        }


@dataclass(frozen=True, slots=True, order=True)
class KeptRun:
    """A run whose log is still there."""

    started_at: str
    run_id: str
    job: str
    path: str


def kept_runs(
    index: Index, settings: Settings, slugs: Sequence[str] | None, *, since: datetime | None = None, last: bool = False
) -> list[KeptRun]:
    """Return the runs with a log, oldest first. `since`: that were running then, or later; `last`: one of each job."""
    found: list[KeptRun] = []
    for slug in index.jobs() if slugs is None else slugs:
        for run in index.runs(jobs=[slug], limit=LAST_RUNS if last else None):
            if run.log is None:
                continue
            path = current_path(run.log, settings.output_directory)
            if os.path.exists(path) and not (since is not None and _ended_before(run, path, since)):
                found.append(KeptRun(run.started_at, run.run_id, run.job, path))
                if last:
                    break
    return sorted(found)


def _ended_before(run: Run, path: str, moment: datetime) -> bool:
    """Return whether nothing was printed from `moment` on; what a run left may print after its end."""
    ended = parse_iso(run.ended_at) if run.ended_at else None
    if run.outcome is None or ended is None or ended >= moment:
        return False
    try:
        return os.stat(path).st_mtime < moment.timestamp()
    except FileNotFoundError:
        return True


class RunLogs:
    """Reads the logs of runs. What cannot be masked is left out: `left_out` says why; `doubts` are for people."""

    def __init__(
        self, settings: Settings, *, streams: Sequence[str] = BOTH, masks: bool = True, since: datetime | None = None
    ) -> None:
        self.settings = settings
        self.streams = streams
        self.since = since
        self.left_out: list[ProcessControlError] = []
        self.doubts: list[str] = []
        self._masks = masks
        self._noted: dict[str, object] | None = None
        self._jobs: dict[str, Job | None] = {}

    def secrets(self, job: str, run_id: str, started_at: str, noted: object = None) -> list[str]:
        """Return what to mask. `noted`: what the start record says, if it is at hand. Raises SecretsUnknown (77)."""
        if not self._masks:
            return []
        state = self.settings.state_directory
        if noted is None:
            if self._noted is None:
                self._noted = recorded_of_runs(state, since=started_at)
            noted = self._noted.get(run_id)
        secrets, doubt = secrets_recorded(state, noted, run_id=run_id, job=self._definition(job))
        if doubt:
            self.doubts.append(doubt)
        return secrets

    def lines(self, run: KeptRun, *, part: Part = WHOLE_LOG, last: int | None = None) -> Iterator[Printed]:
        """Yield what a run printed, since `since`; with `last` only so many lines from its end."""
        began = parse_iso(run.started_at)
        try:
            secrets = self.secrets(run.job, run.run_id, run.started_at)
            found: Iterable[Line]
            if last is not None:
                found = last_lines(run.path, last, streams=self.streams, secrets=secrets, part=part)
            else:
                start = BEGINNING
                if self.since is not None and began is not None and not run.path.endswith(GZIP):
                    start = place_of_time(run.path, (self.since - began).total_seconds())
                found = lines(run.path, streams=self.streams, secrets=secrets, part=part, start=start)
            for line in found:
                printed = Printed(run.job, run.run_id, began, line)
                if self.is_wanted(printed):
                    yield printed
        except FileNotFoundError:  # removed by `retention` since it was listed
            return
        except ProcessControlError as error:
            self.left_out.append(error)

    def is_wanted(self, printed: Printed) -> bool:
        """Return whether a line is not older than `since`; without a time of its own it is as old as its run."""
        if self.since is None:
            return True
        at = printed.at or printed.began
        return at is not None and at >= self.since

    def _definition(self, slug: str) -> Job | None:
        if slug not in self._jobs:
            try:
                self._jobs[slug] = load_job(slug, self.settings)
            except ProcessControlError:
                self._jobs[slug] = None
        return self._jobs[slug]


def merged(runs: Sequence[KeptRun], lines_of: Callable[[KeptRun], Iterator[Printed]]) -> Iterator[Printed]:
    """Yield the lines of runs, which are sorted by their start, in the order of their times.

    Only logs of runs that overlap are open at once.
    """
    waiting = deque(runs)
    heap: list[tuple[datetime, int, Printed, Iterator[Printed]]] = []
    number = 0

    def push(source: Iterator[Printed], least: datetime, order: int) -> None:
        printed = next(source, None)
        if printed is not None:
            heappush(heap, (max(printed.at or least, least), order, printed, source))

    while waiting or heap:
        while waiting and len(heap) < MAX_OPEN:
            began = parse_iso(waiting[0].started_at) or NO_TIME
            if heap and began > heap[0][0]:
                break
            number += 1
            push(lines_of(waiting.popleft()), began, number)
        if heap:
            at, order, printed, source = heappop(heap)
            yield printed
            push(source, at, order)
