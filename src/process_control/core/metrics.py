"""The metrics: their table, and the text format in which Prometheus reads them. Pure: values in, text out.

The format is that of https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4), which the textfile
collector of node_exporter reads too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any

PREFIX = "process_control_"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

#: The upper bounds of the buckets of a run's duration, in seconds.
DURATIONS = (1, 10, 60, 300, 900, 3600, 14400, 86400)
#: The upper bounds of the buckets of a start's lateness, in seconds.
LATENESSES = (1, 3, 10, 60, 600, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the table."""

    #: without PREFIX
    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...] = ()
    #: of a histogram: the upper bounds of its buckets
    bounds: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name


RUNS = Metric(
    name="runs_total",
    kind=COUNTER,
    labels=("job", "outcome", "reason"),
    meaning="Runs that have ended, and starts that were skipped.",
)
RUN_DURATION = Metric(
    name="run_duration_seconds",
    kind=HISTOGRAM,
    labels=("job",),
    bounds=DURATIONS,
    meaning="How long runs took, all their attempts together.",
)
SLOTS = Metric(
    name="slots_total",
    kind=COUNTER,
    labels=("job", "fate", "reason"),
    meaning="Planned times by what became of them first: ran, skipped, missed.",
)
START_LATENESS = Metric(
    name="start_lateness_seconds",
    kind=HISTOGRAM,
    labels=("job",),
    bounds=LATENESSES,
    meaning="How long after their planned times runs began.",
)
LAST_SUCCESS = Metric(
    name="last_success_timestamp_seconds",
    kind=GAUGE,
    labels=("job",),
    meaning="When the last run that went well ended; 0: none has.",
)
RUNNING = Metric(name="running", kind=GAUGE, labels=("job",), meaning="Whether a run of the job is in progress.")
HELD = Metric(name="held", kind=GAUGE, labels=("job",), meaning="Whether scheduled runs of the job are held.")
INCIDENTS = Metric(
    name="incidents_open",
    kind=GAUGE,
    labels=("cause",),
    meaning="Open incidents.",
)
DELIVERY_WAITING = Metric(
    name="delivery_waiting",
    kind=GAUGE,
    meaning="Messages and events that wait to be sent.",
)
LAST_LOOK = Metric(
    name="watch_last_look_timestamp_seconds",
    kind=GAUGE,
    meaning="When `watch` looked last; 0: never.",
)
BUILD_INFO = Metric(name="build_info", kind=GAUGE, labels=("version",), meaning="The version of process-control.")

METRICS = (
    RUNS, RUN_DURATION, SLOTS, START_LATENESS, LAST_SUCCESS, RUNNING, HELD, INCIDENTS, DELIVERY_WAITING, LAST_LOOK,
    BUILD_INFO,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of a metric."""

    #: what its name has behind that of the metric: `_bucket`, `_sum`, `_count` of a histogram, else nothing
    suffix: str
    labels: dict[str, str]
    value: float


@dataclass(slots=True)
class Family:
    """A metric with its numbers."""

    metric: Metric
    samples: list[Sample] = field(default_factory=list)

    def add(self, value: float, *labels: str) -> None:
        """Add a number; `labels` are the values of the metric's labels, in their order."""
        self.samples.append(Sample("", dict(zip(self.metric.labels, labels, strict=True)), value))

    def add_histogram(self, counts: Sequence[int], total: float, *labels: str) -> None:
        """Add a histogram: `counts` are those of its buckets, each alone, the last one of what is above all bounds."""
        of_all = dict(zip(self.metric.labels, labels, strict=True))
        bounds = [*(format(bound, "g") for bound in self.metric.bounds), "+Inf"]
        summed = list(accumulate(counts))
        buckets = zip(bounds, summed, strict=True)
        self.samples += [Sample("_bucket", {**of_all, "le": bound}, number) for bound, number in buckets]
        self.samples += [Sample("_sum", of_all, total), Sample("_count", of_all, summed[-1])]


def exposition(families: Iterable[Family]) -> str:
    """Return the metrics as Prometheus reads them."""
    return "".join(line for family in families for line in _lines_of(family))


def to_json(families: Iterable[Family]) -> Iterator[dict[str, Any]]:
    """Yield each metric as `--json` has it."""
    for family in families:
        metric = family.metric
        samples = [
            {"name": metric.full_name + sample.suffix, "labels": sample.labels, "value": _rounded(sample.value)}
            for sample in family.samples
        ]
        yield {"name": metric.full_name, "type": metric.kind, "help": metric.meaning, "samples": samples}


def _lines_of(family: Family) -> Iterator[str]:
    name = family.metric.full_name
    yield f"# HELP {name} {family.metric.meaning}\n# TYPE {name} {family.metric.kind}\n"
    for sample in family.samples:
        labels = ",".join([f'{key}="{_escaped(value)}"' for key, value in sample.labels.items()])
        yield f"{name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {_rounded(sample.value)}\n"


@lru_cache(maxsize=1 << 14)
def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 3)
