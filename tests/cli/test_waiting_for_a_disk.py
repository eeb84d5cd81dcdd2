"""Commands that look at something or change it while a disk does not answer: they say so, and end."""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.commands import Live
from kit.hanging_disk import hanging_disk
from kit.harness import Box, children, state_letter, until

pytestmark = pytest.mark.needs_root

END_SECONDS = 60
LOOKS = {
    "status": ["status"],
    "status of a job": ["status", "job"],
    "list": ["list"],
    "show": ["show", "job"],
    "history": ["history"],
    "audit": ["audit"],
    "lint": ["lint"],
    "logs": ["logs", "job"],
    "wait": ["wait", "job"],
    "run-job --status": ["--status"],
}
CHANGES = {
    "hold": ["hold", "job"],
    "release": ["release", "job"],
    "pause": ["pause", "job", "--for", "1h"],
    "run": ["run", "job"],
    "stop": ["stop", "job"],
    "run-job --kill-job": ["--kill-job", "job"],
}
VERBS = {**LOOKS, **CHANGES, "cron-generate": []}
DIRECTORIES = {"job_directory": "jobs", "state_directory": "state", "output_directory": "log"}
DOES_NOT_TOUCH = {
    "job_directory": {"history", "audit", "run-job --kill-job"},
    "state_directory": {"lint", "cron-generate"},
    "output_directory": set(VERBS) - {"logs", "hold", "release", "pause"},
}


@pytest.fixture
def disk(box: Box) -> Iterator[Path]:
    with hanging_disk(box.root / "disk") as path:
        yield path


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command that has one of its directories on the disk; what it prints goes into files.

    The commands wait behind one another, in waits that not even KILL ends: pipes would stay open.
    """

    verb: str
    key: str
    folder: Path
    live: Live

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def check_words(self, disk: Path) -> None:
        command, directory = self.verb.removesuffix(" of a job"), f"{disk}/{DIRECTORIES[self.key]}"
        is_change = self.verb in CHANGES or self.verb == "cron-generate"
        hint = "it is not known whether it was done; when the disk " if is_change else "nothing was changed; what the "
        mount = re.escape(f"(fuse hanging on {disk})")
        expected = (
            # On a busy host another disk may be slow to answer, too.
            rf"({command}: still waiting for the disk under .+\n)*"
            rf"{command}: still waiting for the disk under {directory}[\w./-]* {mount}\n"
            rf"({command}: still waiting for the disk under .+\n)*"
            rf"/.+: no answer from its disk( \(.+\))? for 2\d s: {command} gives up\n"
            rf"  hint: {hint}.*\n"
        )

        assert re.fullmatch(expected, self.stderr), f"{self}\n{self.stderr}"
        assert self.stdout == ""


def start(box: Box, verb: str, key: str, *words: str, configuration: Path | None = None) -> Started:
    """Start a command with the configuration as it is now, or with another; `words` instead of those of the verb."""
    folder = box.root / f"{key} {verb}"
    folder.mkdir()
    assert box.configuration is not None
    configuration = configuration or Path(shutil.copy(box.configuration, folder))
    commands = {"run-job": box.product.run_job, "cron-generate": box.product.cron_generate}
    program = str(commands.get(verb.split()[0], box.product.process_control))
    script = ["sh", "-c", 'exec "$@" >stdout 2>stderr', "sh", program, *(words or VERBS[verb])]
    live = box.start_command(script, env={"PROCESS_CONTROL_CONFIG": str(configuration)}, cwd=folder)
    return Started(verb=verb, key=key, folder=folder, live=live)


@pytest.mark.long
def test_each_command_says_what_it_waits_for_and_ends_with_74(box: Box) -> None:
    """All side by side: each waits for 20 s."""
    disk = box.root / "disk"
    disk.mkdir()
    as_it_was = {key: str(getattr(box, key)) for key in DIRECTORIES}
    box.configure(output_directory=str(disk / "log"))
    box.job("job", "command: 'echo hi'")
    box.run("job")
    (box.root / "other jobs").mkdir(mode=0o755)
    (box.root / "other jobs" / "job.yaml").write_text(f"name: job\ncommand: {disk}/bin/tool\n")
    started = []

    with hanging_disk(disk):
        for key, name in DIRECTORIES.items():
            box.configure(**{**as_it_was, key: str(disk / name)})
            started += [start(box, verb, key) for verb in VERBS if verb not in DOES_NOT_TOUCH[key]]
        box.configure(**{**as_it_was, "state_directory": str(disk / "state")})
        with_json = start(box, "hold with JSON", "state_directory", "hold", "job", "--json")
        box.configure(**{**as_it_was, "job_directory": str(box.root / "other jobs")})
        of_a_program = start(box, "lint", "a program", "lint")
        configured_there = start(box, "status", "configuration", "status", configuration=disk / "process-control.yaml")
        others = [with_json, of_a_program, configured_there]
        codes = {(each.key, each.verb): each.live.wait(seconds=END_SECONDS).exit_code for each in [*started, *others]}

    assert {of_what: code for of_what, code in codes.items() if code != 74} == {}
    for each in started:
        each.check_words(disk)
    check_that_the_error_is_json(with_json, disk)
    assert of_a_program.stderr.startswith(f"lint: still waiting for the disk under {disk}/bin/tool ")
    assert "process-control.yaml: no answer from its disk" in configured_there.stderr


def check_that_the_error_is_json(command: Started, disk: Path) -> None:
    (fault,) = json.loads(command.stdout)["error"]["faults"]
    assert fault["where"] == f"{disk}/state"
    assert fault["hint"].startswith(
        "it is not known whether it was done; when the disk answers: process-control status"
    )


def test_control_c_ends_a_command_that_its_disk_holds(box: Box, disk: Path) -> None:
    box.job("job", "command: 'true'")
    box.configure(job_directory=str(disk / "jobs"))

    with box.start_command([str(box.product.process_control), "status"], tty=True) as live:
        live.wait_for_line("still waiting for the disk under", seconds=END_SECONDS)
        live.type(b"\x03")
        result = live.wait()

    assert result.exit_code == 130
    assert "no answer" not in result.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_whose_wait_not_even_kill_ends(box: Box, disk: Path, number: int, code: int) -> None:
    """Who looks up the same name waits behind the first, uninterruptibly, as behind a writer on a dead NFS server."""
    box.job("job", "command: 'true'")
    box.configure(state_directory=str(disk / "state"))

    with box.start_command(["stat", f"{disk}/state"]) as first:
        until(lambda: "fuse" in Path(f"/proc/{first.pid}/wchan").read_text(), "somebody to wait for the disk")
        with box.start_command([str(box.product.process_control), "history"]) as live:
            live.wait_for_line("still waiting for the disk under", stream="stderr", seconds=END_SECONDS)
            child = children(live.pid)[0]  # the oldest one: the others look at the paths
            live.signal(number)
            assert live.process.wait(timeout=10) == code
            assert state_letter(child) == "D"


def test_a_configuration_that_does_not_answer_makes_check_critical(box: Box, disk: Path) -> None:
    env = {"PROCESS_CONTROL_CONFIG": str(disk / "process-control.yaml")}

    check = box.command([str(box.product.process_control), "check", "--timeout", "1s"], env=env, seconds=END_SECONDS)

    assert (check.exit_code, check.stderr) == (2, "")
    assert check.stdout.startswith("PROCESS-CONTROL CRITICAL - no answer within 1 s: the disk of the configuration or")
