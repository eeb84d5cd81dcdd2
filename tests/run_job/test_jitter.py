"""`jitter`: a random delay before a scheduled start, which can be seen and stopped."""

import os
import signal

import pytest

from kit.harness import Box, Live, children, until
from kit.runs import ONE_SLOT, date_version_back, ends, outcomes, records, skips, slots_of, starts
from process_control.core.lateness import late_in_words

EVERY_MINUTE = 'schedule: "* * * * *"'


def test_a_scheduled_start_waits_and_the_delay_is_a_part_of_its_lateness(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 2\n{EVERY_MINUTE}")

    result = box.run("--scheduled", "job")

    assert result.exit_code == 0
    [start], [waiting] = starts(box), records(box, "waiting")
    parts: dict[str, float] = start["late_parts"]
    assert set(parts) == {"trigger", "gate", "lock", "jitter"}
    assert start["late_seconds"] == pytest.approx(sum(parts.values()), abs=0.002)
    said = float(waiting["detail"].split()[4])
    assert waiting["detail"] == f"a random delay of {said:.3g} s (jitter)"
    assert said - 0.01 <= parts["jitter"]
    assert (waiting["scheduled_at"], waiting["run_id"]) == (start["scheduled_at"], start["run_id"])
    assert [end["late_parts"] for end in ends(box)] == [parts]


def test_each_start_has_a_delay_of_its_own(box: Box) -> None:
    slugs = ("one", "two", "three", "four")  # the record has three digits: two of them may be the same
    for slug in slugs:
        box.job(slug, f"command: 'true'\njitter: 0.2\n{ONE_SLOT}")

    for slug in slugs:
        box.run("--scheduled", slug)

    details = [waiting["detail"] for waiting in records(box, "waiting")]
    assert len(details) == len(slugs)
    assert len(set(details)) > 1
    assert all(start["late_parts"]["jitter"] >= 0 for start in starts(box))


def test_a_start_by_hand_does_not_wait(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 24h\n{ONE_SLOT}")

    assert box.run("job").exit_code == 0

    assert records(box, "waiting") == []


def test_start_within_is_of_the_moment_when_the_start_arrives(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 5\nstart_within: 61\n{EVERY_MINUTE}")

    box.run("--scheduled", "job")

    assert outcomes(box) == [("succeeded", None)]


def test_term_ends_the_wait(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 24h\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        until(lambda: records(box, "waiting"), "it to wait")
        os.kill(live.pid, signal.SIGTERM)
        result = live.wait()

    assert result.exit_code == 143
    detail = "stopped: run-job received signal TERM during its random delay (jitter)"
    assert [(end["outcome"], end["reason"], end["detail"]) for end in ends(box)] == [("failed", "stopped", detail)]
    assert (starts(box), skips(box)) == ([], [])


def test_while_it_waits_its_planned_time_is_due_however_old_it_gets(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 24h\nstart_within: 61\n{EVERY_MINUTE}")
    box.run("job")
    date_version_back(box, "job")
    with box.start("--scheduled", "job") as live:
        [waiting] = until(lambda: records(box, "waiting"), "it to wait")
        due = slots_of(box, "job")[waiting["scheduled_at"]]
        os.kill(live.pid, signal.SIGTERM)
        live.wait()
    ran = slots_of(box, "job")[waiting["scheduled_at"]]

    assert due["fate"] == "due"
    assert "(jitter)" in str(due["evidence"])
    assert (ran["fate"], ran["outcome"], ran["reason"]) == ("ran", "failed", "stopped")


def test_kill_job_ends_the_wait(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 24h\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        until(lambda: records(box, "waiting"), "it to wait")
        stop = box.run("--kill-job", "job")
        result = live.wait()

    assert (stop.exit_code, result.exit_code) == (0, 143)
    assert [end["detail"] for end in ends(box)] == ["stopped on request during its random delay (jitter)"]


def test_a_runner_that_is_killed_while_it_waits_is_a_refusal(box: Box) -> None:
    box.job("job", f"command: 'true'\njitter: 24h\n{ONE_SLOT}")
    with box.start("--scheduled", "job") as live:
        until(lambda: records(box, "waiting"), "it to wait")
        os.kill(children(live.pid)[0], signal.SIGKILL)
        result = live.wait()

    assert result.exit_code == 137
    assert [record["reason"] for record in records(box, "refusal")] == ["runner_killed_before_start"]


MOST_SECONDS = 12


def a_start_that_waits_long(box: Box, text: str) -> tuple[str, Live]:
    """Start jobs until the random delay of one leaves time to change something; return it and its start."""
    while True:
        slug = f"job{len(records(box, 'waiting'))}"
        box.job(slug, text)
        live = box.start("--scheduled", slug)
        [waiting] = until(lambda slug=slug: records(box, "waiting", slug), "it to wait")
        if float(waiting["detail"].split()[4]) > MOST_SECONDS / 2:
            return slug, live
        os.kill(live.pid, signal.SIGTERM)
        live.wait()


@pytest.mark.parametrize("reason", ["disabled", "held", "condition"])
def test_after_the_wait_the_gate_is_asked_once_more(box: Box, reason: str) -> None:
    yes = box.root / "yes"
    yes.touch()
    text = f"command: 'true'\njitter: {MOST_SECONDS}\nonly_if: test -e {yes}\n{ONE_SLOT}"
    slug, live = a_start_that_waits_long(box, text)
    if reason == "held":
        box.process_control("hold", slug, "--note", "no")
    elif reason == "condition":
        yes.unlink()
    else:
        box.job(slug, f"{text}\ndisabled: true")

    assert live.wait().exit_code == 0
    assert [skip["reason"] for skip in skips(box)] == [reason]


def test_it_has_words() -> None:
    assert late_in_words(40, {"jitter": 39.0, "gate": 1.0}) == "40.0 s late: 39.0 s random delay (jitter)"
