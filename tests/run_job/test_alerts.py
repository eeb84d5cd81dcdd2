"""What needs a look whatever state a job is in: status shows it, check is not green, and says what to do."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from kit.events import until
from kit.harness import Box, state_letter
from kit.runs import ONE_SLOT, records, script, the_end


def seen(box: Box, slug: str) -> tuple[int, str, str]:
    """Return the exit code and the text of check, and what status says, of one job."""
    checked = box.process_control("check", slug)
    (job,) = box.process_control("status", slug, "--json").json()["jobs"]
    return checked.exit_code, checked.stdout, "; ".join(job["alerts"])


@pytest.mark.parametrize("keys", [["guard_pid"], ["guard_pid", "pid"]], ids=["guard", "both"])
def test_a_run_whose_runner_or_guard_is_stopped_is_not_green(box: Box, keys: list[str]) -> None:
    """The guard first: it would let a runner go on that somebody has stopped."""
    started, go = box.fifo("started"), box.fifo("go")
    job = script(box, "job.sh", f"echo > {started}; read x < {go}")
    box.job("job", f"command: {job}")

    with box.start("job") as live:
        started.read_line()
        before = seen(box, "job")
        stopped = {key: box.block("job")[key] for key in keys}
        for pid in stopped.values():
            os.kill(pid, signal.SIGSTOP)
            until(lambda pid=pid: state_letter(pid) == "T", "it to stop")
        told = seen(box, "job")
        for pid in stopped.values():
            os.kill(pid, signal.SIGCONT)
        go.write_line()
        live.wait()

    names = {"pid": "runner", "guard_pid": "guard"}
    why = [
        f"its {names[key]} is stopped (SIGSTOP), so its limits are not enforced: kill -CONT {stopped[key]}"
        for key in reversed(keys)
    ]
    assert (before[0], before[2]) == (0, "")
    assert (told[0], told[2]) == (1, "; ".join(why))
    assert "; ".join(why) in told[1]


def test_a_run_that_is_past_its_limit_is_not_green(box: Box) -> None:
    started, go = box.fifo("started"), box.fifo("go")
    job = script(box, "job.sh", f"echo > {started}; read x < {go}")
    box.job("job", f"command: {job}\nkill_grace: 1s")

    with box.start("job") as live:
        started.read_line()
        make_the_block_say(box, "job", timeout_seconds=600.0, started_at="2026-01-01T00:00:00.000Z")
        code, text, alert = seen(box, "job")
        go.write_line()
        live.wait()

    assert (code, alert in text) == (1, True)
    assert alert.startswith("its run is ")


def make_the_block_say(box: Box, slug: str, **values: object) -> None:
    path = box.state_directory / "jobs" / slug / "block"
    content = path.read_bytes()
    run = {**json.loads(content[512:].strip(b"\0 \n")), **values}
    with path.open("r+b") as block:
        block.seek(512)
        block.write(json.dumps(run).encode().ljust(4096 - 512))


def test_a_start_that_was_refused_is_not_green_until_a_run_has_started(box: Box) -> None:
    keys = f"command: 'true'\n{ONE_SLOT}\nenvironment_file: {box.root}/missing.env"
    box.job("job", keys)
    box.job("other", "command: 'true'")
    before = seen(box, "job")

    refused = box.run("--scheduled", "job")
    told, of_the_other = seen(box, "job"), seen(box, "other")
    (box.root / "missing.env").write_text("A=b\n")
    (box.root / "missing.env").chmod(0o600)
    still = seen(box, "job")
    box.run("--scheduled", "job")
    after = seen(box, "job")

    (refusal,) = records(box, "refusal")
    words = f"its start at {refusal['at']} was refused, and no run has started since: "
    assert refused.exit_code != 0
    assert (before[0], told[0], still[0], after[0]) == (0, 1, 1, 0)
    assert told[2].startswith(words)
    assert told[2].endswith("; more: process-control audit job --event refusal")
    assert words in told[1]
    assert (of_the_other[0], of_the_other[2], after[2]) == (0, "", "")
    assert refusal["detail"] in box.process_control("audit", "job", "--event", "refusal").stdout


def test_check_is_critical_when_mail_waits_for_a_quarter_of_an_hour_and_nothing_is_accepted(box: Box) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    for minutes in (1, 14, 16, 60):
        let_wait(box, "mail", minutes, "job~1abc.failure")

    checked, status = box.process_control("check"), box.process_control("status")

    words = (
        "2 mails wait to be sent, the oldest for 1 h, and no channel has accepted any since; "
        "for the reason: process-control audit --event mail"
    )
    assert checked.exit_code == 2
    assert f"mail ({words})" in checked.stdout
    assert status.stderr == words + "\n"
    assert box.process_control("status", "--json").json()["alerts"] == [words]
    assert box.process_control("check", "job").exit_code == 0


@pytest.mark.parametrize(("accepted", "code"), [(70, 2), (20, 1), (1, 1)])
def test_check_warns_of_one_channel_that_is_dead_while_others_accept(box: Box, accepted: int, code: int) -> None:
    box.job("job", "command: 'true'")
    box.run("job")
    recipient = {"url": "https://example.org/secret-token"}
    let_wait(box, "https~0123456789ab", 60, "job~1.opened", recipient=recipient)
    let_wait(box, "https~0123456789ab", 5, "job~2.opened", recipient=recipient)
    record = {"event": "mail", "at": ago(accepted), "job": "job", "letter": "failure", "result": "sent"}
    (journal,) = (box.state_directory / "journal").glob("*.jsonl")
    lines = [*journal.read_text().splitlines(), json.dumps(record, separators=(",", ":"))]
    journal.write_text("".join(f"{line}\n" for line in lines))

    checked = box.process_control("check")

    dead = ", and no channel has accepted any since" if code == 2 else ""
    words = f"1 message waits to be sent (https://example.org/…), the oldest for 1 h{dead}; for the reason: "
    assert (checked.exit_code, f"mail ({words}process-control audit --event message)" in checked.stdout) == (code, True)
    assert "secret-token" not in checked.stdout


def let_wait(box: Box, queue: str, minutes: int, name: str, **entry: object) -> None:
    spool = box.state_directory / "spool" / queue
    spool.mkdir(parents=True, exist_ok=True)
    (spool / f"{ago(minutes)}~{name}.json").write_text(json.dumps(entry))


def ago(minutes: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 60 * minutes))


def test_a_job_that_removes_the_state_is_told_in_one_line_and_in_status(box: Box) -> None:
    job = script(box, "job.sh", f"rm -rf {box.state_directory}/journal")
    box.job("job", f"command: {job}")

    result = box.run("job")

    assert result.exit_code == 0
    assert result.stderr.startswith("job: succeeded (run ")
    assert "the journal cannot be written: No such file or directory" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "the journal cannot be written" in box.block("job")["end"]["record_fault"]
    box.job("job", "command: 'true'")
    (box.state_directory / "journal").mkdir(exist_ok=True)
    box.run("job")
    assert [bool(run["record_fault"]) for run in box.history("job")] == [False, True]


def test_a_health_that_could_not_be_written_is_in_journal_history_status_and_check(box: Box) -> None:
    job = script(box, "job.sh", f"rm -f {box.state_directory}/jobs/job/health.json; mkdir {health(box)}; exit 3")
    box.job("job", f"command: {job}\nstderr: ignore")

    result = box.run("job")

    fault = "the health was not updated: "
    assert result.exit_code == 3
    assert f"note: {fault}" in result.stderr
    (record,) = records(box, "fault")
    assert (record["run_id"], record["health_fault"].startswith(fault)) == (the_end(box)["run_id"], True)
    assert box.history("job")[0]["health_fault"].startswith(fault)
    assert fault in seen(box, "job")[2]


def health(box: Box) -> Path:
    return box.state_directory / "jobs" / "job" / "health.json"
