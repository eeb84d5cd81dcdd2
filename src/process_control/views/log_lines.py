"""What runs printed, line by line: of one run or of many, with secrets masked, never more in memory than is shown."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.facts import SKIPPED
from process_control.core.job import Job
from process_control.core.moments import parse_iso
from process_control.errors import ProcessControlError
from process_control.history.index.index import Index
from process_control.history.index.past_run import Run
from process_control.history.log_line import DROPPED, STDERR, STDOUT, Line
from process_control.history.log_place import BEGINNING, place_of_time
from process_control.history.log_reader import GZIP, WHOLE_LOG, Part, current_path, last_lines, lines
from process_control.notify.message import escape_controls
from process_control.state.ad_hoc import kept_job
from process_control.state.secrets_of_run import recorded_of_runs, secrets_recorded
from process_control.system.plain_file import open_plain

STREAM_WORDS = {STDOUT: "out", STDERR: "err", DROPPED: "cut"}
BOTH = (STDOUT, STDERR)
#: Of logs that are read side by side.
MAX_OPEN = 100
#: How many of its last runs are asked for one that has a log.
LAST_RUNS = 50
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
    if last:
        return sorted(_last_runs(index, settings, index.jobs() if slugs is None else slugs))
    found = (_kept(run, settings, since) for run in index.runs(jobs=slugs))
    return sorted(kept for kept in found if kept is not None)


def _kept(run: Run, settings: Settings, since: datetime | None = None) -> KeptRun | None:
    """Return the run if its log is there, and has something from `since` on."""
    if run.log is None:
        return None
    path = current_path(run.log, settings.output_directory)
    if not os.path.exists(path) or (since is not None and _ended_before(run, path, since)):
        return None
    return KeptRun(run.started_at, run.run_id, run.job, path)


def _last_runs(index: Index, settings: Settings, slugs: Sequence[str]) -> Iterator[KeptRun]:
    """Yield the last run of each job that has a log, of all jobs at once."""
    marks = index.latest(slugs, count=LAST_RUNS)
    waiting = [deque(run_id for run_id, outcome, _ in found if outcome != SKIPPED) for found in marks.values()]
    while waiting := [run_ids for run_ids in waiting if run_ids]:
        newest = [run_ids[0] for run_ids in waiting]
        kept = {run_id: _kept(run, settings) for run_id, run in index.runs_by_id(newest).items()}
        for run_ids in waiting:
            found = kept.get(run_ids.popleft())
            if found is not None:
                yield found
                run_ids.clear()


def _ended_before(run: Run, path: str, moment: datetime) -> bool:
    """Return whether nothing was printed from `moment` on; what a run left may print after its end."""
    ended = parse_iso(run.ended_at) if run.ended_at else None
    if run.outcome is None or ended is None or ended >= moment:
        return False
    try:
        return os.stat(path).st_mtime < moment.timestamp()
    except FileNotFoundError:
        return True


def log_of(run: Run, settings: Settings) -> str:
    """Return the path of the run's log. Raises ProcessControlError (1) when there is none."""
    if run.log is None:
        why = "it was skipped" if run.outcome == "skipped" else "none could be written"
        raise ProcessControlError(f"run {run.run_id} of job '{run.job}' has no log: {why}")
    log = current_path(run.log, settings.output_directory)
    try:
        with open_plain(log):
            return log
    except FileNotFoundError:
        kept = f"{settings.retention_runs} runs, {settings.retention_days} days"
        raise ProcessControlError(
            f"the log of run {run.run_id} was removed",
            where=run.log,
            hint=f"`retention` keeps, for each job: {kept}, {settings.retention_log_bytes:,} bytes",
        ) from None


def missing_in_words(run: Run, path: str) -> str | None:
    """Return how much of a log is missing that the run had recorded; None when nothing is, or that is not known."""
    if run.outcome is None or run.stdout_bytes is None or run.stderr_bytes is None or path.endswith(GZIP):
        return None
    wanted = run.stdout_bytes + run.stderr_bytes - (run.log_dropped_bytes or 0)
    size = os.stat(path).st_size
    return (
        None
        if size >= wanted
        else (f"only {size:,} of {wanted:,} bytes are left: the host went down, or the file was cut")
    )


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

    def lines(
        self, run: KeptRun, *, part: Part = WHOLE_LOG, last: int | None = None, needles: Sequence[bytes] = ()
    ) -> Iterator[Printed]:
        """Yield what a run printed, since `since`; with `last` only so many lines from its end.

        Lines with none of the `needles` may be left out.
        """
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
                found = lines(run.path, streams=self.streams, secrets=secrets, part=part, start=start, needles=needles)
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
                self._jobs[slug] = kept_job(self.settings, slug)
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
