"""The directory of whoever called: a run does not need it, keeps it busy for nobody, and yet reads names in it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import Box, children
from kit.runs import outcomes, script


def guard_and_runner(guard: int) -> list[int]:
    (runner,) = children(guard)
    return [guard, runner]


def waiting_job(box: Box) -> tuple[Callable[[], str], Callable[[], None]]:
    """Write the job `job`; return what waits for its start, and what lets it end."""
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo > {started}; read line < {release}")
    box.job("job", f"command: {job}\nworking_directory: /")
    return started.read_line, release.write_line


@pytest.mark.needs_root  # it looks into processes of ours, as only root may
@pytest.mark.parametrize("via", ["script", "stub"])
def test_guard_and_runner_leave_the_directory_of_the_caller(box: Box, via: str) -> None:
    has_started, let_it_end = waiting_job(box)
    folder = box.root / "folder"
    folder.mkdir()

    with box.start("job", via=via, cwd=folder) as live:
        has_started()
        directories = [os.readlink(f"/proc/{pid}/cwd") for pid in guard_and_runner(live.pid)]
        let_it_end()
        assert live.wait().exit_code == 0

    assert directories == ["/", "/"]


@pytest.mark.needs_root
def test_a_file_system_is_unmounted_while_a_job_runs_that_was_started_from_it(box: Box) -> None:
    has_started, let_it_end = waiting_job(box)
    mount = box.root / "mounted"
    mount.mkdir()
    box.mount_small(mount, kilobytes=64)

    with box.start("job", cwd=mount) as live:
        has_started()
        done = subprocess.run(["umount", str(mount)], capture_output=True, text=True, check=False)
        let_it_end()
        assert live.wait().exit_code == 0

    assert done.returncode == 0, done.stderr
    box._mounts.remove(mount)


@pytest.mark.parametrize("how", ["flag", "variable"])
@pytest.mark.parametrize("where", [".", "folder"], ids=["beside it", "from elsewhere"])
def test_a_configuration_named_from_the_callers_directory_is_found(box: Box, how: str, where: str) -> None:
    box.job("job", "command: sh -c 'echo $PROCESS_CONTROL_CONFIG'")
    (box.root / "folder").mkdir()
    named = os.path.relpath(box.configuration or "", box.root / where)
    flags, variable = (["--config", named], None) if how == "flag" else ([], named)

    result = box.run("job", *flags, env={"PROCESS_CONTROL_CONFIG": variable}, cwd=box.root / where)

    assert result.exit_code == 0, result
    assert outcomes(box) == [("succeeded", None)]
    (path,) = box.log_bytes("job").decode().splitlines()
    assert Path(path).is_absolute()
    assert Path(path).samefile(box.configuration or "")


def test_a_configuration_that_is_not_there_is_named_with_its_whole_path(box: Box) -> None:
    result = box.run("job", "--config", "no.yaml", cwd=box.job_directory)

    assert result.exit_code == 78
    assert f"{box.job_directory}/no.yaml" in result.stderr


def test_in_a_directory_that_is_gone_a_relative_configuration_is_refused_and_a_whole_path_is_not(box: Box) -> None:
    box.job("job", "command: 'true'")
    folder = box.root / "folder"
    folder.mkdir()
    gone = ["sh", "-c", f'rmdir {folder}; exec "$@"', "sh", str(box.product.run_job), "job"]

    whole = box.command(gone, cwd=folder)
    folder.mkdir()
    relative = box.command([*gone, "--config", "pc.yaml"], cwd=folder)

    assert whole.exit_code == 0, whole
    assert relative.exit_code == 78
    assert "the current directory is gone: write the whole path" in relative.stderr
