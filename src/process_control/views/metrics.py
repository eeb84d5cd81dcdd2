"""The metrics of this host: values for the textfile and for the page, see `core/metrics.py`."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from process_control import __version__
from process_control.config.all_jobs import load_all
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core import metrics as of
from process_control.core.causes import Cause
from process_control.core.facts import OUTCOMES
from process_control.core.health import State
from process_control.core.metrics import Family, Metric
from process_control.core.schedule.slots import MISSED, RAN, SKIPPED
from process_control.core.schedule.version_records import moment_in
from process_control.core.tally import RunTally
from process_control.notify import spool
from process_control.state.block import read_mark
from process_control.state.incident_store import Store
from process_control.state.past_runs import open_index
from process_control.state.totals import may_change
from process_control.views.job_status import JobStatus
from process_control.views.slots import Ledger
from process_control.views.status import read_statuses
from process_control.views.totals import count_runs, count_slots

#: What counts as settled: a planned time that is due is not.
SETTLED = (RAN, SKIPPED, MISSED)
NO_RUNS = RunTally()
Labels = Mapping[str, str]
Runs = Mapping[str, RunTally]
Counts = Mapping[str, Mapping[tuple[str, str], int]]


def read_metrics(settings: Settings) -> list[Family]:
    """Return all metrics, in the order of their table, with every job of the directory."""
    now = time.time()
    jobs = load_all(settings)
    slugs = [job.slug for job in jobs]
    schedules = KnownSchedules(settings, datetime.fromtimestamp(now, UTC))
    with may_change(settings.run_directory) as keep, open_index(settings.state_directory) as index:
        statuses = read_statuses(settings, jobs, index, schedules)
        runs = count_runs(settings, index, slugs, now=now, keep=keep)
        slots = count_slots(settings, Ledger(settings, jobs, index, now=now), slugs, keep=keep)
    schedules.keep()
    labels = {job: _label(job) for job in sorted(slugs)}
    return [
        _counts(of.RUNS, labels, {job: tally.runs for job, tally in runs.items()}, always=OUTCOMES),
        _durations(labels, runs),
        _counts(of.SLOTS, labels, slots.jobs, always=SETTLED),
        _lateness(labels, runs),
        _last_success(labels, runs),
        *_running_and_held(labels, statuses),
        *_of_the_host(settings.state_directory),
    ]


def _label(job: str) -> str:
    """Return the name as UTF-8 can write it: a file may have any bytes in its name."""
    return job.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _counts(metric: Metric, labels: Labels, counts: Counts, *, always: Sequence[str]) -> Family:
    """Return a counter by two words; each of `always` is there from the beginning, without the second word."""
    family = Family(metric)
    for job, label in labels.items():
        of_job = {**{(first, ""): 0 for first in always}, **counts.get(job, {})}
        for (first, second), number in sorted(of_job.items()):
            family.add(number, label, first, second)
    return family


def _durations(labels: Labels, runs: Runs) -> Family:
    family = Family(of.RUN_DURATION)
    for job, label in labels.items():
        durations = runs.get(job, NO_RUNS).durations
        family.add_histogram(durations.counts, durations.total, label)
    return family


def _lateness(labels: Labels, runs: Runs) -> Family:
    family = Family(of.START_LATENESS)
    for job, label in labels.items():
        lateness = runs.get(job, NO_RUNS).lateness
        family.add_histogram(lateness.counts, lateness.total, label)
    return family


def _last_success(labels: Labels, runs: Runs) -> Family:
    family = Family(of.LAST_SUCCESS)
    for job, label in labels.items():
        family.add(runs.get(job, NO_RUNS).last_success, label)
    return family


def _running_and_held(labels: Labels, statuses: Iterable[JobStatus]) -> tuple[Family, Family]:
    """Return which jobs are running, and which are held."""
    running, held = Family(of.RUNNING), Family(of.HELD)
    for status in sorted(statuses, key=lambda each: each.slug):
        label = labels[status.slug]
        running.add(int(status.running is not None), label)
        held.add(int(status.health.state is State.HELD), label)
    return running, held


def _of_the_host(state_directory: str) -> list[Family]:
    incidents, waiting, look, build = map(Family, (of.INCIDENTS, of.DELIVERY_WAITING, of.LAST_LOOK, of.BUILD_INFO))
    causes = Counter(incident.cause for incident in Store(state_directory).open_incidents() if incident.is_open)
    for cause in Cause:
        incidents.add(causes[cause], cause.value)
    waiting.add(len(spool.all_names(state_directory)))
    look.add(moment_in(read_mark(layout.watch_note(state_directory)) or {}, "at") or 0)
    build.add(1, __version__)
    return [incidents, waiting, look, build]
