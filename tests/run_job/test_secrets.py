"""Environment files: who may own them, and that their values are shown nowhere."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box
from kit.runs import outcomes, script, starts

SECRET = "s3cret-t0ken-of-the-shop"


def secrets_file(box: Box, text: str = f"TOKEN={SECRET}\n", *, mode: int = 0o600) -> Path:
    path = box.root / "secrets"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_job_sees_the_values_as_written(box: Box) -> None:
    path = secrets_file(
        box,
        "# comment\n\nPLAIN=one two\nQUOTED=\"a b\"\nSINGLE='c d'\nEMPTY=\nEQUALS=a=b\nDOLLAR=$HOME\n  SPACED = x \n",
    )
    box.job("job", f"command: env\nenvironment_file: {path}\nenvironment:\n  PLAIN: from the job")

    result = box.run("job")

    seen = dict(line.split("=", 1) for line in box.log_bytes("job").decode().splitlines())
    assert result.exit_code == 0, result
    assert {name: seen[name] for name in ("PLAIN", "QUOTED", "SINGLE", "EMPTY", "EQUALS", "DOLLAR", "SPACED")} == {
        "PLAIN": "from the job",
        "QUOTED": "a b",
        "SINGLE": "c d",
        "EMPTY": "",
        "EQUALS": "a=b",
        "DOLLAR": "$HOME",
        "SPACED": "x",
    }


def test_of_several_files_the_later_wins(box: Box) -> None:
    first = secrets_file(box, "A=1\nB=1\n")
    second = box.root / "second"
    second.write_text("B=2\n")
    second.chmod(0o600)
    box.job("job", f"command: printenv A B\nenvironment_file: [{first}, {second}]")

    box.run("job")

    assert box.log_bytes("job") == b"1\n2\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
def test_modes_that_others_cannot_read_are_fine(box: Box, mode: int) -> None:
    box.job("job", f"command: printenv TOKEN\nenvironment_file: {secrets_file(box, mode=mode)}")

    assert box.run("job").exit_code == 0


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666, 0o660, 0o700, 0o620])
def test_modes_that_others_could_read_or_change_are_refused(box: Box, mode: int) -> None:
    path = secrets_file(box, mode=mode)
    box.job("job", f"command: touch {box.root}/ran\nenvironment_file: {path}")

    result = box.run("job")

    assert result.exit_code == 77
    assert result.stderr == (
        f"{path}: the environment file has mode {mode:04o}: others could read or change it\n  hint: chmod 0600 {path}\n"
    )
    assert not (box.root / "ran").exists()
    assert starts(box) == []


def _symlink(box: Box) -> Path:
    target = secrets_file(box)
    (box.root / "link").symlink_to(target)
    return box.root / "link"


def _fifo(box: Box) -> Path:
    os.mkfifo(box.root / "secrets", 0o600)
    return box.root / "secrets"


def _directory(box: Box) -> Path:
    (box.root / "secrets").mkdir(0o600)
    return box.root / "secrets"


@pytest.mark.parametrize("make", [_symlink, _fifo, _directory], ids=["symlink", "FIFO", "directory"])
def test_what_is_no_plain_file_is_refused(box: Box, make: Callable[[Box], Path]) -> None:
    path = make(box)
    box.job("job", f"command: 'true'\nenvironment_file: {path}")

    result = box.run("job")

    assert result.exit_code == 77
    assert result.stderr.startswith(f"{path}: the environment file is ")


def test_a_missing_file_is_bad_configuration(box: Box) -> None:
    box.job("job", f"command: 'true'\nenvironment_file: {box.root}/nowhere")

    result = box.run("job")

    assert (result.exit_code, result.stderr) == (
        78,
        (
            f"{box.root}/nowhere: environment_file: No such file or directory\n"
            "  hint: create it with mode 0600, or remove 'environment_file'\n"
        ),
    )


@pytest.mark.parametrize(
    "line", [SECRET, f"1TOKEN={SECRET}", f"MY-TOKEN={SECRET}", f"={SECRET}", f"PROCESS_CONTROL_JOB={SECRET}"]
)
def test_a_line_that_is_no_assignment_is_told_without_its_text(box: Box, line: str) -> None:
    path = secrets_file(box, f"A=1\n{line}\nB=2\n{line}\n")
    box.job("job", f"command: 'true'\nenvironment_file: {path}")

    result = box.run("job")

    assert result.exit_code == 78
    assert f"{path}:2: lines 2, 4: not KEY=value\n" in result.stderr
    assert SECRET not in result.stderr


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("owner", "code"), [("root", 0), (SERVICE_USER, 0), (STRANGER, 77)], ids=["root", "the service user", "a stranger"]
)
def test_the_owner_must_be_root_or_the_service_user(make_box: Callable[..., Box], owner: str, code: int) -> None:
    box = make_box(service_user=SERVICE_USER)
    path = secrets_file(box, mode=0o640)
    os.chown(path, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(SERVICE_USER).pw_gid)
    box.job("job", f"command: printenv TOKEN\nenvironment_file: {path}")

    result = box.run("job")

    assert result.exit_code == code, result
    if code:
        assert f"{path}: the environment file must belong to root or to the user that jobs run as" in result.stderr


@pytest.mark.needs_root
def test_a_file_that_the_service_user_may_not_read_is_refused_although_root_asks(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    path = secrets_file(box)  # root's, 0600
    box.job("job", f"command: printenv TOKEN\nenvironment_file: {path}")

    result = box.run("job")

    assert (result.exit_code, result.stderr) == (77, f"{path}: no permission to read the environment file\n")


def everything_of_ours(box: Box) -> bytes:
    """Return all that we wrote but the raw logs: the job itself decides what is in those."""
    kept = [path for path in box.state_directory.rglob("*") if path.is_file()]
    kept += box.output_directory.rglob("*.idx")
    return b"\n".join(path.read_bytes() for path in kept)


def test_secrets_are_masked_in_the_report_and_on_the_terminal(box: Box) -> None:
    path = secrets_file(box, f"TOKEN={SECRET}\nSHORT=abc\n")
    job = script(box, "job.sh", "echo out $TOKEN; echo err $TOKEN and $SHORT >&2; exit 3")
    box.job("job", f"command: {job}\nenvironment_file: {path}")

    in_pipe = box.run("job")
    on_terminal = box.run("job", tty=True)

    assert "err *** and abc\n" in in_pipe.stderr
    assert "out ***\n" in on_terminal.stdout
    assert "err *** and abc\n" in on_terminal.stdout.replace("\x1b[0m", "")
    for shown in (in_pipe.stderr, on_terminal.stdout):
        assert SECRET not in shown
    assert SECRET.encode() not in everything_of_ours(box)
    assert SECRET.encode() in box.log_bytes("job")


def test_a_secret_printed_in_two_halves_is_masked_on_the_terminal(box: Box) -> None:
    path = secrets_file(box)
    half = len(SECRET) // 2
    job = script(
        box, "job.sh", f"printf %s {SECRET[:half]}; sleep 0.1; printf %s {SECRET[half:]}; sleep 0.1; echo; exit 3"
    )
    box.job("job", f"command: {job}\nenvironment_file: {path}")

    result = box.run("job", tty=True)

    assert "***" in result.stdout
    assert SECRET[:half] not in result.stdout
    assert SECRET[half:] not in result.stdout


def test_a_secret_cut_by_the_cap_of_the_report_is_not_shown_in_part(box: Box) -> None:
    path = secrets_file(box)
    padding = 32768 - len(SECRET) // 2
    printer = box.root / "print.py"
    printer.write_text(f"import os\nos.write(2, b'x' * {padding} + os.environb[b'TOKEN'] * 20000)\n")
    box.job("job", f"command: /usr/bin/python3 {printer}\nenvironment_file: {path}")

    result = box.run("job")

    assert "bytes left out" in result.stderr
    for part in (SECRET[: len(SECRET) // 2], SECRET[len(SECRET) // 2 :]):
        assert part not in result.stderr


def test_a_secret_cut_where_a_long_line_is_held_for_the_terminal_is_not_shown_in_part(box: Box) -> None:
    path = secrets_file(box)
    printer = box.root / "print.py"
    text = f"b'y' * 100 + os.environb[b'TOKEN'] + b'x' * {65536 - len(SECRET) // 2}"
    printer.write_text(f"import os\ntext = {text}\nwhile text: text = text[os.write(1, text):]\n")
    box.job("job", f"command: /usr/bin/python3 {printer}\nenvironment_file: {path}")

    shown = box.run("job", tty=True).stdout

    assert "x" * 60 in shown.replace("\r\n", "")
    assert SECRET[-8:] not in shown


def test_a_leftover_that_carries_a_secret_in_its_command_line_does_not_bring_it_into_the_record(box: Box) -> None:
    path = secrets_file(box)
    job = script(box, "job.sh", "sh -c 'sleep 1000; : $0' $TOKEN & exit 0")
    box.job("job", f"command: {job}\nenvironment_file: {path}\nkill_grace: 1")

    result = box.run("job")

    assert result.exit_code == 0
    assert outcomes(box) == [("warned", "leftovers")]
    assert SECRET.encode() not in everything_of_ours(box)


def test_neither_dry_run_nor_lists_show_a_value(box: Box) -> None:
    path = secrets_file(box)
    box.job("job", f"command: 'true'\nenvironment_file: {path}\nenvironment:\n  MINE: {SECRET}")

    for arguments in (["--dry-run", "job"], ["--dry-run", "--json", "job"], ["--list-jobs"], ["--status"]):
        result = box.run_job(*arguments)
        assert result.exit_code == 0
        assert SECRET not in result.stdout + result.stderr
