"""`expect: {success_every}`: a job without a success for so long is trouble, whatever its planned times say."""

import os
from typing import Any

import pytest

from kit.harness import Box
from kit.runs import ONE_SLOT, date_version_back, outcomes, skips
from process_control.core.freshness import stale_in_words

AT_ONCE = "expect: {success_every: 0.001}"
DAILY = "expect: {success_every: 26h}"


def status_of(box: Box) -> dict[str, Any]:
    [job] = box.process_control("status", "job", "--json").json()["jobs"]
    assert isinstance(job, dict)
    return job


def troubles(box: Box) -> list[tuple[str, str]]:
    """Return what `check` says about the job; fail unless its exit code fits."""
    result = box.process_control("check", "job", "--json")
    found = [(trouble["state"], trouble["why"]) for trouble in result.json()["troubles"]]
    assert result.exit_code == (1 if found else 0)
    return found


def version_long_ago(box: Box) -> None:
    """Let the job's version be recorded, and be two days old."""
    box.job("other", "command: 'true'")
    box.run("other")  # it makes the directories
    box.process_control("slots", "job")
    date_version_back(box, "job", seconds=2 * 86400)


def test_a_run_within_that_time_is_fresh(box: Box) -> None:
    box.job("job", f"command: 'true'\n{DAILY}")
    box.run("job")

    assert troubles(box) == []
    assert (status_of(box)["stale"], status_of(box)["alerts"], status_of(box)["state"]) == (None, [], "ok")


@pytest.mark.parametrize("command", ["'true'", "sh -c 'echo odd >&2'\nstderr: warn"])
def test_a_success_that_is_too_old_is_stale_in_status_and_check(box: Box, command: str) -> None:
    box.job("job", f"command: {command}\n{AT_ONCE}")
    box.run("job")

    status = status_of(box)

    [(state, why)] = troubles(box)
    assert state == "stale"
    assert why.startswith("stale: no run has succeeded for ")
    assert status["stale"].startswith("stale: no run has succeeded for ")
    assert status["alerts"] == [status["stale"]] or status["alerts"][0].startswith("stale: ")
    assert status["why"] is not None
    assert "stale: no run has succeeded" in box.process_control("status", "job").stdout
    assert " stale=1;0;;0" in box.process_control("check", "job").stdout


def test_failures_and_skips_are_no_success_and_a_success_before_them_counts(box: Box) -> None:
    box.job("job", f"command: 'true'\n{DAILY}")
    box.run("job")
    box.job("job", f"command: 'true'\nonly_if: 'false'\n{ONE_SLOT}\n{DAILY}")
    box.run("--scheduled", "job")
    assert len(skips(box)) == 1
    assert troubles(box) == []

    box.job("job", f"command: 'false'\n{DAILY}")
    box.run("job")
    assert outcomes(box) == [("succeeded", None), ("failed", "exit_code")]
    assert status_of(box)["stale"] is None

    box.job("job", f"command: 'false'\n{AT_ONCE}")
    assert status_of(box)["stale"].startswith("stale: no run has succeeded for ")


def test_a_job_that_never_succeeded_counts_from_its_first_version(box: Box) -> None:
    box.job("job", f"command: 'true'\n{DAILY}")
    assert troubles(box) == []
    version_long_ago(box)

    assert troubles(box) == [
        ("stale", "stale: no run has succeeded since its file came 2 days ago, success_every: 26 h")
    ]


def test_neither_a_touched_nor_an_edited_file_resets_it(box: Box) -> None:
    path = box.job("job", f"command: 'true'\n{DAILY}")
    version_long_ago(box)

    os.utime(path)
    touched = troubles(box)
    box.job("job", f"command: 'false'\n{DAILY}")
    box.process_control("slots", "job")

    assert [state for state, _ in touched] == [state for state, _ in troubles(box)] == ["stale"]


def test_a_job_that_was_gone_begins_anew(box: Box) -> None:
    path = box.job("job", f"command: 'true'\n{DAILY}")
    version_long_ago(box)
    path.unlink()
    box.process_control("slots")
    box.job("job", f"command: 'true'\n{DAILY}")
    box.process_control("slots")

    assert troubles(box) == []


def test_a_disabled_job_is_not_stale_and_a_held_one_is(box: Box) -> None:
    box.job("job", f"command: 'true'\n{AT_ONCE}")
    box.run("job")
    box.process_control("hold", "job", "--note", "the disk is full")
    held = status_of(box)
    box.job("job", f"command: 'true'\ndisabled: true\n{AT_ONCE}")

    assert (held["state"], held["stale"] is None) == ("held", False)
    assert status_of(box)["stale"] is None


def test_it_judges_no_run(box: Box) -> None:
    box.job("job", f"command: 'true'\n{AT_ONCE}")

    box.run("job")

    assert outcomes(box) == [("succeeded", None)]


def test_the_moment_itself_is_not_stale_yet() -> None:
    assert stale_in_words(now=100.0, success_every=60.0, last_success=40.0, since=0.0) is None
    assert stale_in_words(now=100.1, success_every=60.0, last_success=40.0, since=0.0) == (
        "stale: no run has succeeded for 1 min, success_every: 1 min"
    )
