"""What contrib/ offers does what it says: systemd's own programs make the account and the directories from it."""

import configparser
import pwd
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import PROJECT, SERVICE_USER, Box
from kit.systemd import has_systemd_analyze, systemd_analyze

SYSUSERS = PROJECT / "contrib/sysusers.d/process-control.conf"
TMPFILES = PROJECT / "contrib/tmpfiles.d/process-control.conf"
STATE, LOG, JOBS = "var/lib/process-control-state", "var/log/process-control", "var/lib/process-control"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A root directory in which both files were applied."""
    for command in ("systemd-sysusers", "systemd-tmpfiles"):
        if shutil.which(command) is None:
            pytest.skip(f"{command} is not installed here")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    subprocess.run(["systemd-sysusers", f"--root={root}", str(SYSUSERS)], capture_output=True, check=True)
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}", str(TMPFILES)], capture_output=True, check=True)
    return root


def account(root: Path) -> tuple[int, int]:
    line = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("jobs:"))
    return int(line.split(":")[2]), int(line.split(":")[3])


@pytest.mark.needs_root
def test_the_service_user_has_a_home_and_no_shell(host: Path) -> None:
    line = next(line for line in (host / "etc/passwd").read_text().splitlines() if line.startswith("jobs:"))

    assert line.split(":")[4:] == ["Service user of process-control", "/var/lib/jobs", "/usr/sbin/nologin"]
    assert (host / "var/lib/jobs").stat().st_uid == account(host)[0]


@pytest.mark.needs_root
def test_the_directories_are_as_run_job_makes_them(host: Path, make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("purge", "command: /bin/true")
    box.run("purge")

    places = {STATE: box.state_directory, f"{STATE}/run": box.state_directory / "run", LOG: box.output_directory}
    for offered, made in places.items():
        assert stat.S_IMODE((host / offered).stat().st_mode) == stat.S_IMODE(made.stat().st_mode), offered
        assert ((host / offered).stat().st_uid, made.owner()) == (account(host)[0], SERVICE_USER), offered


@pytest.mark.needs_root
def test_the_job_directory_is_roots(host: Path) -> None:
    status = (host / JOBS).stat()

    assert (stat.S_IMODE(status.st_mode), pwd.getpwuid(status.st_uid).pw_name) == (0o755, "root")


def test_systemd_understands_all_units_and_what_they_call_is_a_verb(tmp_path: Path) -> None:
    if not has_systemd_analyze():
        pytest.skip("systemd-analyze is not installed here")
    for unit in (PROJECT / "contrib/systemd").iterdir():
        text = unit.read_text().replace("/usr/bin/process-control", f"{sys.prefix}/bin/process-control")
        (tmp_path / unit.name).write_text(text)
    units = sorted(map(str, tmp_path.iterdir()))

    verified = systemd_analyze("verify", "--man=no", *units)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert len(units) == 6


@pytest.mark.parametrize("name", ["process-control-web", "process-control-fleet-control"])
def test_what_runs_no_job_is_in_a_sandbox_that_systemd_calls_safe(name: str) -> None:
    if not has_systemd_analyze():
        pytest.skip("systemd-analyze is not installed here")
    unit = PROJECT / f"contrib/systemd/{name}.service"

    rated = systemd_analyze("security", "--offline=true", "--threshold=20", unit)

    assert rated.returncode == 0, rated.stdout
    assert "Overall exposure level" in rated.stdout


def test_the_page_starts_no_job_is_the_service_user_and_writes_only_state_and_locks() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(PROJECT / "contrib/systemd/process-control-web.service")
    service = unit["Service"]

    assert service["ExecStart"].endswith("process-control web --no-starts")
    assert service["User"] == "jobs"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"].split() == [f"-/{STATE}"]
    assert "ProtectProc" not in service  # a stop signals processes


def test_jobs_under_the_scheduler_inherit_no_limit_and_no_sandbox_of_its_unit() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(PROJECT / "contrib/systemd/process-control.service")

    of_the_scheduler = {"Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "Restart", "RestartSec"}
    assert {key: value for key, value in unit["Service"].items() if key not in of_the_scheduler} == {
        "ExecStopPost": "-/bin/sh -c 'case $$EXIT_STATUS in 64|75|77|78) exec sleep 2;; esac'",
        "KillMode": "process",
        "IgnoreSIGPIPE": "no",
        "TasksMax": "infinity",
        "OOMPolicy": "continue",
        "Delegate": "yes",
    }


def test_jobs_under_a_worker_of_the_fleet_inherit_no_limit_and_no_sandbox_of_its_unit() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(PROJECT / "contrib/systemd/process-control-fleet-worker.service")

    of_the_worker = {"Type", "ExecStart", "WatchdogSec", "Restart", "RestartSec", "TimeoutStopSec"}
    assert {key: value for key, value in unit["Service"].items() if key not in of_the_worker} == {
        "KillMode": "mixed",
        "IgnoreSIGPIPE": "no",
        "TasksMax": "infinity",
        "OOMPolicy": "continue",
        "Delegate": "yes",
    }


def test_nothing_is_cleaned_by_age() -> None:
    lines = [line.split() for line in TMPFILES.read_text().splitlines() if line and not line.startswith("#")]

    assert {line[0] for line in lines} == {"d"}
    assert {line[5] for line in lines} == {"-"}


def test_all_files_name_one_service_user() -> None:
    names = {line.split()[3] for line in TMPFILES.read_text().splitlines() if line.startswith("d ")}

    assert names == {"root", "jobs"}
    assert "\nu jobs " in SYSUSERS.read_text()
    assert "user: jobs" in (PROJECT / "contrib/README.md").read_text()


def test_the_source_distribution_has_contrib_and_what_is_installed(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}

    for part in ("contrib", "share", "docs", "tests"):
        files = [str(path.relative_to(PROJECT)) for path in (PROJECT / part).rglob("*") if path.is_file()]
        assert [name for name in files if name not in names and "__pycache__" not in name] == []
