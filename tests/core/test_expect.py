"""What is expected of a good attempt, and the sentence about each miss."""

from typing import Any

import pytest

from process_control.core.facts import Facts
from process_control.core.finding import Verdict
from process_control.core.line_watch import Lines
from process_control.core.verdict import judge


def facts(*, number: str | None = None, **seen: object) -> Facts:
    what = Facts()
    what.exit_code = 0
    what.duration_seconds = 60.0
    what.lines = Lines(watches_stderr=False)
    what.lines.number_text = number
    for name, value in seen.items():
        setattr(what, name, value)
    return what


FILE = {"file": {"path": "/srv/db.dump"}}
THERE = {"file": {"path": "/srv/db.dump", "newer_than_start": False}}
ROWS = {"number": {"stdout": r"rows: (\d+)", "at_least": 1.0}}
BETWEEN = {"number": {"stdout": r"rows: (\d+)", "at_least": 1.0, "at_most": 2.5}}

MISSES: dict[str, tuple[dict[str, Any], Facts, tuple[str, str] | None]] = {
    "too long": (
        {"shorter_than": 60.0},
        facts(),
        ("too_long", "took 1 min, expected shorter than 1 min"),
    ),
    "short enough": ({"shorter_than": 61.0}, facts(), None),
    "too short": (
        {"longer_than": 90.0},
        facts(),
        ("too_short", "took 1 min, expected longer than 1 min 30 s"),
    ),
    "long enough": ({"longer_than": 59.0}, facts(), None),
    "printed nothing": (
        {"stdout_bytes": [1, None, ">0"]},
        facts(),
        ("output", "printed 0 bytes to stdout, expected >0"),
    ),
    "printed too much": (
        {"stdout_bytes": [1, 10, "1-10"]},
        facts(stdout_bytes=12345),
        ("output", "printed 12,345 bytes to stdout, expected 1-10"),
    ),
    "printed enough": ({"stdout_bytes": [1, 10, "1-10"]}, facts(stdout_bytes=10), None),
    "no file": (
        FILE,
        facts(expected_file="it does not exist"),
        ("expectation", "expected the file /srv/db.dump: it does not exist"),
    ),
    "an old file": (
        FILE,
        facts(expected_file=125.0),
        (
            "expectation",
            "expected the file /srv/db.dump to be written after the start, it was last written 2 min 5 s before that",
        ),
    ),
    "a fresh file": (FILE, facts(expected_file=-3.0), None),
    "an old file that only has to be there": (THERE, facts(expected_file=125.0), None),
    "no number": (
        ROWS,
        facts(),
        ("expectation", r"expected a number of at least 1 by 'rows: (\d+)' in stdout, but no line matched"),
    ),
    "too small a number": (
        ROWS,
        facts(number="0"),
        ("expectation", r"expected a number of at least 1 by 'rows: (\d+)' in stdout, the last was 0"),
    ),
    "too large a number": (
        BETWEEN,
        facts(number="+3"),
        ("expectation", r"expected a number of at least 1 and at most 2.5 by 'rows: (\d+)' in stdout, the last was 3"),
    ),
    "no number where one should be": (
        BETWEEN,
        facts(number="many"),
        (
            "expectation",
            (
                r"expected a number of at least 1 and at most 2.5 by 'rows: (\d+)' in stdout, "
                "but the last match is not a number"
            ),
        ),
    ),
    "a number within bounds": (BETWEEN, facts(number="2.5"), None),
}


@pytest.mark.parametrize(("expect", "seen", "miss"), MISSES.values(), ids=MISSES.keys())
def test_a_miss_has_its_reason_and_a_sentence_with_the_seen_and_the_wanted_value(
    expect: dict[str, Any], seen: Facts, miss: tuple[str, str] | None
) -> None:
    judgement = judge(seen, expect=expect)

    told = None if judgement.reason is None else (judgement.reason, judgement.detail)
    assert told == miss
    assert judgement.outcome == ("warned" if miss else "succeeded")


def test_several_misses_are_all_told_under_the_reason_of_the_first() -> None:
    judgement = judge(facts(), expect={"longer_than": 90.0, "stdout_bytes": [1, None, ">0"], **ROWS})

    assert judgement.reason == "too_short"
    assert judgement.detail == (
        "took 1 min, expected longer than 1 min 30 s; printed 0 bytes to stdout, expected >0; "
        r"expected a number of at least 1 by 'rows: (\d+)' in stdout, but no line matched"
    )


def test_a_miss_fails_when_the_file_says_so_and_is_not_tried_again() -> None:
    judgement = judge(facts(), expect={"shorter_than": 5.0, "verdict": "fail"}, has_attempts_left=True)

    assert (judgement.outcome, judgement.verdict) == ("failed", Verdict.FAIL)


def test_how_the_command_ended_comes_before_what_was_expected() -> None:
    judgement = judge(facts(exit_code=3), expect={"shorter_than": 5.0, "verdict": "fail"})

    assert (judgement.reason, judgement.detail) == ("exit_code", "exited with 3")
