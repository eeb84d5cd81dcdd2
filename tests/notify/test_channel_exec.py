"""Programs as a channel: what they get, what their end means, programs that misbehave, and who may write them."""

import json
import os
import stat
import time
from pathlib import Path

import pytest

from kit.events import until
from kit.notices import CONTENTS, notice
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.exec.channel import ExecChannel
from process_control.notify.spool import Entry


def program(directory: Path, script: str, *, mode: int = 0o755, name: str = "notify-us") -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


def entry_for(recipient: Recipient) -> Entry:
    entry = ExecChannel().compose(notice(), CONTENTS, recipient, None)
    assert entry is not None
    return entry


def deliver(what: Path | str, *, seconds: float = 20, channel: ExecChannel | None = None) -> Answer:
    recipient = Recipient(url=f"exec:{what}")
    channel = channel or ExecChannel(deadline_seconds=seconds)
    return channel.deliver(entry_for(recipient), recipient=recipient, job=None)


def why(answer: Answer) -> str:
    assert isinstance(answer, Later), answer
    return answer.why


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_program_gets_json_and_its_last_line_is_the_answer(tmp_path: Path) -> None:
    path = program(tmp_path, f'cat >{tmp_path}/got; echo first; echo "ticket 42 for $1 $2"; echo')

    assert deliver(f"{path} 'two words' x") == Taken("ticket 42 for *** x")

    body = json.loads((tmp_path / "got").read_text())
    assert (body["version"], body["event"], body["incident"]["id"]) == (1, "opened", "backup~01kfailedrun0001")


def test_a_program_that_reads_nothing_is_no_fault(tmp_path: Path) -> None:
    assert deliver(program(tmp_path, "exit 0")) == Taken("")


def test_a_program_that_fails_is_tried_again(tmp_path: Path) -> None:
    path = program(tmp_path, "echo no route >&2; printf 'token S3cretToken99 is \\033[31mwrong' >&2; exit 3")

    assert why(deliver(f"{path} --token=x S3cretToken99")) == f"{path} exited with 3: token *** is \\x1b[31mwrong"


def test_a_program_that_is_killed(tmp_path: Path) -> None:
    path = program(tmp_path, "kill -9 $$")

    assert why(deliver(path)) == f"{path} was killed by SIGKILL"


def test_a_program_that_hangs_and_ignores_term_is_killed_with_its_group(tmp_path: Path) -> None:
    path = program(tmp_path, f"trap '' TERM HUP; sleep 1000 & echo $! >{tmp_path}/child; echo late >&2; wait")
    for seconds in (1, 4, 16):  # a busy host may need longer than the first until the program has said its word
        channel = ExecChannel(deadline_seconds=seconds)
        began = time.monotonic()
        said = why(deliver(path, channel=channel))
        if said.endswith("late"):
            break

    assert said == f"{path} did not end within {seconds} s and was killed: late"
    assert why(deliver(path, channel=channel)) == said, "in this round it is not tried again"
    assert time.monotonic() - began < seconds + 9
    until(lambda: is_gone(int((tmp_path / "child").read_text())), "its child is gone")


def test_what_a_program_leaves_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = program(tmp_path, f"sleep 1000 & echo $! >{tmp_path}/child; echo sent")
    began = time.monotonic()

    assert deliver(path) == Taken("sent")

    assert time.monotonic() - began < 10
    until(lambda: is_gone(int((tmp_path / "child").read_text())), "what it left behind is gone")


def test_a_program_that_prints_without_end_is_killed_at_the_deadline(tmp_path: Path) -> None:
    path = program(tmp_path, "exec yes")

    assert why(deliver(path, seconds=1)) == f"{path} did not end within 1 s and was killed"


def test_a_program_has_a_small_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "S3cretInEnvironment")
    path = program(tmp_path, f"env | cut -d= -f1 | sort >{tmp_path}/names; pwd >>{tmp_path}/names")

    deliver(path)

    assert (tmp_path / "names").read_text().split() == ["HOME", "LANG", "PATH", "PWD", "/"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o757, "writable by others"), (0o775, None), (0o644, "cannot be executed; chmod +x")],
)
def test_a_program_that_others_could_have_written_is_not_run(tmp_path: Path, mode: int, expected: str | None) -> None:
    path = program(tmp_path, f"touch {tmp_path}/ran", mode=mode)

    answer = deliver(path)

    if expected is None:  # root's own group
        assert isinstance(answer, Taken)
    else:
        assert expected in why(answer)
        assert not (tmp_path / "ran").exists()


def test_a_program_in_a_directory_that_others_may_write_to_is_not_run(tmp_path: Path) -> None:
    directory = tmp_path / "open"
    directory.mkdir()
    path = program(directory, f"touch {tmp_path}/ran")
    directory.chmod(0o777)

    assert f"{directory}: writable by others" in why(deliver(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.needs_root
def test_a_program_of_somebody_else_is_not_run(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = program(tmp_path, f"touch {tmp_path}/ran")
    os.chown(path, 65534, 0)

    assert "must be owned by 'root'" in why(deliver(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("exec:notify-us", "the program needs an absolute path"),
        ("exec:/nonexistent/notify-us", "/nonexistent/notify-us: no such file or directory"),
        ("exec:/etc", "a directory, not a regular file"),
        ("exec:/bin/true 'S3cret", "exec: a quote in its arguments is not closed"),
        ("exec:", "exec: names no program"),
    ],
)
def test_what_is_no_program(url: str, expected: str) -> None:
    said = why(deliver(url.removeprefix("exec:")))

    assert expected in said
    assert "S3cret" not in said


def test_what_waits_holds_no_argument(tmp_path: Path) -> None:
    assert "S3cret" not in json.dumps(entry_for(Recipient(url="exec:/usr/local/bin/notify-us --token S3cret")))
