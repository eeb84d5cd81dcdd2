"""Who may start jobs: root and the service user, in any order; anybody else is told how."""

import os
import pwd
import shutil
from collections.abc import Callable

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box, wait_gone
from kit.runs import ends, outcomes, script

pytestmark = pytest.mark.needs_root

#: For a shell: wait until its last child in the background, see `sleep_as_another`, is executed as that user.
IS_ANOTHER = 'until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done'


def own_directories(box: Box) -> None:
    """Make what the service user may not make by itself in a box of root's."""
    for directory in (box.state_directory, box.output_directory):
        directory.mkdir()
        box.give(directory, SERVICE_USER)


def sleep_as_another(box: Box) -> str:
    """Return a command that becomes another user, as sudo does: the service user may start it, and not signal it."""
    path = box.root / "become"
    shutil.copy("/usr/bin/setpriv", path)
    path.chmod(0o4755)
    account = pwd.getpwnam(STRANGER)
    return f"{path} --reuid={account.pw_uid} --regid={account.pw_gid} --clear-groups sleep 1000"


def test_root_by_hand_then_the_service_user_then_root_again_meet_no_permission_fault(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("hello", "command: [id -un, id -Gn]")

    results = [box.run("hello", user=user) for user in (None, SERVICE_USER, None, SERVICE_USER)]

    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 4
    assert [log.read_text() for log in box.logs("hello")] == ["games\ngames\n"] * 4
    assert [end["by"] for end in ends(box)] == ["root", SERVICE_USER, "root", SERVICE_USER]


def test_the_service_user_first_and_then_root_meet_no_permission_fault(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("hello", "command: id -un")
    own_directories(box)

    results = [box.run("hello", user=user) for user in (SERVICE_USER, None)]

    assert [(result.stderr, result.exit_code) for result in results] == [("", 0)] * 2


def test_nothing_of_the_state_or_the_logs_belongs_to_root(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("hello", "command: echo Hello\nlock: shared")

    box.run("hello")

    service = pwd.getpwnam(SERVICE_USER).pw_uid
    for top in (box.state_directory, box.output_directory):
        owners = {str(path): os.lstat(path).st_uid for path in [top, *top.rglob("*")]}
        assert set(owners.values()) == {service}, owners


def test_anybody_else_is_refused_with_the_sudo_line(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("hello", "command: id -un")

    result = box.run("hello", user=STRANGER)

    assert result.exit_code == 77
    assert result.stderr == (
        f"{box.configuration}: jobs run as user 'games', and you are 'nobody'\n  hint: sudo -u games run-job hello\n"
    )
    assert not box.state_directory.exists()


def test_rights_are_dropped_for_good_before_the_job_runs(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("rights", "command: grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb):' /proc/self/status")

    box.run("rights")

    account = pwd.getpwnam(SERVICE_USER)
    lines = dict(line.split(":", 1) for line in box.log_bytes("rights").decode().splitlines())
    assert lines["Uid"].split() == [str(account.pw_uid)] * 4
    assert lines["Gid"].split() == [str(account.pw_gid)] * 4
    assert lines["Groups"].split() == [str(account.pw_gid)]
    assert {int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapAmb")} == {0}


def test_root_never_opens_the_jobs_own_files(make_box: Callable[..., Box]) -> None:
    """A job file or a stdout file that only root may read is out of the service user's reach, whoever starts it."""
    box = make_box(service_user=SERVICE_USER)
    secret = box.root / "only-root"
    secret.write_text("")
    secret.chmod(0o600)
    box.job("hello", f"command: echo Hello\nstdout: {secret}")

    result = box.run("hello")

    assert result.exit_code == 74
    assert secret.read_text() == ""
    assert "Permission denied" in result.stderr


def test_a_child_that_became_another_user_is_ended_by_the_guard(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    started = box.fifo("started")
    as_another = sleep_as_another(box)
    job = script(box, "job.sh", f"{as_another} & {IS_ANOTHER}; echo $! > {started}; wait")
    box.job("foreign", f"command: {job}\ntimeout: 4\nkill_grace: 0.2")

    result = box.run("foreign")

    pid = int(started.read_line())
    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert not os.path.exists(f"/proc/{pid}")


def test_what_the_service_user_cannot_end_is_named_and_keeps_the_job_from_starting_again(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    started = box.fifo("started")
    own_directories(box)
    as_another = sleep_as_another(box)
    job = script(box, "job.sh", f"{as_another} 3>&- & {IS_ANOTHER}; echo $! > {started}; wait")
    box.job("foreign", f"command: {job}\ntimeout: 4\nkill_grace: 0.2")

    first = box.run("foreign", user=SERVICE_USER)
    pid = int(started.read_line())
    try:
        second = box.run("foreign", user=SERVICE_USER)
    finally:
        os.kill(pid, 9)
        wait_gone(pid)
    box.job("foreign", "command: 'true'")
    third = box.run("foreign", user=SERVICE_USER)

    assert first.exit_code == 124
    assert f"processes left behind could not be ended: pid {pid} of {STRANGER} (sleep 1000)" in first.stderr
    assert second.exit_code == 75, second
    assert f"left processes running: pid {pid} of {STRANGER} (sleep 1000)" in second.stderr
    assert third.exit_code == 0
