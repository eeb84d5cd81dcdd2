"""Job files that somebody else could have written are refused, with the reason and the command that mends it."""

import os
import pwd
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.host import IS_ROOT, SERVICE_USER, STRANGER, Host, become, uid, unprivileged
from process_control.config.job_directory import load_job
from process_control.core.job import Job
from process_control.errors import BadConfiguration, NotPermitted

needs_root = pytest.mark.needs_root
pytestmark = pytest.mark.fault("job files and directories of bad modes, owners, kinds, links", wanted="all refused")


def load(host: Host, slug: str = "purge") -> Job:
    return load_job(slug, host.settings())


def refusal(host: Host, slug: str = "purge") -> str:
    with pytest.raises(NotPermitted) as caught:
        load(host, slug)
    return str(caught.value).replace(str(host.root), "")


def own(path: Path, user: str | int, group: int = 0) -> None:
    os.chown(path, uid(user) if isinstance(user, str) else user, group, follow_symlinks=False)


# --- what is no regular file -----------------------------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_link(path: Path) -> None:
    target = path.with_name("target.yaml")
    target.write_text("name: n\ncommand: c\n")
    path.symlink_to(target)


def make_broken_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


NO_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a directory": (Path.mkdir, "a directory"),
    "a FIFO": (make_fifo, "a FIFO"),
    "a socket": (make_socket, "a socket"),
    "a link to a job": (make_link, "a symbolic link"),
    "a link to nothing": (make_broken_link, "a symbolic link"),
    "a link to itself": (make_loop, "a symbolic link"),
}


@pytest.mark.parametrize(("make", "kind"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_regular_file_is_refused_at_once(host: Host, make: Callable[[Path], None], kind: str) -> None:
    host.configure()
    make(host.jobs / "purge.yaml")

    assert refusal(host) == f"/jobs/purge.yaml: {kind}, not a regular file\n  hint: put the file itself there"


@needs_root
def test_a_device_is_refused(host: Host) -> None:
    host.configure()
    os.mknod(host.jobs / "purge.yaml", 0o020644, os.makedev(1, 5))  # zeros without end

    assert refusal(host).startswith("/jobs/purge.yaml: a device, not a regular file")


def test_a_file_with_two_names_is_refused(host: Host) -> None:
    host.configure()
    (host.jobs / "other").hardlink_to(host.job("purge"))

    assert refusal(host) == (
        "/jobs/purge.yaml: has 2 names (hard links), but must have one\n"
        "  hint: cp -p /jobs/purge.yaml /jobs/purge.yaml.new && mv /jobs/purge.yaml.new /jobs/purge.yaml"
    )


# --- modes and owners ------------------------------------------------------------------------------------------------
# What is changed (the file, its directory, or a parent of that), how, and what is said. `deploy` stands for STRANGER,
# `service` for SERVICE_USER. Jobs run as root here.

FILE, DIRECTORY, PARENT = "top/jobs/purge.yaml", "top/jobs", "top"
ROOTS_GROUP, STAFF = 0, 50
NO_ID = 0xFFFFFFFF

MODES = {
    "file 0646": (FILE, 0o646, ROOTS_GROUP, "writable by others (mode 0646)"),
    "file 0666": (FILE, 0o666, ROOTS_GROUP, "writable by others (mode 0666)"),
    "file 0777": (FILE, 0o777, ROOTS_GROUP, "writable by others (mode 0777)"),
    "file 0602": (FILE, 0o602, ROOTS_GROUP, "writable by others (mode 0602)"),
    "file 0664 of staff": (FILE, 0o664, STAFF, "writable by group 'staff' (mode 0664)"),
    "file 0620 of staff": (FILE, 0o620, STAFF, "writable by group 'staff' (mode 0620)"),
    "file 0664 of no known group": (FILE, 0o664, 54321, "writable by group '54321' (mode 0664)"),
    "directory 0777": (DIRECTORY, 0o777, ROOTS_GROUP, "writable by others (mode 0777)"),
    "directory 0757": (DIRECTORY, 0o757, ROOTS_GROUP, "writable by others (mode 0757)"),
    "sticky directory": (DIRECTORY, 0o1777, ROOTS_GROUP, "writable by others (mode 1777)"),
    "directory 0775 of staff": (DIRECTORY, 0o775, STAFF, "writable by group 'staff' (mode 0775)"),
    "directory 2775 of staff": (DIRECTORY, 0o2775, STAFF, "writable by group 'staff' (mode 2775)"),
    "sticky directory of staff": (DIRECTORY, 0o1775, STAFF, "writable by group 'staff' (mode 1775)"),
    "parent 0777": (PARENT, 0o777, ROOTS_GROUP, "writable by others (mode 0777)"),
    "parent 0775 of staff": (PARENT, 0o775, STAFF, "writable by group 'staff' (mode 0775)"),
}


@needs_root
@pytest.mark.parametrize(("path", "mode", "group", "what"), MODES.values(), ids=MODES)
def test_what_others_may_write_is_refused(host: Host, path: str, mode: int, group: int, what: str) -> None:
    host.write(FILE, "name: n\ncommand: c\n")
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\n")
    os.chown(host.root / path, 0, group)
    (host.root / path).chmod(mode)

    told = refusal(host)

    hint = "chmod go-w" if "others" in what else "chmod g-w"
    assert told.startswith(f"/{path}: {what}\n  hint: ")
    assert told.split("\n")[1].endswith(f": {hint} /{path}")


def test_a_file_that_others_may_write_is_refused_for_everybody(host: Host) -> None:
    host.configure()
    host.job("purge").chmod(0o646)

    assert refusal(host) == "/jobs/purge.yaml: writable by others (mode 0646)\n  hint: chmod go-w /jobs/purge.yaml"


def test_an_access_list_that_lets_others_write_is_refused(host: Host) -> None:
    # What `setfacl -m user:5:rw` sets: version 2, then tag, rights and id of owner, user 5, group, mask, others.
    entries = [(0x01, 6, NO_ID), (0x02, 6, 5), (0x04, 4, NO_ID), (0x10, 6, NO_ID), (0x20, 4, NO_ID)]
    access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    host.configure()
    os.setxattr(host.job("purge"), "system.posix_acl_access", access_list)

    assert refusal(host) == (
        "/jobs/purge.yaml: writable by an access list (mode 0664)\n"
        "  hint: setfacl -b /jobs/purge.yaml && chmod go-w /jobs/purge.yaml"
    )


OWNERS = {
    "file of a stranger": (FILE, "must be owned by 'root'"),
    "directory of a stranger": (DIRECTORY, "must be owned by 'root'"),
    "parent of a stranger": (PARENT, "must be owned by 'root'"),
}


@needs_root
@pytest.mark.parametrize(("path", "what"), OWNERS.values(), ids=OWNERS)
def test_when_jobs_run_as_root_all_must_be_roots(host: Host, path: str, what: str) -> None:
    host.write(FILE, "name: n\ncommand: c\n")
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\n")
    own(host.root / path, STRANGER)

    told = refusal(host)

    assert told == f"/{path}: owned by 'nobody', {what}\n  hint: chown root /{path}"


@needs_root
def test_the_trusted_owner_may_write_what_runs_as_root(host: Host) -> None:
    host.write(FILE, "name: n\ncommand: c\n", owner=STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\ntrusted_owner: {STRANGER}\n")

    assert load(host).name == "n"


@needs_root
def test_nobody_but_root_and_the_trusted_owner_may(host: Host) -> None:
    host.write(FILE, "name: n\ncommand: c\n", owner=STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\ntrusted_owner: {STRANGER}\n")
    own(host.root / FILE, SERVICE_USER)

    assert refusal(host) == (
        f"/{FILE}: owned by 'games', must be owned by 'root' or 'nobody'\n  hint: chown root /{FILE}"
    )


@needs_root
@pytest.mark.parametrize("path", [FILE, DIRECTORY, PARENT])
def test_roots_group_and_the_trusted_group_may_write(host: Host, path: str) -> None:
    host.write(FILE, "name: n\ncommand: c\n")
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\ntrusted_group: staff\n")

    for group in (ROOTS_GROUP, STAFF):
        os.chown(host.root / path, 0, group)
        (host.root / path).chmod(0o775)
        assert load(host).name == "n"


@needs_root
def test_a_group_whose_one_member_is_the_owner_may_write(host: Host) -> None:
    # As on hosts where everybody has a group of their own, and the umask is 002.
    file = host.write(FILE, "name: n\ncommand: c\n")
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\nuser: {SERVICE_USER}\n")
    for path in (file, file.parent):
        os.chown(path, uid("daemon"), pwd.getpwnam("daemon").pw_gid)
        path.chmod(0o775)

    assert load(host).name == "n"


@needs_root
def test_a_group_that_somebody_else_is_in_may_not(host: Host) -> None:
    file = host.write(FILE, "name: n\ncommand: c\n", owner=SERVICE_USER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\nuser: {SERVICE_USER}\n")
    os.chown(file, uid(SERVICE_USER), pwd.getpwnam(STRANGER).pw_gid)
    file.chmod(0o664)

    assert refusal(host) == (
        f"/{FILE}: writable by group 'nogroup' (mode 0664)\n"
        f"  hint: if you trust the group, set 'trusted_group' in the configuration; else: chmod g-w /{FILE}"
    )


@needs_root
def test_files_of_the_directorys_owner_may_run_as_the_service_user(host: Host) -> None:
    # Developers own the job files, operations decide who they run as.
    host.write(FILE, "name: n\ncommand: c\n", owner=STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\nuser: {SERVICE_USER}\n")

    with become(SERVICE_USER):
        assert load(host).name == "n"


@needs_root
def test_files_of_a_third_account_may_not(host: Host) -> None:
    host.write(FILE, "name: n\ncommand: c\n", owner=STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\nuser: {SERVICE_USER}\n")
    own(host.root / FILE, "daemon")

    with become(SERVICE_USER):
        told = refusal(host)

    assert told == f"/{FILE}: owned by 'daemon', must be owned by 'root' or 'nobody'\n  hint: chown root /{FILE}"


@needs_root
def test_a_directory_that_anybody_could_have_made_below_tmp_is_refused(host: Host) -> None:
    host.write(FILE, "name: n\ncommand: c\n", owner=STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\nuser: {SERVICE_USER}\n")
    own(host.root / PARENT, 0)
    (host.root / PARENT).chmod(0o1777)

    with become(SERVICE_USER):
        told = refusal(host)

    assert (
        told == f"/{DIRECTORY}: owned by 'nobody', must be owned by 'root' or 'games'\n  hint: chown root /{DIRECTORY}"
    )


def test_a_sticky_parent_is_fine_for_a_directory_of_mine(host: Host) -> None:
    host.write(FILE, "name: n\ncommand: c\n")
    host.configuration.write_text(f"job_directory: {host.root}/top/jobs\n")
    (host.root / PARENT).chmod(0o1777)

    assert load(host).name == "n"


def test_everything_that_is_wrong_is_told_at_once(host: Host) -> None:
    host.configure()
    file = host.job("purge")
    file.chmod(0o666)
    (host.jobs / "other").hardlink_to(file)

    assert [line for line in refusal(host).splitlines() if "hint" not in line] == [
        "/jobs/purge.yaml: has 2 names (hard links), but must have one",
        "/jobs/purge.yaml: writable by others (mode 0666)",
    ]


def test_a_path_with_blanks_is_quoted_in_the_mend(host: Host) -> None:
    directory = host.root / "my jobs"
    directory.mkdir()
    file = host.write("my jobs/purge.yaml", "name: n\ncommand: c\n")
    file.chmod(0o666)
    host.configuration.write_text(f"job_directory: {directory}\n")

    assert (
        refusal(host) == "/my jobs/purge.yaml: writable by others (mode 0666)\n  hint: chmod go-w '/my jobs/purge.yaml'"
    )


def test_a_job_file_that_i_may_not_read_is_told(host: Host) -> None:
    host.configure()
    host.job("purge").chmod(0o000 if not IS_ROOT else 0o600)

    with unprivileged() as user:
        told = refusal(host)

    assert told == (
        f"/jobs/purge.yaml: user '{user}' cannot read it: Permission denied\n"
        "  hint: set the group to one of that user, and: chmod g+r /jobs/purge.yaml"
    )


def test_a_job_directory_that_i_may_not_enter_is_told(host: Host) -> None:
    host.configure()
    inner = host.root / "closed/jobs"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o000 if not IS_ROOT else 0o700)
    host.configuration.write_text(f"job_directory: {inner}\n")

    with unprivileged() as user:
        told = refusal(host)

    assert told == (
        f"/closed/jobs: user '{user}' cannot enter the job directory\n"
        "  hint: let that user enter it and all directories above it: chmod go+x /closed/jobs"
    )


# --- links on the way to the directory -------------------------------------------------------------------------------


def test_the_path_of_the_directory_may_go_through_links(host: Host) -> None:
    host.write("releases/2/jobs/purge.yaml", "name: second\ncommand: c\n")
    (host.root / "releases/current").symlink_to("2")
    (host.root / "etc-jobs").symlink_to(host.root / "releases/current/../current/jobs")
    host.configuration.write_text(f"job_directory: {host.root}/etc-jobs\n")

    job = load(host)

    assert job.name == "second"
    assert job.path == f"{host.root}/etc-jobs/purge.yaml"


def test_a_link_in_a_directory_that_others_may_write_is_refused(host: Host) -> None:
    host.job("purge")
    (host.root / "open").mkdir()
    (host.root / "open").chmod(0o777)
    (host.root / "open/jobs").symlink_to(host.jobs)
    host.configuration.write_text(f"job_directory: {host.root}/open/jobs\n")

    assert refusal(host) == "/open: writable by others (mode 0777)\n  hint: chmod go-w /open"


@needs_root
def test_a_link_that_somebody_else_made_in_a_sticky_directory_is_refused(host: Host) -> None:
    host.job("purge")
    (host.root / "tmp").mkdir()
    (host.root / "tmp").chmod(0o1777)
    (host.root / "tmp/jobs").symlink_to(host.jobs)
    own(host.root / "tmp/jobs", STRANGER)
    host.configuration.write_text(f"job_directory: {host.root}/tmp/jobs\n")

    assert refusal(host) == "/tmp/jobs: owned by 'nobody', must be owned by 'root'\n  hint: chown -h root /tmp/jobs"


def test_links_in_a_circle_end(host: Host) -> None:
    (host.root / "a").symlink_to("b")
    (host.root / "b").symlink_to("a")
    host.configuration.write_text(f"job_directory: {host.root}/a\n")

    with pytest.raises(BadConfiguration) as caught:
        load(host)

    assert str(caught.value) == (
        f"{host.root}/a: the job directory cannot be opened: Too many levels of symbolic links\n"
        "  hint: set 'job_directory' in the configuration to a directory"
    )


def test_a_file_is_no_job_directory(host: Host) -> None:
    host.write("file", "")
    host.configuration.write_text(f"job_directory: {host.root}/file\n")

    with pytest.raises(BadConfiguration, match="the job directory cannot be opened: Not a directory"):
        load(host)
