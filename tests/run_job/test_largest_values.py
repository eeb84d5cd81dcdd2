"""Every time that a job file may name is one that a run can keep: ten years, where poll(2) takes 24.8 days."""

import signal
from collections.abc import Iterator

import pytest

from kit.harness import Box, until
from kit.runs import ONE_SLOT, outcomes, records, script, waiting_for_a_lock
from process_control.config.keys.field import Field
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.number_kinds import MAX_SECONDS

LARGEST = f"{MAX_SECONDS}s"
SLEEPS = "sleep 0.1"
FAILS = "sleep 0.1; exit 3"
IGNORES_TERM_FOR_A_WHILE = "trap 'sleep 0.1; exit 0' TERM; while :; do sleep 0.02; done"

ENDINGS = {
    "timeout": (SLEEPS, "timeout: {}", ("succeeded", None)),
    "silence_timeout": (SLEEPS, "silence_timeout: {}", ("succeeded", None)),
    "kill_grace": (IGNORES_TERM_FOR_A_WHILE, "timeout: 0.2s\nkill_grace: {}", ("failed", "timeout")),
    "start_within": (SLEEPS, "start_within: {}", ("succeeded", None)),
    "catch_up.within": (SLEEPS, "catch_up: {{which: latest, within: {}}}", ("succeeded", None)),
    "only_if.timeout": (SLEEPS, "only_if: {{command: 'true', timeout: {}}}", ("succeeded", None)),
    "expect.success_every": (SLEEPS, "expect: {{success_every: {}}}", ("succeeded", None)),
    "verdicts.shorter_than": (SLEEPS, "verdicts: [{{shorter_than: {}, verdict: warn}}]", ("warned", "too_short")),
    "verdicts.longer_than": (SLEEPS, "verdicts: [{{longer_than: {}, verdict: warn}}]", ("succeeded", None)),
    "expect.shorter_than": (SLEEPS, "expect: {{shorter_than: {}}}", ("succeeded", None)),
    "expect.longer_than": (SLEEPS, "expect: {{longer_than: {}}}", ("warned", "too_short")),
    "notify.remind": (FAILS, 'notify: [{{url: "exec:/bin/true", remind: {}}}]', ("failed", "exit_code")),
    "backoff.delay": (FAILS, "backoff: {{delay: {0}, max_delay: {0}}}", ("failed", "exit_code")),
    "backoff.max_delay": (FAILS, "backoff: {{max_delay: {}}}", ("failed", "exit_code")),
    "hold.release_after": (FAILS, "hold: {{after_failures: 1, release_after: {}}}", ("failed", "exit_code")),
}
WAITS = ("retry.delay", "retry.max_delay", "queue_timeout", "jitter", "after.within")


def keys_of_times(fields: tuple[Field, ...], above: str = "") -> Iterator[str]:
    for field in fields:
        yield from keys_of_times(field.fields, f"{above}{field.key}.")
        if field.kind.name == "time" and not field.fields:
            yield above + field.key


def test_every_key_that_is_a_time_is_tried_here() -> None:
    assert sorted(keys_of_times(JOB_FIELDS)) == sorted([*ENDINGS, *WAITS])


@pytest.mark.parametrize("key", ENDINGS)
def test_a_run_keeps_the_largest_time_that_the_job_file_may_name(box: Box, key: str) -> None:
    text, keys, expected = ENDINGS[key]
    box.job("job", f'command: {script(box, "job.sh", text)}\nschedule: "* * * * *"\n{keys.format(LARGEST)}')

    box.run("--scheduled", "job")

    assert outcomes(box) == [expected]


@pytest.mark.parametrize("key", ["delay", "max_delay"])
def test_the_largest_pause_between_two_attempts_can_be_waited_and_stopped(box: Box, key: str) -> None:
    delays = {"delay": f"delay: {LARGEST}, max_delay: {LARGEST}", "max_delay": f"delay: 1d, max_delay: {LARGEST}"}
    box.job("job", f"command: 'false'\nretry: {{attempts: 2, {delays[key]}}}")

    with box.start("job") as live:
        until(lambda: records(box, "attempt"), "the first attempt to have ended")
        live.signal(signal.SIGTERM)
        result = live.wait()

    assert result.exit_code == 143


def test_the_largest_wait_for_a_lock_can_be_waited(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}\n{ONE_SLOT}\non_overlap: queue\nqueue_timeout: {LARGEST}")

    with box.start("job") as first:
        started.read_line()
        with box.start("--wait", "job") as second:
            until(lambda: waiting_for_a_lock(second.pid), "it to wait for the lock")
            release.write_line()
            started.read_line()
            release.write_line()
            codes = first.wait().exit_code, second.wait().exit_code

    assert codes == (0, 0)


def test_the_largest_wait_for_a_cause_can_be_waited_and_stopped(box: Box) -> None:
    box.job("cause", f"command: 'true'\n{ONE_SLOT}")
    box.job("job", f"command: 'true'\n{ONE_SLOT}\nafter: {{job: cause, within: {LARGEST}}}")

    with box.start("--scheduled", "job") as live:
        until(lambda: records(box, "waiting"), "the wait to be recorded")
        live.signal(signal.SIGTERM)
        result = live.wait()

    assert result.exit_code == 143
