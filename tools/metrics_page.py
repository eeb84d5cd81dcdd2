"""The reference page of the metrics, made from the table in the code."""

from process_control.core.causes import Cause
from process_control.core.facts import OUTCOMES
from process_control.core.metrics import METRICS, Metric
from process_control.core.schedule.slots import MISSED, RAN, SKIPPED

PAGE = """\
# Metrics

What [`process-control metrics`](../how-to/monitor-with-prometheus.md) prints. All names begin with `process_control_`.

| name | type | labels | says |
|---|---|---|---|
{metrics}

| label | values |
|---|---|
| `job` | the slug. Each file of the job directory is there, an invalid one too, also before its first run |
| `outcome` | {outcomes} |
| `reason` of a run | why it ended so: [reasons](states.md). Empty when there is none |
| `fate` | {fates} |
| `reason` of a planned time | why it was skipped, or the cause of a missed one: [fates](fates.md). Empty for `ran` |
| `cause` | {causes} |
| `version` | of process-control |

Scrape with `honor_labels: true`: without it Prometheus renames our `job` to `exported_job`.

## What counts, and when

- **Each outcome and each fate is there with 0** and an empty reason from the beginning; another reason comes with its
  first run. So subtract an older value of the sum over all reasons (`x - x offset 1h`): `increase()` does not see the
  first one of a new reason.
- **Counters never fall.** What `prune` removes stays counted, in `run_totals.json` and `slot_totals.json` of the state
  directory, and the index of the history may be deleted. Who may not write there (a member of `read_group`) keeps no
  counts: let the service user or root ask. A job whose file is gone is left out, and comes back with its counts.
- **A run counts when it has ended**, with its duration and its lateness: of all runs that are in the history when the
  metrics are first asked for. Skips count in `runs_total` and in no histogram. `exec` is no job.
- **A planned time counts once, when it is settled**, from a day before the first answer on: `missed` when its
  `start_within` is over. If it gets its run later (`catch_up`, `recover`) or is marked, it stays `missed`, and the run
  counts as a run. While one of a job is due, the later ones of that job wait.
- **0 is never** in `last_success_timestamp_seconds` and `watch_last_look_timestamp_seconds`.

<!-- Generated from the table in core/metrics.py by `python -m tools.pages`: do not edit. -->
"""


def metrics_page() -> str:
    return PAGE.format(
        metrics="\n".join(map(_row, METRICS)),
        outcomes=_words(OUTCOMES),
        fates=_words((RAN, SKIPPED, MISSED)),
        causes=_words(tuple(Cause)),
    )


def _row(metric: Metric) -> str:
    bounds = f" Buckets: {', '.join(format(bound, 'g') for bound in metric.bounds)} s." if metric.bounds else ""
    return f"| `{metric.name}` | {metric.kind} | {_words(metric.labels)} | {metric.meaning}{bounds} |"


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)
