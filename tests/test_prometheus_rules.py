"""contrib/prometheus/rules.yml: each rule fires and does not fire, about metrics and commands that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.harness import PROJECT
from kit.promtool import promtool
from process_control.cli.main import VERBS
from process_control.core.causes import Cause
from process_control.core.metrics import HISTOGRAM, METRICS

RULES = PROJECT / "contrib/prometheus/rules.yml"
TESTS = RULES.with_name("rules_test.yml")
HOW_TO = PROJECT / "docs/how-to/monitor-with-prometheus.md"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> list[dict[str, Any]]:
    [group] = loaded(RULES)["groups"]
    return list(group["rules"])


ALERTS = [rule["alert"] for rule in rules()]


def test_there_are_twelve_rules_and_the_page_names_each() -> None:
    named = re.findall(r"^\| `(ProcessControl\w+)` \|", HOW_TO.read_text(), re.MULTILINE)

    assert (len(ALERTS), named) == (12, ALERTS)


@pytest.mark.long
def test_promtool_agrees_with_what_fires_and_what_does_not() -> None:
    tested = promtool("test", "rules", str(TESTS))

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_each_rule_is_shown_to_fire_and_not_to_fire(alert: str) -> None:
    cases = [case for test in loaded(TESTS)["tests"] for case in test["alert_rule_test"] if case["alertname"] == alert]

    assert {bool(case.get("exp_alerts")) for case in cases} == {True, False}


@pytest.mark.parametrize("alert", ALERTS)
def test_promtool_notices_a_rule_that_never_fires(alert: str, tmp_path: Path) -> None:
    broken = loaded(RULES)
    for rule in broken["groups"][0]["rules"]:
        if rule["alert"] == alert:
            rule["expr"] = "vector(0) == 1"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(broken))
    tests = loaded(TESTS)
    tests["tests"] = [
        test for test in tests["tests"] if any(case["alertname"] == alert for case in test["alert_rule_test"])
    ]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests))

    assert promtool("test", "rules", str(tmp_path / "rules_test.yml")).returncode != 0


def test_rules_and_their_tests_are_about_metrics_that_there_are() -> None:
    known = {metric.full_name for metric in METRICS}
    for metric in METRICS:
        if metric.kind == HISTOGRAM:
            known |= {f"{metric.full_name}{suffix}" for suffix in ("_bucket", "_sum", "_count")}

    used = set(re.findall(r"\bprocess_control_\w+", RULES.read_text() + TESTS.read_text()))
    causes = set(re.findall(r'cause="(\w+)"', TESTS.read_text()))

    assert used <= known
    assert {metric.full_name for metric in METRICS if metric.kind != HISTOGRAM} <= used
    assert causes <= set(Cause)


def test_each_alert_has_a_command_to_paste() -> None:
    for rule in rules():
        commands = re.findall(r"process-control ([a-z]+)[^.|,]*", rule["annotations"]["description"])
        assert commands, rule["alert"]
        assert set(commands) <= set(VERBS), rule["alert"]
