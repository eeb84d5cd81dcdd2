"""`after`: a job runs after others, for their planned time, started by the end of the last one."""

import contextlib
import os
import re
import select
import signal
from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any

import pytest

from kit import mount_namespaces
from kit.harness import Box, Live, Storm, children, command_line, until
from kit.outages import hours_ago, planned_at, there_since
from kit.runs import ONE_SLOT, ends, outcomes, records, script, skips, starts

TRUE = "command: 'true'"
FALSE = "command: 'false'"


def start_as_process_1(box: Box, *arguments: str) -> tuple[Live, int]:
    """Start `run-job` as process 1 of a new pid namespace; return it, and process 1's pid out here."""
    mount_namespaces.needed()
    live = box.start_command(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--", str(box.product.run_job), *arguments]
    )
    until(lambda: live.process.poll() is not None or children(live.pid), "process 1 to be there")
    return live, (children(live.pid) or [0])[0]


def settled(box: Box, *slugs: str) -> list[tuple[str, str, str | None]]:
    """Wait until each job has an end or a skip; return job, outcome and reason of all, by job."""
    until(lambda: {each["job"] for each in _settled(box)} >= set(slugs), f"{', '.join(slugs)} to run or to be skipped")
    until(lambda: not box.processes(), "nothing to be left")
    return sorted((each["job"], each["outcome"], each["reason"]) for each in _settled(box))


def _settled(box: Box) -> Sequence[dict[str, Any]]:
    return [*ends(box), *skips(box)]


def test_a_chain_of_three_runs_in_its_order_for_one_planned_time(box: Box) -> None:
    box.job("extract", f"{TRUE}\n{ONE_SLOT}")
    box.job("load", "command: printenv PROCESS_CONTROL_SCHEDULED_AT PROCESS_CONTROL_TRIGGER\nafter: extract")
    box.job("report", f"{TRUE}\nafter: [load]")

    result = box.run("--scheduled", "extract")

    assert result.exit_code == 0
    assert [outcome for _, outcome, _ in settled(box, "extract", "load", "report")] == ["succeeded"] * 3
    assert [start["job"] for start in starts(box)] == ["extract", "load", "report"]
    assert [start["trigger"] for start in starts(box)] == ["cron", "job", "job"]
    assert len({start["scheduled_at"] for start in starts(box)}) == 1
    assert box.log_bytes("load").decode().split() == [starts(box)[0]["scheduled_at"], "job"]
    moments = [each["at"] for each in records(box, "end", "extract") + starts(box, "load")]
    assert moments == sorted(moments)


def test_the_last_of_two_causes_starts_the_follower_once(box: Box) -> None:
    release = box.fifo("release")
    box.job("orders", f"{TRUE}\n{ONE_SLOT}")
    box.job("stock", f"command: {script(box, 'stock.sh', f'read line < {release}')}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\nafter: [orders, stock]")

    with box.start("--scheduled", "stock") as live:
        until(lambda: starts(box, "stock"), "stock to run")
        box.run("--scheduled", "orders")
        until(lambda: len(box.processes()) <= 3, "the start by orders to be over")  # stock's guard, runner, job
        assert starts(box, "report") == []
        release.write_line()
        assert live.wait().exit_code == 0

    assert len(settled(box, "report")) == 3
    assert [start["job"] for start in starts(box, "report")] == ["report"]


def test_what_follows_a_failure_and_what_follows_any_end(box: Box) -> None:
    box.job("load", f"{FALSE}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\nafter: load")
    box.job("clean", f"{TRUE}\nafter: {{job: load, on: always}}")
    box.job("repair", f"{TRUE}\nafter: [{{job: load, on: failure}}]")
    box.job("mail", f"{TRUE}\nafter: report")

    box.run("--scheduled", "load")

    assert settled(box, "report", "clean", "repair", "mail") == [
        ("clean", "succeeded", None),
        ("load", "failed", "exit_code"),
        ("mail", "skipped", "cause_missing"),
        ("repair", "succeeded", None),
        ("report", "skipped", "cause_missing"),
    ]
    [report], [mail], [load] = skips(box, "report"), skips(box, "mail"), ends(box, "load")
    assert report["detail"] == f"load failed at {load['at']} (run {load['run_id']}, exit_code)"
    assert mail["detail"] == f"report was skipped (cause_missing: {report['detail']})"


def test_a_success_is_no_failure(box: Box) -> None:
    box.job("load", f"command: sh -c 'echo odd >&2'\nstderr: warn\n{ONE_SLOT}")
    box.job("repair", f"{TRUE}\nafter: {{job: load, on: failure}}")
    box.job("report", f"{TRUE}\nafter: load")

    box.run("--scheduled", "load")

    assert settled(box, "repair", "report") == [
        ("load", "warned", "stderr"),
        ("repair", "skipped", "cause_missing"),
        ("report", "succeeded", None),
    ]
    [load] = ends(box, "load")
    assert skips(box, "repair")[0]["detail"] == f"load warned at {load['at']} (run {load['run_id']}); on: failure"


def test_a_cause_that_was_skipped_has_no_run_to_follow(box: Box) -> None:
    box.job("load", f"{TRUE}\n{ONE_SLOT}\ndisabled: true")
    box.job("clean", f"{TRUE}\nafter: {{job: load, on: always}}")

    box.run("--scheduled", "load")

    assert settled(box, "clean") == [("clean", "skipped", "cause_missing"), ("load", "skipped", "disabled")]
    assert skips(box, "clean")[0]["detail"] == "load was skipped (disabled: the job file says so)"


@pytest.mark.parametrize("victims", ["runner", "guard and runner"])
def test_a_lost_cause_is_a_failure(box: Box, victims: str) -> None:
    started = box.fifo("started")
    box.job("load", f"command: {script(box, 'load.sh', f'echo $$ > {started}; exec sleep 1000')}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\nafter: load")
    box.job("repair", f"{TRUE}\nafter: {{job: load, on: failure}}")
    with box.start("--scheduled", "load") as live:
        command = int(started.read_line())
        guard, [runner] = live.pid, children(live.pid)
        for pid in (guard, runner, command) if victims == "guard and runner" else (runner,):
            with contextlib.suppress(ProcessLookupError):  # the command has ended with the two
                os.kill(pid, signal.SIGKILL)
        live.wait()
    if victims == "guard and runner":
        until(lambda: not box.processes(), "the tree to be gone")
        box.process_control("watch")

    assert settled(box, "report", "repair") == [
        ("load", "lost", "runner_killed"),
        ("repair", "succeeded", None),
        ("report", "skipped", "cause_missing"),
    ]
    assert skips(box, "report")[0]["detail"].startswith("load was lost at ")


# --- with a schedule ------------------------------------------------------------------------------------------------


def test_with_a_schedule_a_start_waits_for_the_cause_of_its_planned_time(box: Box) -> None:
    box.job("load", f"{TRUE}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\n{ONE_SLOT}\nafter: load")
    with box.start("--scheduled", "report") as live:
        [waiting] = until(lambda: records(box, "waiting"), "it to wait")
        box.run("--scheduled", "load")
        result = live.wait()

    assert result.exit_code == 0
    assert waiting["detail"] == "for load, which has not started"
    assert settled(box, "report") == [("load", "succeeded", None), ("report", "succeeded", None)]
    [start] = starts(box, "report")
    assert start["trigger"] == "cron"
    assert start["late_seconds"] == pytest.approx(sum(start["late_parts"].values()), abs=0.01)


def test_it_does_not_wait_longer_than_within(box: Box) -> None:
    box.job("load", f"{TRUE}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\n{ONE_SLOT}\nafter: {{job: load, within: 1}}")

    result = box.run("--scheduled", "report")

    assert (result.exit_code, result.stderr) == (0, "")
    assert outcomes(box) == []
    [skip] = skips(box, "report")
    assert (skip["reason"], skip["detail"]) == ("cause_missing", "load has not started; waited 1 s (within)")


def test_a_cause_that_still_runs_then_is_missing_too(box: Box) -> None:
    release = box.fifo("release")
    box.job("load", f"command: {script(box, 'load.sh', f'read line < {release}')}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\n{ONE_SLOT}\nafter: {{job: load, within: 1}}")
    with box.start("--scheduled", "load") as live:
        until(lambda: starts(box, "load"), "load to run")
        box.run("--scheduled", "report")
        release.write_line()
        live.wait()

    until(lambda: not box.processes(), "nothing to be left")
    [skip] = skips(box, "report")
    assert skip["detail"].startswith("load runs since ")


def test_a_cause_without_that_planned_time_is_named_at_once(box: Box) -> None:
    box.job("load", f'{TRUE}\nschedule: "0 0 2 1 *"')
    box.job("report", f"{TRUE}\n{ONE_SLOT}\nafter: load")

    box.run("--scheduled", "report")

    [skip] = skips(box, "report")
    assert skip["detail"] == f"load has no planned time at {skip['scheduled_at']}"


def test_term_ends_the_wait_for_a_cause(box: Box) -> None:
    box.job("load", f"{TRUE}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\n{ONE_SLOT}\nafter: load")
    with box.start("--scheduled", "report") as live:
        until(lambda: records(box, "waiting"), "it to wait")
        os.kill(live.pid, signal.SIGTERM)
        assert live.wait().exit_code == 143

    assert outcomes(box) == [("failed", "stopped")]


# --- by hand, and for a planned time by hand -------------------------------------------------------------------------


def test_nothing_follows_a_run_by_hand_and_the_last_line_says_what_would(box: Box) -> None:
    box.job("extract", f"{TRUE}\n{ONE_SLOT}")
    box.job("load", f"{TRUE}\nafter: extract")
    box.job("report", f"{TRUE}\nafter: load")

    with box.start("extract", tty=True) as live:
        shown = live.wait().stdout

    assert shown.splitlines()[-1].strip() == "nothing follows a run by hand; after it would come: load, report"
    assert [start["job"] for start in starts(box)] == ["extract"]
    assert "follows" not in box.run("report", "--show").stdout


def test_a_follower_runs_by_hand_without_its_causes(box: Box) -> None:
    box.job("load", f"{FALSE}\n{ONE_SLOT}")
    box.job("report", f"{TRUE}\nafter: load")

    assert box.run("report").exit_code == 0

    assert [start["scheduled_at"] for start in starts(box)] == [None]


def test_a_cause_that_is_run_again_for_its_planned_time_leads_on(box: Box) -> None:
    moment = hours_ago(1)
    box.job("load", f"command: sh -c 'test -e {box.root}/second'\n{planned_at(moment)}\nstart_within: 2h")
    box.job("report", f"{TRUE}\nafter: load")
    box.job("mail", f"{TRUE}\nafter: report")
    there_since(box, hours_ago(30))
    box.run("--scheduled", "load")
    assert settled(box, "mail")[1:] == [("mail", "skipped", "cause_missing"), ("report", "skipped", "cause_missing")]
    (box.root / "second").touch()

    slot = starts(box, "load")[0]["scheduled_at"]
    result = box.process_control("run", "load", "--slot", slot)

    assert result.exit_code == 0, result
    until(lambda: ends(box, "mail"), "mail to run")
    assert [(end["job"], end["outcome"], end["scheduled_at"]) for end in ends(box)][1:] == [
        ("load", "succeeded", slot),
        ("report", "succeeded", slot),
        ("mail", "succeeded", slot),
    ]


def test_what_follows_a_late_cause_waits_for_the_lock_of_its_job(box: Box) -> None:
    """Two planned times that are run one after the other by hand: the follower of the second is no overlap."""
    release = box.fifo("release")
    moments = hours_ago(2), hours_ago(1)
    box.job("extract", f"{TRUE}\n{planned_at(*moments, hours_ago(0.5))}")
    box.job("load", f"command: {script(box, 'load.sh', f'read line < {release}')}\nafter: extract")
    there_since(box, hours_ago(30))

    for moment in moments:
        box.process_control("run", "extract", "--follow", "--slot", f"{moment:%Y-%m-%dT%H:%M}Z")
    until(lambda: starts(box, "load"), "the first to run")
    until(lambda: len(records(box, "waiting", "load")) == 1, "the second to wait")
    release.write_line()
    until(lambda: len(starts(box, "load")) == 2, "the second to run")
    release.write_line()

    assert settled(box, "load")[2:] == [("load", "succeeded", None)] * 2
    assert all(start["caught_up"] for start in starts(box, "load"))


# --- what is seen ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chain(box: Box) -> Box:
    """A chain of three that was planned an hour ago."""
    box.job("extract", f"{TRUE}\n{planned_at(hours_ago(1))}\nstart_within: 2h")
    box.job("load", f"{FALSE}\nafter: extract")
    box.job("report", f"{TRUE}\nafter: load")
    there_since(box, hours_ago(30))
    return box


def counts(box: Box) -> dict[str, list[int]]:
    result = box.process_control("slots", "--count", "--since", "90m", "--json").json()
    names = ("planned", "ran", "skipped", "missed", "due")
    return {each["job"]: [each[name] for name in names] for each in result["jobs"]}


def test_the_books_close_for_followers_too(chain: Box) -> None:
    assert counts(chain) == {job: [1, 0, 0, 0, 1] for job in ("extract", "load", "report")}
    assert "waits: for extract, which has not started" in as_one_line(chain.process_control("why", "load").stdout)

    chain.run("--scheduled", "extract")
    settled(chain, "report")

    assert counts(chain) == {"extract": [1, 1, 0, 0, 0], "load": [1, 1, 0, 0, 0], "report": [1, 0, 1, 0, 0]}
    why = as_one_line(chain.process_control("why", "report").stdout)
    assert re.search(r"did not run at .*: load failed at .* \(run \w+, exit_code\): nothing after it ran\.", why), why
    assert "process-control explain after" in why


def test_a_follower_of_what_was_missed_is_skipped_and_opens_nothing(box: Box) -> None:
    box.job("extract", f"{TRUE}\n{planned_at(hours_ago(1))}")
    box.job("load", f"{TRUE}\nafter: extract")
    there_since(box, hours_ago(30))

    assert counts(box) == {"extract": [1, 0, 0, 1, 0], "load": [1, 0, 1, 0, 0]}
    assert "extract was missed: nothing after it ran" in as_one_line(box.process_control("why", "load").stdout)
    [load] = [each for each in box.process_control("status", "--json").json()["jobs"] if each["job"] == "load"]
    assert load["why"] in (None, "")


def as_one_line(text: str) -> str:
    return " ".join(text.split())


def test_show_timers_and_the_crontab_know_a_follower(chain: Box) -> None:
    shown = chain.process_control("show", "load").stdout
    crontab = chain.cron_generate().stdout
    [timer] = [each for each in chain.process_control("timers", "--json").json()["timers"] if each["job"] == "load"]

    assert "extract.yaml" in next(line for line in shown.splitlines() if "schedule" in line.split())
    assert timer["next"] is not None
    source = chain.job_directory / "load.yaml"
    assert f"# started after extract: {source}" in crontab
    assert [line for line in crontab.splitlines() if "--scheduled" in line and "extract" not in line] == []
    assert [line for line in crontab.splitlines() if line.startswith("* * * * *") and "watch" in line]
    units = chain.process_control("export", "systemd", "--json").stdout
    assert "process-control-load.timer" not in units
    assert "process-control-extract.timer" in units


# --- what cannot be -------------------------------------------------------------------------------------------------


FAULTS = {
    "no such job": (
        {"lod": ONE_SLOT},
        "after: load",
        "'after' names a job that does not exist: 'load'",
        "did you mean 'lod'?",
    ),
    "a circle": (
        {"load": "after: extract", "extract": "after: report"},
        "after: load",
        "'after' leads in a circle: report → extract → load → report",
        "remove one of these from 'after'",
    ),
    "a cause that is never planned": (
        {"load": ""},
        "after: load",
        "its cause 'load' has neither 'schedule' nor 'after', so it has no planned times",
        "add a schedule to load.yaml: nothing follows a run by hand",
    ),
    "two schedules": (
        {"load": "after: extract", "extract": "schedule: '0 3 * * *'", "stock": "schedule: '0 4 * * *'"},
        "after: [load, stock]",
        "'after' leads to jobs with different planned times: 'stock' (0 4 * * *) and 'extract' (0 3 * * *)",
        "write a schedule for this job, or the same one for all causes",
    ),
    "two zones": (
        {"a": "schedule: '0 3 * * *'\ntime_zone: UTC", "b": "schedule: '0 3 * * *'\ntime_zone: Asia/Tokyo"},
        "after: [a, b]",
        "'after' leads to jobs with different planned times: 'a' (0 3 * * * UTC) and 'b' (0 3 * * * Asia/Tokyo)",
        "write a schedule for this job, or the same one for all causes",
    ),
}


@pytest.mark.parametrize(("others", "text", "what", "hint"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_is_refused_wherever_jobs_are_loaded(
    box: Box, others: dict[str, str], text: str, what: str, hint: str
) -> None:
    for slug, keys in others.items():
        box.job(slug, f"{TRUE}\n{keys}")
    box.job("report", f"{TRUE}\n{text}")

    by_hand, generated = box.run("report"), box.cron_generate()
    linted, listed = box.process_control("lint"), box.process_control("list")

    fault = f"report.yaml:3:1: {what}"
    assert by_hand.exit_code == 78
    assert by_hand.stderr == f"{fault}\n  hint: {hint}\n"
    assert (linted.exit_code, generated.exit_code) == (1, 1)
    assert fault in linted.stdout
    assert hint in linted.stdout
    assert fault in generated.stderr
    assert what in listed.stdout


# --- two starters, and kills -----------------------------------------------------------------------------------------


@pytest.mark.fault("2 causes end at a time", small=6, full=500, wanted="one run of the follower each")
def test_two_causes_that_end_at_one_moment_start_one_run(box: Box, storm: Storm) -> None:
    box.job("report", f"{TRUE}\nafter: [orders, stock]\non_overlap: fail")
    for number in storm.rounds():
        box.job("orders", f"{TRUE}\n{slot_number(number)}")
        box.job("stock", f"{TRUE}\n{slot_number(number)}")
        with box.start("--scheduled", "orders") as one, box.start("--scheduled", "stock") as other:
            assert (one.wait().exit_code, other.wait().exit_code) == (0, 0)
        until(lambda wanted=number + 1: len(ends(box, "report")) >= wanted, "the follower to run")
        until(lambda: not box.processes(), "nothing to be left")

    assert skips(box) == []
    assert len(starts(box, "report")) == storm.size
    assert len({start["scheduled_at"] for start in starts(box, "report")}) == storm.size


def slot_number(number: int) -> str:
    return f'schedule: "{number % 60} {number // 60 % 24} {number // 1440 + 1} 1 *"\nstart_within: 400d'


@pytest.mark.fault("3 starters of a follower at a time", small=6, full=50, wanted="one run for each planned time")
def test_three_starters_of_one_follower_start_one_run(box: Box, storm: Storm) -> None:
    """The end of the cause is one of them, and two come at that moment besides, as `watch` and another cause would."""
    box.job("report", f"{TRUE}\nafter: load\non_overlap: fail")
    for number in storm.rounds():
        box.job("load", f"{TRUE}\n{slot_number(number)}")
        box.run("--scheduled", "load")
        slot = int(datetime.fromisoformat(starts(box, "load")[-1]["scheduled_at"]).timestamp())
        starters = [box.start("--scheduled=job", f"--slot={slot}", "report", via="stub") for _ in range(2)]
        assert [live.wait().exit_code for live in starters] == [0, 0]
        until(lambda wanted=number + 1: len(ends(box, "report")) >= wanted, "the follower to run")
        until(lambda: not box.processes(), "nothing to be left")

    assert skips(box) == []
    assert len(starts(box, "report")) == len({start["scheduled_at"] for start in starts(box, "report")}) == storm.size


@pytest.mark.fault("kills of a chain at any moment", small=8, full=400, wanted="nothing lost, nothing twice")
def test_a_chain_that_is_killed_at_any_moment_is_carried_on_by_watch(box: Box, storm: Storm) -> None:
    """Each round kills what there is; then looks of `watch` start what is left. The records say what had to follow."""
    random = Random(storm.size)
    box.job("load", f"{TRUE}\nafter: extract")
    box.job("report", f"{TRUE}\nafter: load")
    for number in storm.rounds():
        box.job("extract", f"{TRUE}\n{slot_number(number)}")
        with box.start("--scheduled", "extract", via="stub") as live:
            select.select([], [], [], random.random() * 0.7)  # the moment is what is tried
            for pid in box.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            live.wait()
        until(lambda: not box.processes(), "nothing to be left")

    def is_settled() -> bool:
        box.process_control("watch")
        until(lambda: not box.processes(), "what watch has started to end")
        return not what_is_left(box)

    until(is_settled, "all to be settled", seconds=60 + 5 * storm.size)
    for slug in ("load", "report"):
        slots = [start["scheduled_at"] for start in starts(box, slug)]
        assert len(slots) == len(set(slots))
    storm.found(f"nothing lost, nothing twice; {len(starts(box, 'report'))} chains whole")


def what_is_left(box: Box) -> set[tuple[str, str]]:
    """Return the planned times of followers that have neither run nor skip although their cause has ended."""
    left = set()
    for cause, follower in (("extract", "load"), ("load", "report")):
        ended = {each["scheduled_at"] for each in _settled(box) if each["job"] == cause}
        left |= {(follower, slot) for slot in ended}
        left -= {(follower, each["scheduled_at"]) for each in _settled(box) if each["job"] == follower}
    return left


def test_a_follower_is_stopped_as_any_run(box: Box) -> None:
    started = box.fifo("started")
    box.job("extract", f"{TRUE}\n{ONE_SLOT}")
    box.job("load", f"command: {script(box, 'load.sh', f'echo > {started}; exec sleep 1000')}\nafter: extract")
    box.run("--scheduled", "extract")
    started.read_line()

    os.kill(box.block("load")["guard_pid"], signal.SIGTERM)

    assert settled(box, "load")[-1] == ("load", "failed", "stopped")


# --- process 1 of a container ----------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_process_1_of_a_container_waits_for_what_follows(box: Box) -> None:
    box.job("extract", f"{TRUE}\n{ONE_SLOT}")
    box.job("load", "command: sleep 0.5\nafter: extract")
    box.job("report", "command: sleep 0.2\nafter: load")

    live, _ = start_as_process_1(box, "--scheduled", "extract")

    assert live.wait().exit_code == 0
    assert [end["job"] for end in ends(box)] == ["extract", "load", "report"]


@pytest.mark.needs_root
def test_a_signal_to_process_1_stops_what_follows(box: Box) -> None:
    started = box.fifo("started")
    box.job("extract", f"{TRUE}\n{ONE_SLOT}")
    box.job("load", f"command: {script(box, 'load.sh', f'echo > {started}; sleep 1000')}\nafter: extract")
    live, init = start_as_process_1(box, "--scheduled", "extract")
    started.read_line()
    until(lambda: [follows(pid) for pid in children(init)] == [True], "the guard of extract to be gone")

    os.kill(init, signal.SIGTERM)

    assert live.wait().exit_code == 0
    assert [(end["job"], end["reason"]) for end in ends(box)] == [("extract", None), ("load", "stopped")]


@pytest.mark.needs_root
def test_a_signal_to_process_1_stops_what_follows_while_the_run_before_still_reports(box: Box) -> None:
    """It has ended, and its report is not read: the signal does not stop it any more."""
    started = box.fifo("started")
    box.job("extract", f"command: sh -c 'head -c 200000 /dev/zero >&2; exit 3'\n{ONE_SLOT}")
    load = script(box, "load.sh", f"echo > {started}; sleep 1000")
    box.job("load", f"command: {load}\nafter: {{job: extract, on: always}}")
    live, init = start_as_process_1(box, "--scheduled", "extract")
    started.read_line()

    os.kill(init, signal.SIGTERM)

    assert live.wait().exit_code == 3
    assert [(end["job"], end["reason"]) for end in ends(box)] == [("extract", "exit_code"), ("load", "stopped")]


def follows(pid: int) -> bool:
    return "--scheduled=job" in command_line(pid)
