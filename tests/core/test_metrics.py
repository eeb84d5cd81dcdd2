"""The text format of the metrics."""

import pytest

from process_control.core.metrics import METRICS, Family, Metric, exposition

COUNTER = Metric(name="runs_total", kind="counter", labels=("job",), meaning="Runs.")
HISTOGRAM = Metric(name="seconds", kind="histogram", labels=("job",), bounds=(1, 10), meaning="Time.")


def test_a_metric_has_its_help_its_type_and_a_line_for_each_number() -> None:
    runs = Family(COUNTER)
    runs.add(3, "backup")
    runs.add(0, "report")

    assert exposition([runs]) == (
        "# HELP process_control_runs_total Runs.\n"
        "# TYPE process_control_runs_total counter\n"
        'process_control_runs_total{job="backup"} 3\n'
        'process_control_runs_total{job="report"} 0\n'
    )


@pytest.mark.parametrize(
    ("job", "written"),
    [('a"b', 'a\\"b'), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("a\\nb", "a\\\\nb"), ("Ä{},=", "Ä{},=")],
    ids=["quote", "backslash", "newline", "backslash and n", "nothing else"],
)
def test_a_label_is_escaped(job: str, written: str) -> None:
    runs = Family(COUNTER)
    runs.add(1, job)

    assert exposition([runs]).splitlines()[-1] == f'process_control_runs_total{{job="{written}"}} 1'


def test_the_buckets_of_a_histogram_are_summed_up() -> None:
    seconds = Family(HISTOGRAM)
    seconds.add_histogram([2, 3, 1], 61.5, "backup")

    assert exposition([seconds]).splitlines()[2:] == [
        'process_control_seconds_bucket{job="backup",le="1"} 2',
        'process_control_seconds_bucket{job="backup",le="10"} 5',
        'process_control_seconds_bucket{job="backup",le="+Inf"} 6',
        'process_control_seconds_sum{job="backup"} 61.5',
        'process_control_seconds_count{job="backup"} 6',
    ]


def test_a_metric_without_labels_has_no_braces() -> None:
    waiting = Family(Metric(name="waiting", kind="gauge", meaning="Messages."))
    waiting.add(1795894718.5571)

    assert exposition([waiting]).splitlines()[-1] == "process_control_waiting 1795894718.557"


def test_the_names_are_those_that_dashboards_know() -> None:
    assert [metric.full_name.removeprefix("process_control_") + str(list(metric.labels)) for metric in METRICS] == [
        "runs_total['job', 'outcome', 'reason']",
        "run_duration_seconds['job']",
        "slots_total['job', 'fate', 'reason']",
        "start_lateness_seconds['job']",
        "last_success_timestamp_seconds['job']",
        "running['job']",
        "held['job']",
        "incidents_open['cause']",
        "delivery_waiting[]",
        "watch_last_look_timestamp_seconds[]",
        "build_info['version']",
    ]
