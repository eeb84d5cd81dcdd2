"""`start` as a page or a scheduler calls it: the ids of the runs, or why there is none."""

import os
import re
import signal

from kit.harness import Box, until
from kit.runs import ends, outcomes, pause_or_end, records, script, starts
from process_control.actions.hold import hold
from process_control.actions.rights import Actor
from process_control.actions.start import How, Started, start
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.system.account import account_of
from process_control.system.lock_waiters import waiting_pids

US = account_of(os.geteuid())


def of(box: Box, **how: object) -> How:
    return How(config=str(box.configuration), **how)  # type: ignore[arg-type]


def test_a_start_returns_the_ids_of_runs_that_go_on(box: Box, settings: Settings) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    for slug in ("a", "b"):
        box.job(slug, f"command: sh -c 'echo up > {started}; read line < {go_on}'")

    found = start(settings, ["a", "b"], US, of(box, note="at once"))
    for _ in found:
        started.read_line()
    begun = starts(box)
    for _ in found:
        go_on.write_line()
    until(lambda: len(ends(box)) == 2, "both to end")
    until(lambda: not box.processes(), "nothing to be left")

    assert [(each.slug, each.done, each.exit_code, each.why) for each in found] == [
        ("a", "started", None, None),
        ("b", "started", None, None),
    ]
    assert {each.run_id for each in found} == {each["run_id"] for each in begun}
    assert {each["note"] for each in begun} == {"at once"}


def test_a_start_that_is_refused_says_why_and_raises_nothing(box: Box, settings: Settings, actor: Actor) -> None:
    box.job("job", "command: /bin/true")
    hold(actor, load_all(settings))

    [held] = start(settings, ["job"], US, of(box))
    [unknown] = start(settings, ["nowhere"], US, of(box))
    [forced] = start(settings, ["job"], US, of(box, force=True))
    until(lambda: len(ends(box)) == 1 and not box.processes(), "the forced run to end")

    assert (held.done, held.run_id, held.exit_code) == ("not started", None, 75)
    assert "on hold since " in str(held.why)
    assert (unknown.done, unknown.exit_code) == ("not started", 66)
    assert (forced.done, forced.run_id) == ("started", ends(box)[0]["run_id"])


def test_a_start_that_waits_for_its_lock_is_queued(box: Box, settings: Settings) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\non_overlap: queue")
    start(settings, ["job"], US, of(box))
    started.read_line()

    [queued] = start(settings, ["job"], US, of(box))
    [pid] = re.findall(r"kill (\d+)$", str(queued.why))
    os.kill(int(pid), signal.SIGTERM)
    until(lambda: records(box, "skip") or not os.path.exists(f"/proc/{pid}/exe"), "it to be taken back")
    go_on.write_line()
    until(lambda: len(ends(box)) == 1 and not box.processes(), "nothing to be left")

    assert (queued.done, queued.run_id, queued.exit_code) == ("queued", None, None)
    assert outcomes(box) == [("succeeded", None)]


def test_one_that_gets_its_lock_while_others_are_begun_is_named_too(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    asked, go_on = box.fifo("asked"), box.fifo("go_on")
    job = script(box, "job.sh", f"[ -e {box.root}/free ] && exit 0; echo up > {started}; read line < {release}")
    box.job("a", f"command: {job}\non_overlap: queue")
    box.job("b", f"command: 'true'\nonly_if: sh -c 'echo up > {asked}; read line < {go_on}'")
    with box.start("a") as holder:
        started.read_line()
        (box.root / "free").touch()
        with box.start_command([str(box.product.process_control), "run", "a", "b"]) as command:
            asked.read_line()
            until(lambda: waiting_pids() & set(box.processes()), "a to wait for its lock")
            assert not pause_or_end(command, 0.5)  # until it counts as queued
            release.write_line()
            until(lambda: len(ends(box, "a")) == 2, "its run to end")
            go_on.write_line()
            result = command.wait()
        holder.wait()
    until(lambda: not box.processes(), "nothing to be left")

    assert result.exit_code == 0, result
    assert [line.split("\t")[:2] for line in result.stdout.splitlines()] == [
        ["a", starts(box, "a")[1]["run_id"]],
        ["b", starts(box, "b")[0]["run_id"]],
    ]


def test_a_start_whose_run_was_over_before_it_was_seen_is_no_failure() -> None:
    over = Started.ended("job", 0, "")

    assert (over.done, over.to_json()["changed"]) == ("started", True)
    assert "process-control history job" in str(over.why)
