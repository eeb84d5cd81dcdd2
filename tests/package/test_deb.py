"""The package for Debian 12, in a clean Debian 12: installed, used, upgraded and removed while a job runs."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.deb import GIVEN, build, package_of, repacked
from kit.debian_tree import DebianTree, needed
from kit.installation import PROJECT, Product
from process_control import __version__

pytestmark = pytest.mark.needs_root
#: A job that waits for a word of the test.
WAITS = "name: It waits\ncommand: sh -c 'echo > /tmp/begun; read word < /tmp/go; echo ended with $word; exit 3'\n"
#: In the place of systemctl: keeps what it is called with.
SYSTEMCTL = '#!/bin/sh\necho "$*" >> /tmp/systemctl\n'


@pytest.fixture(scope="module")
def package(product: Product) -> Path:
    for tool in ("dpkg-deb", "dpkg"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed here")
    needed()
    return package_of(product)


@pytest.fixture(scope="module")
def newer(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repacked(package, tmp_path_factory.mktemp("newer"), "9.0")


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[DebianTree]:
    """A Debian 12 that has never seen process-control."""
    with DebianTree.below(tmp_path) as tree:
        yield tree


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianTree]:
    """A Debian 12 with the package, from which others are made."""
    with DebianTree.below(tmp_path_factory.mktemp("installed")) as tree:
        install(tree, package)
        tree.keep()
        yield tree


@pytest.fixture
def debian(installed: DebianTree, tmp_path: Path) -> Iterator[DebianTree]:
    """A Debian 12 where the package was installed, and nothing else was done."""
    with DebianTree.below(tmp_path, like=installed) as tree:
        yield tree


def files_in(package: Path) -> dict[str, bytes]:
    """Return what each file of a package holds: to write them all would take longer than to look at them."""
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        return {each.name: file.read() for each in archive if each.isfile() and (file := archive.extractfile(each))}


def install(tree: DebianTree, package: Path) -> str:
    shutil.copy(package, tree.given)
    return tree.must(f"apt-get install -qq -y /given/{package.name} 2>&1")


def add_job(tree: DebianTree, slug: str, text: str) -> None:
    tree.path(f"/var/lib/process-control/{slug}.yaml").write_text(text)


def start_waiting_job(tree: DebianTree) -> "subprocess.Popen[str]":
    add_job(tree, "waits", WAITS)
    tree.must("mkfifo /tmp/begun /tmp/go")
    run = tree.start("run-job waits")
    tree.must("cat /tmp/begun")
    return run


def runs(tree: DebianTree, slug: str) -> list[tuple[str, str | None, int | None]]:
    rows = json.loads(tree.must(f"process-control history --json {slug}"))["runs"]
    return [(row["outcome"], row["reason"], row["exit_code"]) for row in rows]


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_two_builders_who_agree_on_nothing_make_the_same_bytes(package: Path, tmp_path: Path) -> None:
    environment = {"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "LC_ALL": "C", "TMPDIR": str(tmp_path)}

    again = build(tmp_path, umask=0o077, environment=environment)

    assert again.read_bytes() == (build(tmp_path / "first") if GIVEN else package).read_bytes()


def test_no_path_of_the_build_is_in_it_and_every_file_is_roots(package: Path) -> None:
    files = files_in(package)

    places = [str(PROJECT).encode() + b"/", sys.prefix.encode() + b"/", b"/tmp/tmp"]
    assert [path for path, content in files.items() if any(place in content for place in places)] == []
    listed = subprocess.run(["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True)
    owners = {tuple(line.split()[:2]) for line in listed.stdout.splitlines()}
    assert owners == {(mode, "root/root") for mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx")}
    assert len(files) > 500


# --- installed and used ----------------------------------------------------------------------------------------------


def test_it_is_installed_and_nothing_runs_before_somebody_says_so(debian: DebianTree) -> None:
    assert debian.must("process-control --version") == f"process-control {__version__}\n"
    assert debian.must("cd /usr/bin && ./run-job --version") == f"process-control {__version__}\n"
    assert debian.must("find /etc -path '*process-control*'") == ""
    assert debian.must("getent passwd jobs").split(":")[5:] == ["/var/lib/jobs", "/usr/sbin/nologin\n"]
    assert debian.must("stat -c '%U %a' /var/lib/process-control /var/lib/jobs") == "root 755\njobs 750\n"


def test_a_job_runs_from_the_first_file_to_its_history(debian: DebianTree) -> None:
    debian.must("process-control init")
    debian.must("run-job hello")

    assert runs(debian, "hello") == [("succeeded", None, 0)]
    (job,) = json.loads(debian.must("process-control status --json"))["jobs"]
    assert (job["job"], job["state"]) == ("hello", "ok")
    assert debian.must("process-control help at-3-am").startswith("# What to do at 3 a.m.")


def test_jobs_of_the_service_user_run_as_it_and_own_what_they_write(debian: DebianTree) -> None:
    debian.path("/etc/process-control.yaml").write_text("user: jobs\n")
    add_job(debian, "who", "name: Who\ncommand: sh -c 'id -un; pwd'\n")

    debian.must("run-job who")

    assert debian.must("process-control logs who").splitlines() == ["jobs", "/var/lib/jobs"]
    owners = debian.must("stat -c %U /var/lib/process-control-state /var/log/process-control /var/lib/process-control")
    assert owners.split() == ["jobs", "jobs", "root"]


def test_the_crontab_calls_the_interpreter_of_debian(debian: DebianTree) -> None:
    add_job(debian, "often", "name: Often\ncommand: echo done\nschedule: '* * * * *'\n")

    debian.must("cron-generate")

    (line,) = [
        line
        for line in debian.path("/etc/cron.d/process-control").read_text().splitlines()
        if "often" in line and line[0] == "*"
    ]
    command = line.split(" root ", 1)[1]
    assert command.startswith(
        "/usr/bin/python3.11 -I -S /opt/process-control/lib/python3.11/site-packages/process_control/"
    )
    debian.must(command)
    assert runs(debian, "often") == [("succeeded", None, 0)]


def test_an_installation_that_pip_made_is_not_overwritten(clean: DebianTree, package: Path) -> None:
    clean.must("mkdir -p /opt/process-control/bin && ln -s /usr/bin/python3 /opt/process-control/bin/python")
    shutil.copy(package, clean.given)

    done = clean.run(f"dpkg -i /given/{package.name}")

    assert done.returncode == 1
    assert (
        "/opt/process-control has an installation that is not of a package\n  hint: rm -r /opt/process-control"
        in done.stderr
    )
    assert clean.must("ls /opt/process-control") == "bin\n"


# --- while a job runs ------------------------------------------------------------------------------------------------


def test_an_upgrade_during_a_run_changes_nothing_for_the_run(debian: DebianTree, newer: Path) -> None:
    with start_waiting_job(debian) as run:
        install(debian, newer)
        assert debian.must("process-control --version") == "process-control 9.0\n"
        assert debian.run("run-job waits").returncode == 75
        debian.must("echo word > /tmp/go")
        run.communicate()

    assert run.returncode == 3
    assert debian.must("process-control logs waits") == "ended with word\n"
    assert runs(debian, "waits") == [("failed", "exit_code", 3)]


def test_a_removal_during_a_run_changes_nothing_for_the_run(debian: DebianTree, package: Path) -> None:
    with start_waiting_job(debian) as run:
        debian.must("apt-get purge -qq -y process-control")
        assert debian.run("test -e /usr/bin/run-job -o -e /opt/process-control").returncode == 1
        debian.must("echo word > /tmp/go")
        run.communicate()

    assert run.returncode == 3
    install(debian, package)
    assert runs(debian, "waits") == [("failed", "exit_code", 3)]


def test_after_a_removal_cron_calls_nothing_and_a_purge_leaves_what_is_the_users(debian: DebianTree) -> None:
    debian.must("process-control init && run-job hello && cron-generate")

    removed = debian.must("apt-get remove -qq -y process-control 2>&1")
    cron_d = debian.must("ls /etc/cron.d")
    purged = debian.must("apt-get purge -qq -y process-control 2>&1")

    assert "/etc/cron.d/process-control is now /etc/cron.d/process-control.removed" in removed
    assert cron_d == "e2scrub_all\nprocess-control.removed\n"
    assert debian.must("ls /etc/cron.d") == "e2scrub_all\n"
    kept = [
        "/etc/process-control.yaml",
        "/var/lib/process-control",
        "/var/lib/process-control-state",
        "/var/log/process-control",
    ]
    assert all(f"process-control: {path} stays" in purged for path in kept)
    debian.must(f"ls -d /opt {' '.join(kept)} /var/lib/process-control/hello.yaml")
    left = debian.must("find / -xdev -name '*process-control*' -not -path '/given/*' -prune -print").split()
    assert sorted(left) == kept


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_systemd_is_asked_to_restart_the_scheduler_only_if_it_runs_and_never_to_start_it(
    clean: DebianTree, package: Path, newer: Path
) -> None:
    clean.must("mkdir -p /run/systemd/system")
    systemctl = clean.path("/usr/bin/systemctl")
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)

    calls = []
    for step in (package, newer, None):
        clean.must("rm -f /tmp/systemctl")
        install(clean, step) if step else clean.must("apt-get remove -qq -y process-control")
        calls.append(clean.path("/tmp/systemctl").read_text().splitlines())

    installed, upgraded, removed = calls
    assert installed == ["--system daemon-reload"]
    assert upgraded == ["--system daemon-reload", "try-restart process-control.service process-control-web.service"]
    assert removed == [
        "stop process-control-web.service process-control.service process-control-watch.timer",
        "--system daemon-reload",
    ]
