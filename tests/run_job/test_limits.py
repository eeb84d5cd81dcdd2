"""Limits of a run: what each process may use, what all may use together, and what happens where one cannot be set."""

import os
import re
from collections.abc import Callable

import pytest

from kit.harness import IS_ROOT, SERVICE_USER, Box, until
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import ends, outcomes, script, starts, the_end

BUSY = "python3 -c 'while True: pass'"


@pytest.mark.each_way
def test_too_much_cpu_time_ends_the_job_with_that_reason(box: Box) -> None:
    box.job("job", f'command: "{BUSY}"\nlimits: {{cpu_seconds: 1}}')

    result = box.run("job")

    end = the_end(box)
    assert result.exit_code == 128 + 24
    assert (end["outcome"], end["reason"], end["signal"]) == ("failed", "signal", "XCPU")
    assert end["detail"] == "used more CPU time than limits.cpu_seconds (signal XCPU)"
    assert 0.5 < end["cpu_seconds"] < 5  # the kernel counts ticks for the limit, and for this figure what ran
    assert starts(box)[0]["limits"] == {"cpu_seconds": 1}


def test_who_ignores_the_signal_is_killed_soon_after(box: Box) -> None:
    ignores = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    job = script(box, "job.py", ignores, shell="/usr/bin/python3")
    box.job("job", f"command: {job}\nlimits: {{cpu_seconds: 1}}")

    box.run("job")

    assert (the_end(box)["outcome"], the_end(box)["signal"]) == ("failed", "KILL")
    assert the_end(box)["cpu_seconds"] < 9


def test_a_file_that_grows_too_large_ends_the_job_with_that_reason(box: Box) -> None:
    box.job(
        "job", f"command: dd if=/dev/zero of={box.root}/big bs=1k count=100 status=none\nlimits: {{file_size: 10 kB}}"
    )

    result = box.run("job")

    assert result.exit_code == 128 + 25
    assert the_end(box)["detail"] == "wrote a file larger than limits.file_size (signal XFSZ)"
    assert (box.root / "big").stat().st_size <= 10_000


def test_neither_the_log_nor_the_journal_counts_for_file_size(box: Box) -> None:
    box.job("job", "command: seq 20000\nlimits: {file_size: 1 kB}")

    assert box.run("job").exit_code == 0
    assert len(box.log_bytes("job")) > 100_000


def test_open_files_priority_and_disk_class_are_what_the_job_sees(box: Box) -> None:
    box.job("job", "command: sh -c 'ulimit -n; nice; ionice'\nlimits: {open_files: 77, nice: 11, io_class: idle}")

    result = box.run("job")

    assert result.exit_code == 0, result
    assert box.log_bytes("job") == b"77\n11\nidle\n"
    assert starts(box)[0]["limits"] == {"open_files": 77, "nice": 11, "io_class": "idle"}


def test_a_job_without_limits_has_those_of_its_caller(box: Box) -> None:
    box.job("job", "command: sh -c 'ulimit -n; nice'")

    box.run("job")

    assert "limits" not in starts(box)[0]
    assert box.log_bytes("job").split()[1] == str(os.nice(0)).encode()


# --- what cannot be set ----------------------------------------------------------------------------------------------


def test_a_limit_that_cannot_be_set_warns_once_a_day_and_says_how_to_get_it(box: Box) -> None:
    """A job whose leftovers are kept has no control group, whatever the host has."""
    box.job("job", "command: /bin/true\nleftovers: keep\nlimits: {memory: 100 MB, open_files: 50}")

    codes = [box.run("job").exit_code for _ in range(3)]
    os.utime(box.state_directory / "jobs/job/limits.stamp", (0, 0))
    box.run("job")

    assert codes == [0, 0, 0]
    assert outcomes(box) == [
        ("warned", "expectation"), ("succeeded", None), ("succeeded", None), ("warned", "expectation"),
    ]  # fmt: skip
    assert ends(box)[0]["detail"] == (
        "limits.memory is not enforced: this host has no writable cgroup v2; see man process-control-job"
    )
    assert [start["limits"] for start in starts(box)] == [{"open_files": 50}] * 4


@pytest.mark.needs_root
def test_a_required_limit_that_cannot_be_set_refuses_the_start(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("job", f"command: touch {box.root}/ran\nlimits: {{nice: -5, required: true}}")

    result = box.run("job")

    assert result.exit_code == 78
    assert result.stderr == (
        f"{box.job_directory}/job.yaml: limits.nice is not enforced: only root may raise a priority\n"
        "  hint: remove limits.required, or see: man process-control-job\n"
    )
    assert (starts(box), box.logs("job"), (box.root / "ran").exists()) == ([], [], False)


def test_more_open_files_than_the_hard_limit_cannot_be_had_without_root(box: Box) -> None:
    if IS_ROOT:
        user: dict[str, str] = {"user": "nobody"}
        for path in (box.state_directory, box.output_directory):
            path.mkdir()
            box.give(path, "nobody")
    else:
        user = {}
    box.job("job", "command: sh -c 'ulimit -n'\nlimits: {open_files: 100000000}")

    box.run("job", **user)

    assert the_end(box)["outcome"] == "warned"
    assert re.match(r"limits.open_files is not enforced: the hard limit is \d+;", the_end(box)["detail"])


# --- what was used ---------------------------------------------------------------------------------------------------


@pytest.mark.each_way
def test_what_the_whole_tree_used_is_kept(box: Box) -> None:
    job = script(
        box,
        "job.sh",
        f"""
        python3 -c 'sum(range(10**7))' &
        ( python3 -c 'x = bytearray(60_000_000)' )
        dd if=/dev/zero of={box.root}/written bs=1M count=4 conv=fsync status=none
        wait
        """,
    )
    box.job("job", f"command: {job}")

    box.run("job")

    (run,) = box.history("job")
    assert run["cpu_seconds"] > 0.1
    assert run["memory_bytes"] > 60_000_000
    assert run["written_bytes"] == the_end(box)["written_bytes"]
    assert run["read_bytes"] is not None


# --- silence ---------------------------------------------------------------------------------------------------------


def test_a_job_that_prints_nothing_for_too_long_is_ended_with_its_tree(box: Box) -> None:
    box.job("job", "command: sh -c 'echo begun; sleep 1000 & sleep 1000'\nsilence_timeout: 0.5\nkill_grace: 0")

    result = box.run("job")

    end = the_end(box)
    assert result.exit_code == 124
    assert (end["outcome"], end["reason"]) == ("failed", "silence")
    assert end["detail"] == "printed nothing for 0.5 s (all its processes were ended)"
    assert box.processes() == []


@pytest.mark.parametrize("stream", ["1", "2"])
def test_whoever_prints_on_either_stream_lives_on(box: Box, stream: str) -> None:
    talk = f"for n in 1 2 3 4 5 6 7 8 9 10; do echo $n >&{stream}; sleep 0.3; done"
    box.job("job", f"command: sh -c '{talk}'\nsilence_timeout: 2.9\nstderr: ignore")

    assert box.run("job").exit_code == 0


def test_each_command_of_a_list_may_be_silent_as_long(box: Box) -> None:
    commands = ", ".join(["sleep 0.5", "echo said"] * 6)  # in all longer than the limit, each by far shorter
    box.job("job", f"command: [{commands}]\nsilence_timeout: 2.9")

    assert box.run("job").exit_code == 0


def test_silence_is_mailed_like_a_timeout(box: Box) -> None:
    box.job("job", "command: sleep 1000\nsilence_timeout: 0.2\nkill_grace: 0")
    with mail_server() as server:
        mail_to(box, server)
        box.run("job")
        wait_until_told(box)

        assert [mail.subject.partition(": ")[2] for mail in server.mails] == [
            "job failed: printed nothing for 0.2 s (all its processes were ended)"
        ]
    until(lambda: not box.processes(), "the tree to be gone")


def test_a_rule_about_silence_decides_and_silence_is_tried_again_when_asked(box: Box) -> None:
    silent = "command: sleep 1000\nsilence_timeout: 0.2\nkill_grace: 0\n"
    box.job("rule", f"{silent}verdicts: [{{silence: true, verdict: hold}}]")
    box.job("again", f"{silent}retry: {{attempts: 2, delay: 0.01s}}")

    codes = [box.run(slug).exit_code for slug in ("rule", "again")]

    assert codes == [124, 124]
    assert box.health("rule")["state"] == "held"
    assert [len(end["attempts"]) for end in ends(box)] == [1, 2]


def test_each_attempt_is_held_to_the_limits(box: Box) -> None:
    box.job("job", "command: sh -c 'ulimit -n; exit 1'\nlimits: {open_files: 66}\nretry: {attempts: 2, delay: 0.01s}")

    box.run("job")

    assert box.log_bytes("job") == b"66\n66\n"


def test_a_dry_run_names_what_ends_or_bounds_the_run(box: Box) -> None:
    box.job("job", "command: /bin/true\nretry: 3\nsilence_timeout: 5m\nlimits: {memory: 1 GB, nice: 5}")

    told = box.run("job", "--dry-run").stdout

    assert (
        "limits       timeout 600 s, then 10 s grace; silent for 300 s; log 100000000 bytes; memory 1000000000; "
        "nice 5; 3 attempts\n"
    ) in told
    assert box.run("job", "--dry-run", "--json").json()["dry_run"]["limits"] == {"memory": 1_000_000_000, "nice": 5}
