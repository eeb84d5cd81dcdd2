"""`run JOB --slot TIME`: a past planned time gets its run by hand, once."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from kit.harness import Box, Result, until
from kit.outages import as_iso, fates, hours_ago, planned_at, slots, there_since
from kit.runs import ONE_SLOT, ends, outcomes, records, skips, starts, waiting_for_a_lock
from process_control.state.claim_by_hand import claim_by_hand
from process_control.state.job_state import JobRecord
from process_control.system.proc import boot_id, start_time

PRINTS = "command: printenv PROCESS_CONTROL_SCHEDULED_AT PROCESS_CONTROL_TRIGGER"


@pytest.fixture
def missed(box: Box) -> Box:
    """A job with planned times two and one hours ago, for which nothing was started."""
    box.job("job", f"{PRINTS}\n{planned_at(hours_ago(2), hours_ago(1))}")
    there_since(box, hours_ago(30))
    return box


def run_slot(box: Box, moment: datetime, *flags: str) -> Result:
    return box.process_control("run", "job", "--follow", "--slot", f"{moment:%Y-%m-%dT%H:%M}Z", *flags)


def test_it_runs_late_for_its_planned_time(missed: Box) -> None:
    slot = hours_ago(2)

    result = run_slot(missed, slot)

    assert (result.exit_code, result.stdout.split()) == (0, [as_iso(slot), "manual"]), result
    of_slot = next(each for each in slots(missed) if each["slot"] == as_iso(slot))
    assert (of_slot["fate"], of_slot["outcome"]) == ("ran", "succeeded")
    assert of_slot["late_seconds"] >= 7200
    assert of_slot["late_parts"]["trigger"] >= 7200
    assert sum(of_slot["late_parts"].values()) == pytest.approx(of_slot["late_seconds"], abs=0.01)
    (end,) = ends(missed)
    assert (end["trigger"], end["scheduled_at"]) == ("manual", as_iso(slot))


def test_detached_and_of_several_jobs_those_run_that_had_the_time(missed: Box) -> None:
    missed.job("other", f"{PRINTS}\n{planned_at(hours_ago(2))}")
    there_since(missed, hours_ago(30))

    result = missed.process_control("run", "*", "--slot", f"{hours_ago(1):%Y-%m-%dT%H:%M}Z", "--note", "by hand")
    until(lambda: len(ends(missed)) == 1, "the run to end")
    until(lambda: not missed.processes(), "nothing to be left")

    assert result.exit_code == 0, result
    assert "other" in result.stderr
    assert [(start["job"], start["scheduled_at"], start["note"]) for start in starts(missed)] == [
        ("job", as_iso(hours_ago(1)), "by hand")
    ]


@pytest.mark.parametrize(("code", "expected"), [(0, 75), (3, 0)])
def test_what_ran_well_is_refused_and_what_failed_is_not(box: Box, code: int, expected: int) -> None:
    slot = hours_ago(1)
    box.job("job", f"command: sh -c 'test -e {box.root}/second || exit {code}'\n{planned_at(slot)}")
    there_since(box, hours_ago(30))
    assert run_slot(box, slot).exit_code == code
    (box.root / "second").touch()

    result = run_slot(box, slot)

    assert result.exit_code == expected
    if expected:
        assert ends(box)[0]["run_id"] in result.stderr
        assert "--force" in result.stderr
        assert run_slot(box, slot, "--force").exit_code == 0
    assert len(ends(box)) == 2
    (of_slot,) = slots(box)
    assert (of_slot["fate"], of_slot["run_id"]) == ("ran", ends(box)[1]["run_id"])
    assert any(ends(box)[0]["run_id"] in each["what"] for each in of_slot["evidence"])


def test_one_that_runs_is_refused_naming_the_run(box: Box) -> None:
    slot = hours_ago(1)
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\n{planned_at(slot)}")
    there_since(box, hours_ago(30))
    with box.start_command(
        [str(box.product.process_control), "run", "job", "--follow", "--slot", f"{slot:%Y-%m-%dT%H:%M}Z"]
    ) as live:
        started.read_line()

        beside = run_slot(box, slot)
        forced = run_slot(box, slot, "--force")

        go_on.write_line()
        assert live.wait().exit_code == 0
    assert (beside.exit_code, forced.exit_code) == (75, 75)
    assert starts(box)[0]["run_id"] in beside.stderr
    assert len(starts(box)) == 1


class LookedAt(JobRecord):
    """The record of a job, of which each look at the slug takes one of `steps`."""

    def __init__(self, state_directory: str, slug: str) -> None:
        self.steps: Iterator[Callable[[], object]] = iter(())
        super().__init__(state_directory, slug)

    @property
    def slug(self) -> str:
        next(self.steps, lambda: None)()
        return self._slug

    @slug.setter
    def slug(self, slug: str) -> None:
        self._slug = slug


def test_one_that_ends_well_during_the_look_is_refused_too(box: Box) -> None:
    slot = hours_ago(1)
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\n{planned_at(slot)}")
    there_since(box, hours_ago(30))
    with box.start("job", "--slot", str(int(slot.timestamp()))) as live:
        started.read_line()

        def end() -> None:
            go_on.write_line()
            live.wait()

        store = LookedAt(str(box.state_directory), "job")
        store.open()
        store.steps = iter([lambda: None, end])  # other claims, then each record of the journal
        pid_start = start_time(os.getpid()) or 0
        taken = claim_by_hand(store, int(slot.timestamp()), pid_start=pid_start, boot_id=boot_id(), force=False)
        store.close()

    assert taken is not None
    assert taken.why.startswith(f"run {starts(box)[0]['run_id']} ")


def test_a_start_of_cron_that_comes_later_finds_the_slot_taken(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}\ntime_zone: UTC")
    new_year = hours_ago(0).replace(month=1, day=1, hour=0, minute=0)
    there_since(box, new_year - timedelta(days=1))

    by_hand = run_slot(box, new_year)
    by_cron = box.run("--scheduled", "job")

    assert (by_hand.exit_code, by_cron.exit_code, by_cron.stderr) == (0, 0, "")
    assert [start["trigger"] for start in starts(box)] == ["manual"]


def test_an_older_slot_does_not_open_the_newer_one_again(box: Box) -> None:
    box.job("job", f"command: 'true'\n{ONE_SLOT}\ntime_zone: UTC")
    new_year = hours_ago(0).replace(month=1, day=1, hour=0, minute=0)
    there_since(box, new_year - timedelta(days=400))
    assert box.run("--scheduled", "job").exit_code == 0

    old = run_slot(box, new_year.replace(year=new_year.year - 1))
    results = [box.run("--scheduled", "job"), run_slot(box, new_year.replace(year=new_year.year - 1))]

    assert old.exit_code == 0, old
    assert [result.exit_code for result in results] == [0, 75]
    assert [start["trigger"] for start in starts(box)] == ["cron", "manual"]
    assert "is cron running?" not in box.process_control("status").stdout


@pytest.mark.parametrize("older", [False, True])
def test_a_refused_start_gives_the_slot_back(missed: Box, older: bool) -> None:
    if older:
        assert run_slot(missed, hours_ago(1)).exit_code == 0
    missed.process_control("hold", "job")

    refused = run_slot(missed, hours_ago(2))
    missed.process_control("release", "job")

    assert refused.exit_code == 75
    assert run_slot(missed, hours_ago(2)).exit_code == 0
    assert records(missed, "refusal") == []


@pytest.mark.parametrize("older", [False, True])
def test_while_it_waits_for_its_lock_nobody_else_gets_the_slot(box: Box, older: bool) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job(
        "job",
        f"command: sh -c 'test $PROCESS_CONTROL_SCHEDULED_AT || {{ echo up > {started}; read line < {go_on}; }}'\n"
        f"{ONE_SLOT}\ntime_zone: UTC",
    )
    new_year = hours_ago(0).replace(month=1, day=1, hour=0, minute=0)
    slot = new_year.replace(year=new_year.year - 1) if older else new_year
    there_since(box, new_year - timedelta(days=400))
    if older:
        assert box.run("--scheduled", "job").exit_code == 0
    with box.start("job") as holder:
        started.read_line()
        with box.start("job", f"--slot={slot.timestamp():.0f}", "--wait") as waits:
            until(lambda: waiting_for_a_lock(waits.pid), "the start to wait")

            others = [box.run("--scheduled", "job"), run_slot(box, slot), run_slot(box, slot, "--force")]

            go_on.write_line()
            assert (holder.wait().exit_code, waits.wait().exit_code) == (0, 0)
    assert [other.exit_code for other in others] == [0, 75, 75]
    assert "is on its way" in others[1].stderr
    assert [start["scheduled_at"] for start in starts(box)].count(as_iso(slot)) == 1
    assert skips(box) == []
    assert records(box, "refusal") == []


def test_one_that_is_killed_while_it_waits_gives_the_slot_free(box: Box) -> None:
    slot = hours_ago(1)
    started, go_on = box.fifo("started"), box.fifo("go_on")
    command = f"sh -c 'test $PROCESS_CONTROL_SCHEDULED_AT || {{ echo up > {started}; read line < {go_on}; }}'"
    box.job("job", f"command: {command}\n{planned_at(slot)}")
    there_since(box, hours_ago(30))
    with box.start("job") as holder:
        started.read_line()
        with box.start("job", f"--slot={slot.timestamp():.0f}", "--wait") as waits:
            until(lambda: waiting_for_a_lock(waits.pid), "the start to wait")
            os.kill(waiting_for_a_lock(waits.pid)[0], 9)
            assert waits.wait().exit_code == 137
        go_on.write_line()
        assert holder.wait().exit_code == 0

    assert run_slot(box, slot).exit_code == 0
    assert fates(box)[-1][1:] == ("ran", "succeeded")


def test_two_at_once_run_it_once(missed: Box) -> None:
    slot = f"{hours_ago(2):%Y-%m-%dT%H:%M}Z"
    command = [str(missed.product.process_control), "run", "job", "--follow", "--slot", slot]
    lives = [missed.start_command(command) for _ in range(6)]
    codes = sorted(live.wait().exit_code or 0 for live in lives)

    assert codes == [0, 75, 75, 75, 75, 75]
    assert len(starts(missed)) == 1
    assert skips(missed) == []


def test_a_lost_run_may_be_run_again(box: Box) -> None:
    slot = hours_ago(1)
    started = box.fifo("started")
    command = f"sh -c 'test -e {box.root}/second || {{ echo $$ > {started}; exec sleep 1000; }}'"
    box.job("job", f"command: {command}\n{planned_at(slot)}")
    there_since(box, hours_ago(30))
    with box.start_command(
        [str(box.product.process_control), "run", "job", "--follow", "--slot", f"{slot:%Y-%m-%dT%H:%M}Z"]
    ) as live:
        started.read_line()
        os.kill(box.block("job")["pid"], 9)
        assert live.wait().exit_code == 137
    (box.root / "second").touch()

    assert run_slot(box, slot).exit_code == 0
    assert [outcome for outcome, _ in outcomes(box)] == ["lost", "succeeded"]


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("2000-01-01T00:00", 66, "its planned times are known since"),
        ("2100-01-01T00:00", 66, "in the future"),
        ("noon", 2, "not a time"),
    ],
)
def test_a_time_that_was_not_planned_is_refused(missed: Box, word: str, code: int, said: str) -> None:
    result = missed.process_control("run", "job", "--slot", word)

    assert (result.exit_code, starts(missed)) == (code, [])
    assert said in result.stderr


def test_the_nearest_planned_times_are_named(missed: Box) -> None:
    result = run_slot(missed, hours_ago(2) - timedelta(minutes=7))

    assert result.exit_code == 66
    assert f"{hours_ago(2).astimezone():%Y-%m-%dT%H:%M}" in result.stderr


def test_a_time_that_the_clock_showed_twice_is_asked_for(box: Box) -> None:
    year = hours_ago(0).year
    day = next(day for day in range(25, 32) if hours_ago(0).replace(year=year - 1, month=10, day=day).weekday() == 6)
    box.job("job", f'command: "true"\nschedule: "30 0-23 {day} 10 *"\ntime_zone: UTC')
    there_since(box, hours_ago(0).replace(year=year - 3, month=1))
    berlin = {"TZ": "Europe/Berlin"}

    asked = box.process_control("run", "job", "--slot", f"{year - 1}-10-{day}T02:30", env=berlin)
    named = box.process_control("run", "job", "--follow", "--slot", f"{year - 1}-10-{day}T02:30+01:00", env=berlin)

    assert asked.exit_code == 2, asked
    assert f"T02:30+02:00 or {year - 1}-10-{day}T02:30+01:00" in asked.stderr
    assert named.exit_code == 0, named
    assert fates(box, since="900d")[-1][1] in ("ran", "missed")
    assert starts(box)[0]["scheduled_at"] == f"{year - 1}-10-{day}T01:30:00.000Z"
