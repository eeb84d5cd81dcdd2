"""A host that cannot be looked at, or has nothing left, is named as that: never "nothing there", never in silence."""

import os
import resource
from collections.abc import Callable

import pytest

from kit import mount_namespaces
from kit.harness import SERVICE_USER, Box, until
from kit.runs import kill_both, records, script

NO_PROC = (
    "/proc: /proc is not that of this pid namespace, so processes of jobs cannot be found or ended\n"
    "  hint: with unshare --pid add --mount-proc; or mount it: mount -t proc proc /proc\n"
)
WITHOUT_PROC = {
    "an empty /proc": [*mount_namespaces.IN_ONE, "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"],
    "a /proc that shows processes only": [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t proc -o subset=pid proc /proc && exec "$@"',
        "sh",
    ],
    "a /proc of another pid namespace": ["unshare", "--pid", "--fork"],
}


@pytest.mark.needs_root
@pytest.mark.parametrize("way", WITHOUT_PROC.values(), ids=WITHOUT_PROC)
@pytest.mark.parametrize("arguments", [["job"], ["--kill-job", "job"]], ids=["run", "kill"])
def test_without_a_proc_of_its_own_nothing_is_started_or_ended(box: Box, way: list[str], arguments: list[str]) -> None:
    mount_namespaces.needed()
    box.job("job", "command: 'true'")

    result = box.command([*way, str(box.product.run_job), *arguments])

    assert (result.stderr, result.exit_code) == (NO_PROC, 78)
    assert not (box.state_directory / "journal").exists() or records(box, "start") == []


@pytest.mark.needs_root
def test_a_scheduled_start_without_a_process_left_is_refused_recorded_and_mailed_later(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER, failmail={"to_address": "ops@example.org", "smtp": "127.0.0.1:9"})
    box.job("job", 'command: "true"\nschedule: "* * * * *"')
    box.run("job")

    result = box.command(["prlimit", "--nproc=0", *box.product.stub_words, "--scheduled", "job"], user=SERVICE_USER)

    assert result.exit_code == 75
    assert result.stderr.startswith(
        "run-job: the host has no process, descriptor or memory left for it: Resource temporarily unavailable\n  hint: "
    )
    (refusal,) = records(box, "refusal")
    assert (refusal["job"], refusal["trigger"], refusal["exit_code"]) == ("job", "cron", 75)
    assert list((box.state_directory / "spool").glob("news/*")) or list((box.state_directory / "spool").glob("mail/*"))


@pytest.mark.parametrize("descriptors", range(6, 24))
def test_with_few_descriptors_a_start_runs_or_says_that_it_has_none_left(box: Box, descriptors: int) -> None:
    box.job("job", 'command: "true"\nschedule: "* * * * *"')
    box.run("job")  # fills the caches

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

    result = box.run("job", via="stub", preexec_fn=limit)

    if result.exit_code != 0:
        assert "Traceback" not in result.stderr
        assert "fault in process-control itself" not in result.stderr
        assert result.exit_code in (74, 75, 78, 126), result


@pytest.mark.needs_root
def test_a_program_whose_first_thread_has_ended_is_a_survivor_while_its_others_work(box: Box) -> None:
    """Python calls exit(2) for its main thread alone; the other one works on, in a process with the state Z."""
    pid_file, program = box.fifo("pid"), box.root / "threads.py"
    program.write_text(
        "import ctypes, os, threading\n"
        f"def work():\n    os.closerange(3, 20)\n    open('{pid_file}', 'w').write(f'{{os.getpid()}}\\n')\n"
        "    threading.Event().wait(1000)\n"
        "threading.Thread(target=work).start()\n"
        "ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)\n"
    )
    box.job("job", f"command: {script(box, 'job.sh', f'/usr/bin/python3 {program} & exec sleep 1000')}")
    box.make_control_groups_read_only()
    with box.start("job", via="stub") as live:
        survivor = int(pid_file.read_line())
        kill_both(box, "job")
        live.wait()
    assert lives_in_any_thread(survivor)

    refused = box.run("job")
    killed = box.run_job("--kill-job", "job")

    until(lambda: not lives_in_any_thread(survivor), "it to end")
    assert refused.exit_code == 75
    assert f"pid {survivor} (" in refused.stderr
    assert killed.exit_code == 0


def lives_in_any_thread(pid: int) -> bool:
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except FileNotFoundError:
        return False


def test_with_few_descriptors_a_command_runs_or_says_so_with_a_code_of_the_table(box: Box) -> None:
    """With ten it is the shell itself that does not come as far as the first line of ours, and ends with 2."""
    box.job("job", "command: 'true'")

    for descriptors in range(9, 17):
        result = box.command(["prlimit", f"--nofile={descriptors}", str(box.product.run_job), "job"])

        is_of_a_run = result.exit_code == 126 and "no new process could be made" in result.stderr
        is_shell_word = result.exit_code == 2 and result.stderr.startswith("/bin/sh: 0: ")
        assert result.exit_code in (0, 74, 75) or is_of_a_run or is_shell_word, (descriptors, result)
        assert (result.exit_code == 0) == (result.stderr == ""), (descriptors, result)
