"""`plan --replay`: past runs judged again by changed rules, from their records and logs."""

from datetime import UTC, datetime, timedelta

import pytest

from kit.checkout import Checkout
from kit.desk import Desk
from kit.harness import Box

NOW = datetime.now(UTC)


@pytest.fixture
def changed(box: Box) -> Checkout:
    return Checkout.at(box.job_directory)


def test_failures_that_would_be_warnings_are_counted_and_a_real_one_is_named(box: Box, changed: Checkout) -> None:
    """Two runs print a notice, one fails with an exit code behind the same notice: noise, and one that was none."""
    box.job("sync", "command: sh -c 'echo NOTICE old >&2; exit $(cat code)'\nworking_directory: " + str(box.root))
    changed.commit()
    for code in (0, 0, 3):
        (box.root / "code").write_text(str(code))
        box.run("sync")
    rules = "verdicts: [{stderr: ^NOTICE, verdict: warn}, {exit_code: 3, verdict: warn}]"
    box.job(
        "sync",
        "command: sh -c 'echo NOTICE old >&2; exit $(cat code)'\nworking_directory: " + str(box.root) + f"\n{rules}",
    )

    result = box.process_control("plan", "--replay", "1d", "--json")

    [found] = result.json()["replay"]
    assert (found["job"], found["judged"], found["unknown"]) == ("sync", 3, 0)
    assert [(each["before"], each["after"], each["failed_by_itself"]) for each in found["changes"]] == [
        (
            {"outcome": "failed", "reason": "exit_code"},
            {"outcome": "warned", "reason": "exit_code"},
            True,
        ),
        *[({"outcome": "failed", "reason": "stderr"}, {"outcome": "warned", "reason": "stderr"}, False)] * 2,
    ]
    words = box.process_control("plan", "--replay", "1d").stdout
    real = found["changes"][0]["run_id"]
    assert f"sync: 3 of 3 failures would be warnings; in 1 of them the command itself failed: run {real}" in words


def test_only_jobs_whose_rules_change_are_judged_again(desk: Desk) -> None:
    checkout = Checkout.at(desk.jobs)
    desk.job("same", "command: /bin/true")
    checkout.commit()
    desk.state.failure("same", NOW - timedelta(hours=1))
    desk.job("same", "command: /bin/true\ntimeout: 5m")

    assert desk.json("plan", "--replay", "1d", "--json")["replay"] == []
    assert "replay" not in desk.json("plan", "--json")


def test_a_run_whose_log_is_gone_is_not_guessed(desk: Desk) -> None:
    checkout = Checkout.at(desk.jobs)
    desk.job("sync", "command: /bin/true")
    checkout.commit()
    start = desk.state.start("sync", NOW - timedelta(hours=1), log=str(desk.state.logs / "sync" / "gone.log"))
    end = desk.state.end_of(start, outcome="failed", reason="stderr")
    attempt = {**end["attempts"][0], "stderr_bytes": 20, "stdout_bytes": 0}
    desk.state.write({**end, "attempts": [attempt], "stderr_bytes": 20})
    desk.job("sync", "command: /bin/true\nverdicts: [{stderr: NOTICE, verdict: ignore}]")

    [found] = desk.json("plan", "--replay", "1d", "--json")["replay"]

    assert (found["judged"], found["unknown"], found["changes"]) == (0, 1, [])
