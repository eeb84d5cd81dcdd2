"""Follows what jobs print, across their runs: the journal says which begin and end, their logs what they print."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from process_control.core.moments import parse_iso
from process_control.errors import ProcessControlError
from process_control.history.index.index import Index
from process_control.history.journal_tail import JournalTail
from process_control.history.log_follow import FollowedLog
from process_control.history.log_line import Line
from process_control.history.log_place import BEGINNING, place_before_end, place_of_time
from process_control.history.log_reader import LAST_BYTES, LOOK_FURTHER
from process_control.views.log_lines import KeptRun, Printed, RunLogs, kept_runs, merged

#: Of logs of runs that have ended: something that such a run left may still print.
MAX_ENDED = 16


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A run that began while one looked on."""

    job: str
    run_id: str
    started_at: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run that ended while one looked on."""

    job: str
    run_id: str
    outcome: str
    reason: str | None


News = Printed | RunBegan | RunEnded


@dataclass(slots=True)
class _Followed:
    run: KeptRun
    log: FollowedLog
    #: from the beginning of the log on
    is_whole: bool

    def printed(self, line: Line) -> Printed:
        return Printed(self.run.job, self.run.run_id, parse_iso(self.run.started_at), line)


class Follower:
    """The jobs `slugs` (None: all, also those to come), or only the run `run_id`."""

    def __init__(self, logs: RunLogs, slugs: list[str] | None, *, run_id: str | None = None) -> None:
        self._logs = logs
        self._slugs = None if slugs is None else frozenset(slugs)
        self._run_id = run_id
        self._tail = JournalTail(logs.settings.state_directory)  # before the index is read: no start is missed
        self._open: dict[str, _Followed] = {}
        self._ended: deque[_Followed] = deque()
        self._known: set[str] = set()
        #: the one run that is followed has ended
        self.is_over = False

    def begin(self, index: Index, *, last: int | None) -> Iterator[Printed]:
        """Yield what was printed up to now: the last lines, or all that `RunLogs.since` asks for."""
        since = self._logs.since
        slugs = None if self._slugs is None else sorted(self._slugs)
        runs = kept_runs(index, self._logs.settings, slugs, since=since, last=since is None)
        if self._run_id is not None:
            found = index.runs_by_id([self._run_id]).get(self._run_id)
            runs = [run for run in kept_runs(index, self._logs.settings, slugs) if run.run_id == self._run_id]
            self.is_over = found is None or found.outcome is not None
        running = {run.run_id for run in index.open_runs() if run.outcome is None}
        if last is not None and len(runs) > last:  # a run before those cannot have the last lines, unless it is running
            newest = runs[len(runs) - last :]
            runs = [run for run in runs if run.run_id in running or run in newest]
        self._known |= {run.run_id for run in runs}

        def lines_of(run: KeptRun) -> Iterator[Printed]:
            if run.run_id in running:
                return iter(self._lines_of_running(run, last))
            return self._logs.lines(run, last=last)

        found_lines = merged(runs, lines_of)
        yield from found_lines if last is None else deque(found_lines, last)

    def news(self) -> Iterator[News]:
        """Yield what has come since the last call."""
        for record in self._tail.records():  # first: of a run with an end all is in its log
            job, run_id = str(record.get("job")), str(record.get("run_id"))
            if not self._is_wanted(job, run_id):
                continue
            if record["event"] == "start" and run_id not in self._known:
                yield from self._start(record, job, run_id)
            elif record["event"] == "end":
                yield from self._end(record, job, run_id)
        for followed in (*self._open.values(), *self._ended):
            for line in followed.log.read():
                yield followed.printed(line)

    def _is_wanted(self, job: str, run_id: str) -> bool:
        if self._run_id is not None:
            return run_id == self._run_id
        return self._slugs is None or job in self._slugs

    def _start(self, record: dict[str, object], job: str, run_id: str) -> Iterator[News]:
        self._known.add(run_id)
        began, path = str(record.get("at")), record.get("log")
        yield RunBegan(job, run_id, began)
        if isinstance(path, str):
            with suppress(FileNotFoundError):
                self._follow(KeptRun(began, run_id, job, path), noted=record.get("secrets"))

    def _end(self, record: dict[str, object], job: str, run_id: str) -> Iterator[News]:
        followed = self._open.pop(run_id, None)
        if followed is not None:
            for line in followed.log.end():
                yield followed.printed(line)
            self._ended.append(followed)
            if len(self._ended) > MAX_ENDED:
                self._ended.popleft().log.close()
        reason = record.get("reason")
        yield RunEnded(job, run_id, str(record.get("outcome")), None if reason is None else str(reason))
        self.is_over = self.is_over or run_id == self._run_id

    def _follow(self, run: KeptRun, *, noted: object = None, reach: int | None = None) -> _Followed | None:
        """Open the log of a run, `reach` bytes before its end. What cannot be masked is left out."""
        start = BEGINNING if reach is None else place_before_end(run.path, reach)
        if reach is None and self._logs.since is not None and (began := parse_iso(run.started_at)) is not None:
            start = place_of_time(run.path, (self._logs.since - began).total_seconds())
        try:
            secrets = self._logs.secrets(run.job, run.run_id, run.started_at, noted)
        except ProcessControlError as error:
            self._logs.left_out.append(error)
            return None
        log = FollowedLog(run.path, streams=self._logs.streams, secrets=secrets, start=start)
        followed = self._open[run.run_id] = _Followed(run, log, is_whole=start == BEGINNING)
        return followed

    def _lines_of_running(self, run: KeptRun, last: int | None) -> list[Printed]:
        reach = None if last is None else LAST_BYTES
        while True:
            followed = self._follow(run, reach=reach)
            if followed is None:
                return []
            found = deque(map(followed.printed, followed.log.read()), last)
            if reach is None or len(found) == last or followed.is_whole:
                break
            followed.log.close()
            reach *= LOOK_FURTHER
        return [printed for printed in found if self._logs.is_wanted(printed)]
