"""Pools and `max_concurrent`: how many runs go at once, what waits or is refused, and who frees a place."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from kit.harness import Box, Live, children, until
from kit.runs import ONE_SLOT, date_version_back, ends, kill_both, outcomes, records, script, skips, slots_of, starts

EVERY_MINUTE = 'schedule: "* * * * *"\nstart_within: 1h'


@pytest.fixture
def limited(make_box) -> Iterator[Box]:
    """A host with a pool of one place, `db`."""
    return make_box(pools={"db": {"at_once": 1}})


def a_holder(box: Box, slug: str = "holder", keys: str = "pool: db") -> tuple[Live, object]:
    """Start a run that holds its places until the fifo is written to."""
    started, go_on = box.fifo(f"started-{slug}"), box.fifo(f"go-on-{slug}")
    box.job(slug, f"command: sh -c 'echo up > {started}; read line < {go_on}'\n{keys}")
    live = box.start(slug)
    started.read_line()
    return live, go_on


def run_id_of(box: Box, slug: str) -> str:
    return str(starts(box, slug)[-1]["run_id"])


def test_twenty_starts_of_ten_jobs_never_run_more_than_three_at_once(make_box) -> None:
    box = make_box(pools={"db": {"at_once": 3}})
    notes = box.root / "notes"
    notes.touch()
    notes.chmod(0o666)
    one = f"sh -c 'echo begin >> {notes}; sleep 0.5; echo end >> {notes}'"
    for number in range(10):
        box.job(f"job{number}", f"command: {one}\npool: db\non_overlap: queue\n{EVERY_MINUTE}")
    box.run("job0", "--force")  # fills the cache
    with ExitStack() as stack:
        lives_ = [stack.enter_context(box.start("--scheduled", f"job{number}")) for number in range(10)]
        lives_ += [stack.enter_context(box.start("--wait", f"job{number}")) for number in range(10)]
        results = [live.wait(seconds=120) for live in lives_]

    assert [result.exit_code for result in results] == [0] * 20
    now = most = 0
    for line in notes.read_text().split():
        now += 1 if line == "begin" else -1
        most = max(most, now)
    assert 1 < most <= 3
    assert len(ends(box)) == 21


def test_by_hand_a_full_pool_refuses_and_names_its_runs(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", "command: 'true'\npool: db")
    with live:
        result = limited.run("job")
        since = starts(limited, "holder")[0]
        forced = limited.run("job", "--force")
        planned = limited.run_job("--dry-run", "job").stdout
        go_on.write_line()

    assert result.exit_code == 75
    assert result.stderr.splitlines()[0].startswith(
        f"job: not started: pool db is full: 1 of 1 taken by holder (run {since['run_id']} since 20"
    )
    assert "hint: wait for a place with run-job --wait job, or run it without one: run-job --force job" in result.stderr
    assert forced.exit_code == 0
    assert "pool         db\nwait         pool db is full: 1 of 1 taken by holder\n" in planned


def test_wait_gets_the_place_when_the_holder_ends(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", "command: 'true'\npool: db")
    with live, limited.start("--wait", "job", tty=True) as waiting:
        waiting.wait_for_line("job: waiting for a place in pool db: 1 of 1 taken by holder")
        go_on.write_line()
        assert waiting.wait().exit_code == 0


def test_wait_has_a_time_limit(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", "command: 'true'\npool: db")
    with live:
        result = limited.run("--wait=0.2", "job")
        go_on.write_line()

    assert result.exit_code == 75
    assert "job: waited 0.2 s: pool db is full: 1 of 1 taken by holder (run " in result.stderr


def test_a_scheduled_start_waits_is_due_and_says_what_for(limited: Box) -> None:
    limited.job("job", f"command: 'true'\npool: db\n{EVERY_MINUTE}")
    limited.run("job")
    date_version_back(limited, "job")
    live, go_on = a_holder(limited)
    with live, limited.start("--scheduled", "job") as waiting:
        [noted] = until(lambda: records(limited, "waiting"), "it to wait")
        due = slots_of(limited, "job")[noted["scheduled_at"]]
        [status] = limited.process_control("status", "--json", "job").json()["jobs"]
        why = limited.process_control("why", "--json", "job").json()["now"]
        shown = limited.process_control("why", "job").stdout
        go_on.write_line()
        assert waiting.wait().exit_code == 0

    assert noted["detail"] == "a place in pool db: 1 of 1 taken by holder"
    since = datetime.fromisoformat(status["why"].removeprefix("a start waits since ").split()[0])
    assert abs(since - datetime.fromisoformat(noted["at"])) < timedelta(minutes=1)
    assert status["why"].endswith("for a place in pool db: 1 of 1 taken by holder")
    [blocked] = [each for each in why["blocked_by"] if each["reason"] == "waiting"]
    assert (blocked["detail"], blocked["remedy"]) == (status["why"], "process-control status holder")
    assert "for a place in pool db: 1 of 1 taken by holder" in " ".join(shown.split())
    assert due["fate"] == "due"
    assert "waits for a place in pool db: 1 of 1 taken by holder" in [each["what"] for each in due["evidence"]]
    start = starts(limited, "job")[-1]
    parts: dict[str, float] = start["late_parts"]
    assert set(parts) == {"trigger", "gate", "lock", "queue"}
    assert parts["queue"] > 0
    assert start["late_seconds"] == pytest.approx(sum(parts.values()), abs=0.003)
    assert len(records(limited, "waiting")) == 1


WAITS_WHEN_IT_HAS_NOTED = """\
import sys
seen = sys.argv.pop()
sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
from process_control.run import place_queue
real = place_queue.note_waiting
def note_and_wait(*what):
    real(*what)
    with open(seen) as file:
        file.readline()
place_queue.note_waiting = note_and_wait
from process_control.cli.run_job.main import main
main()
"""


def test_a_start_is_shown_as_waiting_as_soon_as_the_record_says_so(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\n{EVERY_MINUTE}")
    seen, driver = limited.fifo("seen"), limited.root / "driver.py"
    driver.write_text(WAITS_WHEN_IT_HAS_NOTED)
    words = ["-I", str(driver), str(limited.product.site_packages), "--scheduled", "job", str(seen)]
    with live, limited.start_command([*limited.product.python, *words]) as waiting:
        until(lambda: records(limited, "waiting"), "it to wait")
        [status] = limited.process_control("status", "--json", "job").json()["jobs"]
        seen.write_line()
        go_on.write_line()
        assert waiting.wait().exit_code == 0

    assert str(status["why"]).startswith("a start waits since "), status


def test_after_the_wait_the_gate_is_asked_again(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as waiting:
        until(lambda: records(limited, "waiting"), "it to wait")
        limited.job("job", f"command: 'true'\npool: db\ndisabled: true\n{EVERY_MINUTE}")
        go_on.write_line()
        assert waiting.wait().exit_code == 0

    assert [skip["reason"] for skip in skips(limited, "job")] == ["disabled"]
    assert limited.run("job").exit_code == 0, "the place is free again"


def test_a_start_that_waited_too_long_is_skipped_and_says_who_held_the_pool(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\nqueue_timeout: 0.2s\n{EVERY_MINUTE}")
    with live:
        result = limited.run("--scheduled", "job")
        go_on.write_line()

    assert result.exit_code == 0
    [skip] = skips(limited, "job")
    detail = "waited 0.2 s for a place in pool db: 1 of 1 taken by holder"
    assert (skip["reason"], skip["detail"]) == ("overlap", detail)


def test_while_one_start_waits_the_next_of_its_job_is_skipped(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as waiting:
        [first] = until(lambda: records(limited, "waiting"), "it to wait")
        limited.job("job", f"command: 'true'\npool: db\n{ONE_SLOT}")  # another planned time
        next_ = limited.run("--scheduled", "job")
        go_on.write_line()
        waiting.wait()

    assert next_.exit_code == 0
    [skip] = skips(limited, "job")
    assert skip["scheduled_at"] != first["scheduled_at"]
    assert skip["detail"].startswith("an earlier start of this job still waits for a place in pool db: 1 of 1 taken by")


def test_with_queue_both_starts_of_a_job_wait_and_run_in_order(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\non_overlap: queue\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as one:
        until(lambda: records(limited, "waiting"), "the first to wait")
        limited.job("job", f"command: 'true'\npool: db\non_overlap: queue\n{ONE_SLOT}")  # another planned time
        with limited.start("--scheduled", "job") as two:
            first, second = until(lambda: len(found := records(limited, "waiting")) == 2 and found, "both to wait")
            go_on.write_line()
            assert (one.wait().exit_code, two.wait().exit_code) == (0, 0)

    assert [start["scheduled_at"] for start in starts(limited, "job")] == [
        first["scheduled_at"],
        second["scheduled_at"],
    ]
    assert skips(limited) == []


def test_with_fail_the_start_beside_a_waiting_one_is_a_failed_run(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\non_overlap: fail\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as waiting:
        until(lambda: records(limited, "waiting"), "it to wait")
        limited.job("job", f"command: 'true'\npool: db\non_overlap: fail\n{ONE_SLOT}")
        next_ = limited.run("--scheduled", "job")
        go_on.write_line()
        waiting.wait()

    assert next_.exit_code == 75
    assert outcomes(limited, "job") == [("failed", "overlap"), ("succeeded", None)]


def test_a_run_for_a_missed_time_that_gets_no_place_leaves_it_missed(limited: Box) -> None:
    text = f"command: 'true'\npool: db\nqueue_timeout: 0.2s\ncatch_up: all\n{ONE_SLOT}"
    limited.job("job", text)
    live, go_on = a_holder(limited)
    seconds = 60 * (int(time.time()) // 60 - 5)
    with live:
        refused = limited.run("--scheduled", f"--slot={seconds}", "job")
        go_on.write_line()

    assert refused.exit_code == 75
    assert (records(limited, "waiting"), skips(limited), starts(limited, "job")) == ([], [], [])


def test_a_lock_that_was_taken_meanwhile_is_met_as_on_overlap_says(limited: Box) -> None:
    started, go_on_forced = limited.fifo("started"), limited.fifo("go_on")
    live, go_on = a_holder(limited)
    command = script(limited, "job", f"echo up > {started}; read line < {go_on_forced}")
    limited.job("job", f"command: {command}\npool: db\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as waiting:
        until(lambda: records(limited, "waiting"), "it to wait")
        with limited.start("--force", "job") as forced:
            started.read_line()
            go_on.write_line()
            assert waiting.wait().exit_code == 0
            go_on_forced.write_line()
            forced.wait()

    [skip] = skips(limited, "job")
    assert (skip["reason"], skip["detail"][:4]) == ("overlap", "run ")
    assert limited.run("holder", "--wait=5", "--timeout=1").exit_code == 124, "the place was given back"


def test_a_start_that_waits_keeps_no_lock_and_no_place(make_box) -> None:
    box = make_box(pools={"db": {"at_once": 1}, "web": {"at_once": 1}}, max_concurrent=2)
    live, go_on = a_holder(box)
    box.job("job", f"command: 'true'\npool: db\nlock: shared\n{EVERY_MINUTE}")
    box.job("other", "command: 'true'\npool: web\nlock: shared")
    with live, box.start("--scheduled", "job") as waiting:
        until(lambda: records(box, "waiting"), "it to wait")
        assert box.run("other").exit_code == 0, "the lock, the place on the host and the other pool are free"
        go_on.write_line()
        waiting.wait()


def test_a_job_that_is_running_is_skipped_at_once_although_its_pool_is_full(limited: Box) -> None:
    live, go_on = a_holder(limited, keys=f"pool: db\n{ONE_SLOT}")
    with live:
        result = limited.run("--scheduled", "holder")
        go_on.write_line()

    assert result.exit_code == 0
    [skip] = skips(limited)
    assert (skip["reason"], "waits" in skip["detail"]) == ("overlap", False)


def test_replace_gets_the_place_of_the_run_that_it_replaces(limited: Box) -> None:
    live, _ = a_holder(limited, keys=f"pool: db\non_overlap: replace\nkill_grace: 1\n{ONE_SLOT}")
    limited.job("holder", f"command: 'true'\npool: db\non_overlap: replace\nkill_grace: 1\n{ONE_SLOT}")
    with live:
        result = limited.run("--scheduled", "holder")
        live.wait()

    assert result.exit_code == 0
    assert outcomes(limited) == [("failed", "stopped"), ("succeeded", None)]


def test_a_killed_holder_frees_its_place(limited: Box) -> None:
    live, _ = a_holder(limited)
    limited.job("job", f"command: 'true'\npool: db\n{EVERY_MINUTE}")
    with live, limited.start("--scheduled", "job") as waiting:
        until(lambda: records(limited, "waiting"), "it to wait")
        os.kill(children(live.pid)[0], signal.SIGKILL)
        assert waiting.wait().exit_code == 0

    assert ("succeeded", None) in outcomes(limited, "job")


def test_processes_of_a_killed_run_keep_its_place_until_they_end(limited: Box) -> None:
    started = limited.fifo("started")
    keeper = script(limited, "keeper", f"sh -c 'echo up > {started}; exec sleep 1000'; true")
    limited.job("holder", f"command: {keeper}\npool: db")
    live = limited.start("holder")
    started.read_line()
    limited.job("job", "command: 'true'\npool: db")
    with live:
        kill_both(limited, "holder")
        live.wait()
    left = limited.processes()
    refused = limited.run("job")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    limited.wait_until_all_ended()

    assert left
    assert refused.exit_code == 75
    assert f"holder (processes left by run {run_id_of(limited, 'holder')} since" in refused.stderr
    assert limited.run("job").exit_code == 0


def test_a_subjob_runs_in_the_place_of_its_outer_run(make_box) -> None:
    box = make_box(max_concurrent=1, pools={"db": {"at_once": 1}})
    box.job("inner", "command: echo hello\npool: db")
    box.job("middle", "command: run-job inner")
    box.job("outer", f"command: run-job middle\npool: db\n{ONE_SLOT}")

    result = box.run("--scheduled", "outer")

    assert (result.exit_code, result.stderr) == (0, "")
    assert outcomes(box) == [("succeeded", None)] * 3


def test_a_subjob_waits_for_a_pool_in_which_its_outer_run_has_no_place(limited: Box) -> None:
    live, go_on = a_holder(limited)
    limited.job("inner", "command: 'true'\npool: db")
    limited.job("outer", "command: run-job inner")
    with live, limited.start("outer") as outer:
        until(lambda: starts(limited, "outer"), "the outer run")
        until((limited.root / "state/run/.next-pool-db.lock").exists, "the inner start to wait")
        go_on.write_line()
        assert outer.wait().exit_code == 0

    assert outcomes(limited, "inner") == [("succeeded", None)]


def test_the_host_is_full(make_box) -> None:
    box = make_box(max_concurrent=1)
    live, go_on = a_holder(box, keys="")
    box.job("job", f"command: 'true'\n{EVERY_MINUTE}")
    with live, box.start("--scheduled", "job") as waiting:
        [noted] = until(lambda: records(box, "waiting"), "it to wait")
        refused = box.run("job")
        go_on.write_line()
        assert waiting.wait().exit_code == 0

    assert noted["detail"] == "a place on this host (max_concurrent): 1 of 1 taken by holder"
    assert refused.exit_code == 75
    assert "job: not started: this host (max_concurrent) is full: 1 of 1 taken by holder (run " in refused.stderr


def test_term_ends_the_wait_and_kill_job_too(limited: Box) -> None:
    live, go_on = a_holder(limited)
    for slug in ("one", "two", "three"):
        limited.job(slug, f"command: 'true'\npool: db\n{ONE_SLOT}")
    with live, limited.start("--scheduled", "one") as one:
        until(lambda: records(limited, "waiting", "one"), "one to wait")
        with limited.start("--scheduled", "two") as two:
            until(lambda: records(limited, "waiting", "two"), "two to wait, behind one")
            stop = limited.run("--kill-job", "two")
            killed = two.wait()
        os.kill(one.pid, signal.SIGTERM)
        ended = one.wait()
        go_on.write_line()

    assert (stop.exit_code, killed.exit_code, ended.exit_code) == (0, 143, 143), stop.stderr
    assert [skip["detail"] for skip in skips(limited)] == [
        "stopped while it waited for a place in pool db: 1 of 1 taken by holder"
    ] * 2


def test_a_wait_costs_next_to_no_processor_time(limited: Box) -> None:
    started = limited.fifo("started")
    holder = script(limited, "holder", f"echo up > {started}; sleep 3")
    limited.job("holder", f"command: {holder}\npool: db")
    limited.job("job", f"command: sh -c 'cat /proc/$PPID/stat'\npool: db\n{ONE_SLOT}")
    with limited.start("holder"):
        started.read_line()
        limited.run("--scheduled", "job")

    fields = limited.log_bytes("job").rpartition(b")")[2].split()
    assert int(fields[11]) + int(fields[12]) < 100, "of 300 ticks of 10 ms"
