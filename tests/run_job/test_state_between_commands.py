"""What one command, or the caller, leaves behind does not change how the next command runs."""

import textwrap
from pathlib import Path

import pytest

from kit.harness import Box
from kit.runs import outcomes, script, the_end

NON_BLOCKING = """
    import fcntl, os
    for descriptor in (1, 2):
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)
        fcntl.fcntl(descriptor, 1031, 4096)  # F_SETPIPE_SZ
"""


@pytest.mark.parametrize("lives_on", [False, True], ids=["it ends", "it lives on in the background"])
def test_a_command_that_makes_its_pipe_non_blocking_leaves_the_next_one_a_pipe_that_blocks(
    box: Box, lives_on: bool
) -> None:
    done, end = box.fifo("done"), box.fifo("end")
    program = box.root / "asynchronous.py"
    stays = f'open("{done}", "w").write("done\\n")\nopen("{end}").readline()\n' if lives_on else ""
    program.write_text(textwrap.dedent(NON_BLOCKING) + stays)
    in_background = f" & read line < {done}" if lives_on else ""
    first = script(box, "first.sh", f"/usr/bin/python3 {program}{in_background}")
    last = script(box, "last.sh", f"echo end > {end}")
    box.job("job", f"command: [{first}, 'seq 1 300000', {last}]\nleftovers: kill")

    result = box.run("job")

    assert result.exit_code == 0, result
    assert box.log_bytes("job") == "".join(f"{number}\n" for number in range(1, 300001)).encode()


@pytest.fixture
def application(box: Box) -> Path:
    """A directory with bin/tool, which tells where it lies."""
    directory = box.root / "application"
    (directory / "bin").mkdir(parents=True)
    tool = directory / "bin" / "tool"
    tool.write_text("#!/bin/sh\necho of the application\n")
    tool.chmod(0o755)
    return directory


RELATIVE = {
    "a directory": ("bin:/usr/bin:/bin", "tool"),
    "an empty part": (":/usr/bin:/bin", "tool"),
    "a command with a slash": ("/usr/bin:/bin", "bin/tool"),
}


@pytest.mark.parametrize(("path", "command"), RELATIVE.values(), ids=RELATIVE)
@pytest.mark.parametrize("caller", ["application", "elsewhere", "a decoy"])
def test_relative_names_mean_the_working_directory_of_the_job_wherever_the_caller_is(
    box: Box, application: Path, path: str, command: str, caller: str
) -> None:
    decoy = box.root / "decoy"
    (decoy / "bin").mkdir(parents=True)
    for place in (decoy / "tool", decoy / "bin" / "tool"):
        place.write_text("#!/bin/sh\necho of the decoy\n")
        place.chmod(0o755)
    if path.startswith(":"):
        (application / "tool").symlink_to("bin/tool")
    box.job("job", f"command: {command}\nworking_directory: {application}\nenvironment: {{PATH: '{path}'}}")
    cwd = {"application": application, "elsewhere": Path("/"), "a decoy": decoy}[caller]

    dry = box.run("--dry-run", "job", cwd=cwd)
    result = box.run("job", cwd=cwd)

    assert (result.exit_code, box.log_bytes("job")) == (0, b"of the application\n")
    assert "NOT FOUND" not in dry.stdout
    assert "decoy" not in dry.stdout


def test_a_relative_directory_that_has_no_such_program_does_not_hide_a_later_one(box: Box, application: Path) -> None:
    decoy = box.root / "decoy"
    (decoy / "bin").mkdir(parents=True)
    (decoy / "bin" / "true").write_text("#!/bin/sh\nexit 3\n")
    (decoy / "bin" / "true").chmod(0o755)
    box.job("job", f"command: 'true'\nworking_directory: {application}\nenvironment: {{PATH: 'bin:/usr/bin:/bin'}}")

    assert box.run("job", cwd=decoy).exit_code == 0


def test_a_forged_run_id_gives_a_process_no_grace_of_another_job(box: Box) -> None:
    """Only a living runner below, as its own job's block names it, is an inner run."""
    box.job("patient", "command: 'true'\nkill_grace: 60s")
    box.run("patient")
    text = "PROCESS_CONTROL_RUN_ID=0 PROCESS_CONTROL_JOB=patient exec sleep 1000"
    box.job("job", f"command: {script(box, 'job.sh', text)}\ntimeout: 0.2s\nkill_grace: 20s")

    result = box.run("job")

    assert result.exit_code == 124
    assert outcomes(box, "job") == [("failed", "timeout")]
    assert the_end(box, "job")["signal"] == "TERM"
