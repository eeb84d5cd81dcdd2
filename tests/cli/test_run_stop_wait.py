"""`run`, `stop`, `wait`, `show`: one job or many, from a shell that goes away."""

from harness import Box, until
from runs import ends, outcomes, starts, the_end


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
