"""A hold in one plain sentence."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from process_control.core.hold_in_words import hold_for_people

NOW = datetime(2026, 11, 28, 3, 53, 53, tzinfo=UTC)
SINCE = "2026-11-28T03:28:53.819Z"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        pytest.param(
            {
                "since": SINCE,
                "why": "exited with 78",
                "run_id": "1m8g35q0yqfpanxy",
                "evidence": "rule 1 ({exit_code: 78, verdict: hold})",
            },
            "on hold since Sat 03:28 (25 min ago): exited with 78 (rule 1, run 1m8g35q0…)",
            id="by a rule",
        ),
        pytest.param(
            {
                "since": SINCE,
                "why": "a line",
                "evidence": "rule 2 ({stderr: x}), stderr line 3: no disk",
            },
            "on hold since Sat 03:28 (25 min ago): a line (rule 2, stderr line 3: no disk)",
            id="by a line",
        ),
        pytest.param(
            {"since": SINCE, "by": "ann@db1", "why": "new disk"},
            "on hold since Sat 03:28 (25 min ago) by ann@db1: new disk",
            id="by hand",
        ),
        pytest.param(
            {"since": SINCE, "by": "ann@db1", "release_at": "2026-11-28T05:53:53.000Z"},
            "paused until Sat 05:53 (in 2 h) by ann@db1: no note",
            id="a pause",
        ),
        pytest.param({}, "on hold: no reason given", id="nothing is known"),
    ],
)
def test_a_hold_is_one_sentence(health: dict[str, object], sentence: str) -> None:
    assert hold_for_people(health, NOW) == sentence
