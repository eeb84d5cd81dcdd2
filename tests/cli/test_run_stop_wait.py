"""`run`, `stop`, `wait`, `show`: one job or many, from a shell that goes away."""

import os
import re
import signal

import pytest

from kit.harness import Box, until, wait_gone
from kit.runs import ends, outcomes, starts, the_end


def test_run_starts_jobs_and_returns_with_the_ids_of_their_runs(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    for slug in ("a", "b"):
        box.job(slug, f"command: sh -c 'echo up > {started}; read line < {go_on}'")

    result = box.process_control("run", "a", "b")
    for _ in range(2):
        started.read_line()
    ids = {start["run_id"] for start in starts(box)}
    go_on.write_line()
    go_on.write_line()
    until(lambda: len(ends(box)) == 2, "both to end")
    until(lambda: not box.processes(), "nothing to be left")

    assert result.exit_code == 0
    assert {line.split("\t")[1] for line in result.stdout.splitlines()} == ids
    assert outcomes(box) == [("succeeded", None)] * 2


def test_run_of_a_held_job_says_why_not(box: Box) -> None:
    box.job("job", "command: /bin/true")
    box.process_control("hold", "job", "--note", "no")

    result = box.process_control("run", "job")

    assert result.exit_code == 75
    assert "on hold since " in result.stdout + result.stderr
    assert starts(box) == []


def test_run_with_follow_ends_as_the_job_ends(box: Box) -> None:
    box.job("job", "command: sh -c 'exit 7'")

    assert box.process_control("run", "--follow", "job").exit_code == 7
    assert box.process_control("run", "--follow", "job", "--dry-run").exit_code == 0
    assert len(ends(box)) == 1


def test_run_with_follow_shows_the_output_in_a_pipe(box: Box) -> None:
    box.job("job", "command: sh -c 'echo out; echo err >&2'\nstderr: ignore")

    shown = box.process_control("run", "--follow", "job")
    quiet = box.process_control("run", "--follow", "--quiet", "job")

    assert (shown.stdout, shown.exit_code) == ("out\n", 0)
    assert "err\n" in shown.stderr
    assert (quiet.stdout, quiet.stderr, quiet.exit_code) == ("", "", 0)


def test_stop_ends_all_that_run_and_says_when_nothing_did(box: Box) -> None:
    started = box.fifo("started")
    for slug in ("a", "b"):
        box.job(slug, f"command: sh -c 'echo up > {started}; exec sleep 1000'")
    box.process_control("run", "a", "b")
    for _ in range(2):
        started.read_line()

    stopped = box.process_control("stop", "*", "--note", "enough")
    again = box.process_control("stop", "*")
    until(lambda: not box.processes(), "nothing to be left")

    assert (stopped.exit_code, again.exit_code) == (0, 1)
    assert outcomes(box) == [("failed", "stopped")] * 2


@pytest.mark.parametrize("text", [None, "comand: /bin/true\n"], ids=["gone", "invalid"])
def test_stop_ends_a_run_whose_job_file_is_gone_or_invalid(box: Box, text: str | None) -> None:
    started = box.fifo("started")
    path = box.job("forsaken", f"command: sh -c 'echo > {started}; exec sleep 1000'")
    with box.start("forsaken") as live:
        started.read_line()
        path.unlink()
        if text is not None:
            box.job("forsaken", text)
        stopped = box.process_control("stop", "forsaken")
        live.wait()
        again = box.process_control("stop", "forsaken")

    assert stopped.exit_code == 0, stopped
    assert outcomes(box) == [("failed", "stopped")]
    assert again.exit_code == (66 if text is None else 1), again


def test_wait_returns_when_the_runs_have_ended_and_tells_how(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}; exit 3'")
    with box.start("job") as live:
        started.read_line()
        too_long = box.process_control("wait", "job", "--timeout", "0.1s")
        with box.start_command([str(box.product.process_control), "wait", "job"]) as waiting:
            go_on.write_line()
            live.wait()
            result = waiting.wait()

    assert too_long.exit_code == 1
    assert result.exit_code == 0
    if result.stdout:  # it came before the end
        assert result.stdout == f"job\t{the_end(box)['run_id']}\tfailed: exited with 3\n"


def test_show_tells_each_value_with_its_origin_and_the_next_slots(box: Box) -> None:
    box.configure(default_job_config={"timeout": "20m"})
    box.job("job", 'command: /bin/true\nschedule: "0 6 * * *"\nretry: 3\nverdicts: [{exit_code: 75, verdict: retry}]')

    lines = [line.split("\t") for line in box.process_control("show", "job").stdout.splitlines()]
    values = {line[1]: (line[2], line[3]) for line in lines if line[0] == "value"}
    told = box.process_control("show", "job", "--json").json()["job"]

    assert values["timeout"][0] == "20 min"
    assert "default_job_config" in values["timeout"][1]
    assert values["retry.attempts"][0] == "3"
    assert values["verdicts"][0] == "{exit_code: 75, verdict: retry}"
    assert values["schedule"] == ("0 6 * * *", values["schedule"][1])
    assert "job.yaml:" in values["schedule"][1]
    assert len([line for line in lines if line[0] == "slot"]) == len(told["slots"]) == 10
    assert box.process_control("show", "nowhere").exit_code == 66


HOLDS = "command: sh -c 'echo up > {started}; read line < {go_on}'\non_overlap: queue"


def test_run_of_a_job_that_queues_returns_at_once_and_names_the_way_back(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", HOLDS.format(started=started, go_on=go_on))
    box.process_control("run", "job")
    started.read_line()

    queued = box.process_control("run", "job", seconds=8.0)
    [told] = box.process_control("run", "job", "--json", seconds=8.0).json()["jobs"]
    for line in (queued.stdout, told["why"]):
        waiting = int(re.search(r"kill (\d+)", line)[1])  # type: ignore[index]  # else it fails, rightly
        os.kill(waiting, signal.SIGTERM)
        wait_gone(waiting)
    go_on.write_line()
    until(lambda: not box.processes(), "nothing to be left")

    assert queued.exit_code == 0
    assert re.fullmatch(r"job\t\tqueued: it starts when its lock is free; to cancel: kill \d+\n", queued.stdout), queued
    assert (told["done"], told["run_id"]) == ("queued", None)
    assert outcomes(box) == [("succeeded", None)]


def test_control_c_takes_a_start_back_that_waits_for_its_lock(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", HOLDS.format(started=started, go_on=go_on))
    box.process_control("run", "job")
    started.read_line()

    with box.start_command([str(box.product.process_control), "run", "--follow", "job"], tty=True) as live:
        live.wait_for_line("waiting: ")
        live.type(b"\x03")
        result = live.wait()
    go_on.write_line()
    until(lambda: not box.processes(), "nothing to be left")

    assert result.exit_code == 130
    assert outcomes(box) == [("succeeded", None)]


def test_wait_tells_how_the_last_run_of_a_named_job_ended_when_it_runs_no_more(box: Box) -> None:
    box.job("job", "command: sh -c 'exit 3'")
    box.job("other", "command: /bin/true")
    box.run("job")
    box.run("other")

    named = box.process_control("wait", "job")
    by_glob = box.process_control("wait", "*")

    assert (named.exit_code, named.stdout) == (0, f"job\t{starts(box)[0]['run_id']}\tfailed: exited with 3\n")
    assert by_glob.stdout == ""


def test_a_dry_run_in_json_is_json_and_touches_nothing(box: Box) -> None:
    box.job("a", "command: /bin/true")
    box.job("b", "command: /bin/true")

    assert box.process_control("stop", "*", "--dry-run", "--json").json() == {"version": 1, "jobs": []}  # none runs
    for verb in (["hold"], ["release"], ["pause", "--for", "5m"], ["run"]):
        result = box.process_control(*verb, "*", "--dry-run", "--json")

        assert (result.exit_code, result.stderr) == (0, "")
        assert result.json() == {
            "version": 1,
            "jobs": [{"job": slug, "done": f"would {verb[0]}", "changed": False} for slug in ("a", "b")],
        }
    assert starts(box) == []


def test_run_job_lists_only_the_jobs_that_a_word_names(box: Box) -> None:
    box.job("a", "command: /bin/true\ntags: [night]")
    box.job("b", "command: /bin/true")

    assert box.run_job("--list-jobs", "tag:night").stdout == "a - a\n"
    assert box.run_job("--status", "b*").stdout == "b\tnever ran\t\n"
    assert box.run_job("--list-jobs", "nowhere").exit_code == 66
