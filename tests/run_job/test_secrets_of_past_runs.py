"""What a run printed is shown only where the secrets that it had are known: they may have changed since."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import records, script, starts

SECRET, NEXT = "first-secret-value-0001", "second-secret-value-0002"
READERS = "nogroup"


def write_secret(path: Path, value: str) -> None:
    path.write_text(f"TOKEN={value}\nSHORT=abc\n")
    path.chmod(0o600)


@pytest.fixture
def secrets(box: Box) -> Path:
    """A run of `job` that has printed its secret, on both streams."""
    path = box.root / "secrets"
    write_secret(path, SECRET)
    job = script(box, "job.sh", "echo connecting with $TOKEN; echo refused $TOKEN >&2")
    box.job("job", f"command: {job}\nstderr: warn\nenvironment_file: {path}")
    box.run("job")
    return path


def all_of(box: Box, slug: str = "job") -> dict[str, str]:
    """Return what each view shows of the job's output, `--raw` left out."""
    views = (["logs", slug], ["logs", slug, "-n", "5"], ["logs", slug, "--json"], ["learn", slug], ["status", slug])
    shown = {" ".join(words): str(box.process_control(*words)) for words in views}
    return {**shown, "status on a terminal": str(box.process_control("status", slug, tty=True))}


def test_the_start_record_has_fingerprints_that_tell_nothing(box: Box, secrets: Path) -> None:
    box.run("job")
    [first, second] = starts(box)
    other = Box.configured(box.product)
    try:
        other.job("job", (box.job_directory / "job.yaml").read_text())
        other.run("job")
        [elsewhere] = starts(other)
    finally:
        other.close()

    assert len(first["secrets"]) == 1  # SHORT is none
    assert first["secrets"] == second["secrets"] != elsewhere["secrets"]
    assert (box.state_directory / "secrets.key").stat().st_mode & 0o7777 == 0o600
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in box.state_directory.rglob("*") if path.is_file()
    )


def test_without_an_environment_file_a_run_keeps_neither_fingerprints_nor_key(box: Box) -> None:
    box.job("job", "command: echo hello")

    box.run("job")

    assert "secrets" not in starts(box)[0]
    assert not (box.state_directory / "secrets.key").exists()
    assert box.process_control("logs", "job").stdout == "hello\n"


def test_with_the_secrets_of_the_run_its_output_is_masked_and_shown(box: Box, secrets: Path) -> None:
    result = box.process_control("logs", "job")

    assert (result.stdout, result.stderr) == ("connecting with ***\nrefused ***\n", "")
    assert SECRET not in str(all_of(box))


def test_another_secret_besides_and_another_job_file_keep_it_known(box: Box, secrets: Path) -> None:
    secrets.write_text(f"OTHER=long-enough-to-count\nTOKEN={SECRET}\n")
    box.job("job", f"command: 'true'\nenvironment_file: {secrets}")

    assert box.process_control("logs", "job").stdout == "connecting with ***\nrefused ***\n"


def rotate(box: Box, secrets: Path) -> str:
    write_secret(secrets, NEXT)
    return "they are no longer in its environment_file, or the key to recognise them cannot be read"


def remove_the_job(box: Box, secrets: Path) -> str:
    (box.job_directory / "job.yaml").unlink()
    return "its job file is gone or cannot be read"


def take_the_key_out(box: Box, secrets: Path) -> str:
    box.job("job", "command: 'true'")
    return "they are no longer in its environment_file, or the key to recognise them cannot be read"


def remove_the_file(box: Box, secrets: Path) -> str:
    secrets.unlink()
    return f"{secrets}: environment_file: No such file or directory"


def lose_the_key_file(box: Box, secrets: Path) -> str:
    (box.state_directory / "secrets.key").unlink()
    return "they are no longer in its environment_file, or the key to recognise them cannot be read"


@pytest.mark.parametrize("change", [rotate, remove_the_job, take_the_key_out, remove_the_file, lose_the_key_file])
def test_when_the_secrets_of_a_run_are_not_known_its_output_is_not_shown(
    box: Box, secrets: Path, change: Callable[[Box, Path], str]
) -> None:
    why = change(box, secrets)

    result, raw = box.process_control("logs", "job"), box.process_control("logs", "job", "--raw")

    run_id = starts(box)[0]["run_id"]
    assert (result.exit_code, result.stdout) == (77, "")
    assert result.stderr == (
        f"the secrets of run {run_id} cannot be masked: {why}\n"
        f"  hint: to show the log with secrets: process-control logs --raw --run {run_id}\n"
    )
    assert SECRET not in str(all_of(box))
    assert raw.stdout == f"connecting with {SECRET}\nrefused {SECRET}\n"


@pytest.mark.needs_root
def test_a_reader_without_the_right_to_the_secrets_is_not_shown_the_output(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER, read_group=READERS)
    path = box.root / "secrets"
    write_secret(path, SECRET)
    box.give(path, SERVICE_USER)
    box.job("job", f"command: printenv TOKEN\nenvironment_file: {path}")
    box.job("plain", "command: echo hello")
    box.run("job")
    box.run("plain")

    by_reader = box.process_control("logs", "job", user=STRANGER)

    assert (by_reader.exit_code, by_reader.stdout) == (77, "")
    assert f"cannot be masked: {path}: no permission to read the environment file\n" in by_reader.stderr
    assert box.process_control("logs", "job").stdout == "***\n"
    assert box.process_control("logs", "plain", user=STRANGER).stdout == "hello\n"


def test_a_mail_made_after_a_rotation_quotes_no_output(box: Box) -> None:
    path = box.root / "secrets"
    write_secret(path, SECRET)
    job = script(box, "job.sh", f"echo connecting with $TOKEN; echo TOKEN={NEXT} > {path}; exit 3")
    box.job("job", f"command: {job}\nenvironment_file: {path}")
    with mail_server() as server:
        mail_to(box, server)
        box.run("job")
        wait_until_told(box)
        (mail,) = server.mails

    assert SECRET not in mail.text + mail.html
    assert "(not quoted: the secrets of run" in mail.text


def test_several_first_runs_at_once_have_one_key(box: Box) -> None:
    path = box.root / "secrets"
    write_secret(path, SECRET)
    for number in range(6):
        box.job(f"job{number}", f"command: 'true'\nenvironment_file: {path}")

    lives = [box.start(f"job{number}") for number in range(6)]
    for live in lives:
        with live:
            live.wait()

    assert len({tuple(start["secrets"]) for start in starts(box)}) == 1
    assert not list(box.state_directory.glob("secrets.key.*"))
    assert len(records(box, "start")) == 6


def test_secrets_of_a_default_that_was_taken_away_stay_hidden(box: Box, secrets: Path) -> None:
    box.configure(default_job_config={"environment_file": str(secrets)})
    box.job("plain", "command: printenv TOKEN")
    box.run("plain")
    box.configure(default_job_config=None)

    result = box.process_control("logs", "plain")

    assert result.exit_code == 77
    assert result.stdout == ""
