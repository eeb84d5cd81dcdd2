"""`mark JOB TIME --note TEXT`: a planned time is settled by hand."""

import os

import pytest

from cli.test_json_shapes import has_its_shape
from kit.harness import Box
from kit.outages import as_iso, fates, hours_ago, planned_at, slots, there_since
from kit.runs import records

SLOT = hours_ago(1)
WORD = f"{SLOT:%Y-%m-%dT%H:%M}Z"


@pytest.fixture
def missed(box: Box) -> Box:
    box.job("job", f"command: 'true'\n{planned_at(hours_ago(2), SLOT)}")
    there_since(box, hours_ago(30))
    return box


def test_a_missed_slot_is_settled_and_audited(missed: Box) -> None:
    result = missed.process_control("mark", "job", WORD, "--note", "done on the other host")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.split("\t") == ["job", as_iso(SLOT), "marked", "done on the other host\n"]
    of_slot = next(each for each in slots(missed) if each["slot"] == as_iso(SLOT))
    assert (of_slot["fate"], of_slot["reason"], of_slot["run_id"]) == ("skipped", "marked", None)
    assert "done on the other host" in of_slot["evidence"][0]["what"]
    (record,) = records(missed, "mark")
    assert (record["scheduled_at"], record["note"]) == (as_iso(SLOT), "done on the other host")
    assert record["by"]
    assert record["host"] == os.uname().nodename
    assert "settled by hand: done on the other host" in missed.process_control("audit", "--event", "mark").stdout


def test_a_lost_run_and_a_skip_that_nobody_chose_may_be_marked(box: Box) -> None:
    slot = hours_ago(1)
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo up > {started}; exec sleep 1000'\n{planned_at(slot)}\nstart_within: 10m")
    late = box.job("late", f"command: 'true'\n{planned_at(slot)}\nstart_within: 10m")
    os.utime(late, (1_500_000_000, 1_500_000_000))
    there_since(box, hours_ago(30))
    box.run("--scheduled", "late")
    with box.start_command(
        [str(box.product.process_control), "run", "job", "--follow", "--slot", f"{slot:%Y-%m-%dT%H:%M}Z"]
    ) as live:
        started.read_line()
        os.kill(box.block("job")["pid"], 9)
        live.wait()

    for job in ("job", "late"):
        result = box.process_control("mark", job, f"{slot:%Y-%m-%dT%H:%M}Z", "--note", "settled")
        assert result.exit_code == 0, result
    assert [(fate, why) for _, fate, why in fates(box) if _ == as_iso(slot)] == [("skipped", "marked")] * 2


def test_others_are_refused_with_their_fate(missed: Box) -> None:
    ran = missed.process_control("run", "job", "--follow", "--slot", WORD)
    result = missed.process_control("mark", "job", WORD, "--note", "x")
    again = f"{hours_ago(2):%Y-%m-%dT%H:%M}Z"
    marked = [missed.process_control("mark", "job", again, "--note", "x") for _ in range(2)]

    assert (ran.exit_code, result.exit_code) == (0, 1)
    assert "ran: run" in result.stderr
    assert [each.exit_code for each in marked] == [0, 1]
    assert "was skipped: marked (x)" in marked[1].stderr


def test_a_marked_slot_is_run_only_by_force(missed: Box) -> None:
    missed.process_control("mark", "job", WORD, "--note", "done elsewhere")

    refused = missed.process_control("run", "job", "--follow", "--slot", WORD)

    assert refused.exit_code == 75
    assert "done elsewhere" in refused.stderr
    assert missed.process_control("run", "job", "--follow", "--slot", WORD, "--force").exit_code == 0


def test_a_dry_run_marks_nothing(missed: Box) -> None:
    result = missed.process_control("mark", "job", WORD, "--note", "x", "--dry-run", "--json")

    [job] = has_its_shape(result, "process-control mark")["jobs"]
    assert (job["done"], job["changed"]) == ("would mark", False)
    assert records(missed, "mark") == []


def test_a_job_whose_file_is_gone_may_be_marked(missed: Box) -> None:
    (missed.job_directory / "job.yaml").unlink()

    assert missed.process_control("mark", "job", WORD, "--note", "it is gone").exit_code == 0
    assert missed.process_control("run", "job", "--slot", WORD).exit_code == 66


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["job", WORD], 2),
        (["job", WORD, "--note", " "], 2),
        (["nowhere", WORD, "--note", "x"], 66),
        (["job", "2000-01-01T00:00", "--note", "x"], 66),
        (["job", "2100-01-01T00:00", "--note", "x"], 66),
        (["job", "noon", "--note", "x"], 2),
    ],
)
def test_bad_input_is_one_clear_line(missed: Box, words: list[str], code: int) -> None:
    result = missed.process_control("mark", *words)

    assert result.exit_code == code, result
    assert "Traceback" not in result.stderr
    assert records(missed, "mark") == []
