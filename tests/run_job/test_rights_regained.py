"""After rights were dropped nothing of root's is regained: by the job, and by whoever could take the runner over."""

import json
import os
import pwd
from collections.abc import Callable

import pytest

from kit.harness import SERVICE_USER, Box, Storm
from kit.runs import killers

pytestmark = pytest.mark.needs_root

THIEF = """\
import ctypes, json, os, resource, socket, struct, sys, time

guard, runner, roots_file, roots_directory, shadow = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:6]
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)

def read(path):
    with open(path, "rb") as file:
        return file.read(1)

def write(path):
    os.close(os.open(path, os.O_WRONLY))

def capset():
    header = struct.pack("II", 0x20080522, 0)
    call("capset", header, struct.pack("IIIIII", *[0xFFFFFFFF] * 6))

def bind():
    with socket.socket() as low:
        low.bind(("127.0.0.1", 1))

def raw():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()

def ambient():
    call("prctl", 47, 2, 21, 0, 0)  # PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN

def setfsuid():
    libc.setfsuid(0)
    if libc.setfsuid(-1) != 0:  # it tells the id of before, and never a fault
        raise PermissionError

def become_writable():
    os.chmod(roots_file, 0o4777)

WAYS = {
    "setuid": lambda: os.setuid(0),
    "seteuid": lambda: os.seteuid(0),
    "setreuid": lambda: os.setreuid(0, 0),
    "setresuid": lambda: os.setresuid(0, 0, 0),
    "setresuid, saved": lambda: os.setresuid(-1, -1, 0),
    "setfsuid": setfsuid,
    "setgid": lambda: os.setgid(0),
    "setegid": lambda: os.setegid(0),
    "setresgid": lambda: os.setresgid(0, 0, 0),
    "setgroups": lambda: os.setgroups([0]),
    "initgroups": lambda: os.initgroups("root", 0),
    "capset": capset,
    "an ambient capability": ambient,
    "chroot": lambda: os.chroot("/"),
    "mount": lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "a namespace of mounts": lambda: call("unshare", 0x20000),
    "the namespace of the guard": lambda: call("setns", os.pidfd_open(guard), 0x20000),
    "a device": lambda: os.mknod("/tmp/process-control-device", 0o020600, os.makedev(1, 1)),
    "chown": lambda: os.chown(sys.argv[0], 0, 0),
    "chmod of root's file": become_writable,
    "reading root's file": lambda: read(roots_file),
    "writing root's file": lambda: write(roots_file),
    "a file in root's directory": lambda: write(roots_directory + "/new"),
    "a list of root's directory": lambda: os.listdir(roots_directory),
    "the passwords": lambda: read(shadow),
    "the guard's environment": lambda: read(f"/proc/{guard}/environ"),
    "the guard's memory": lambda: read(f"/proc/{guard}/mem"),
    "the guard's descriptors": lambda: os.listdir(f"/proc/{guard}/fd"),
    "the guard's directory": lambda: os.readlink(f"/proc/{guard}/cwd"),
    "tracing the guard": lambda: call("ptrace", 16, guard, None, None),
    "stopping the guard": lambda: os.kill(guard, 19),
    "killing the guard": lambda: os.kill(guard, 9),
    "a descriptor of the guard": lambda: call("syscall", 438, os.pidfd_open(guard), 0, 0),
    "a low port": bind,
    "a raw socket": raw,
    "a better nice": lambda: os.setpriority(os.PRIO_PROCESS, 0, -10),
    "more open files than root allowed": lambda: resource.setrlimit(
        resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] + 1,) * 2
    ),
    "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "the clock": lambda: time.clock_settime(0, time.time()),
    "the host's name": lambda: socket.sethostname(socket.gethostname()),
    "the passwords through the guard": lambda: read(f"/proc/{guard}/root/etc/shadow"),
}

regained = []
for name, way in WAYS.items():
    try:
        way()
    except (OSError, PermissionError, ValueError):
        continue
    regained.append(name)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
theirs = dict(line.split(":", 1) for line in open(f"/proc/{runner}/status"))
ids = {who: [of[key].split() for key in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb")]
       for who, of in (("job", status), ("runner", theirs))}
print(json.dumps({"tried": len(WAYS), "regained": regained, "ids": ids}))
"""


@pytest.mark.fault("Rights of root regained after they were dropped", wanted="none")
def test_nothing_of_root_is_regained_by_a_job(make_box: Callable[..., Box], storm: Storm) -> None:
    box = make_box(service_user=SERVICE_USER)
    (box.root / "thief.py").write_text(THIEF)
    roots = box.root / "roots"
    roots.mkdir(mode=0o700)
    (box.root / "roots-file").write_text("secret")
    (box.root / "roots-file").chmod(0o600)
    started, release = box.fifo("started"), box.fifo("release")
    thief = f"/usr/bin/python3 -I {box.root}/thief.py $guard $runner {box.root}/roots-file {roots} /etc/shadow"
    job = box.root / "job.sh"
    job.write_text(f"#!/bin/sh\necho up > {started}; read guard runner < {release}; exec {thief}\n")
    job.chmod(0o755)
    box.job("job", f"command: {job}")

    with box.start("job") as live:
        started.read_line()
        release.write_line(" ".join(map(str, killers(box, "job"))))
        result = live.wait()

    assert result.exit_code == 0, result
    told = json.loads(box.log_bytes("job"))
    account = pwd.getpwnam(SERVICE_USER)
    groups = [str(group) for group in sorted(os.getgrouplist(SERVICE_USER, account.pw_gid))]
    ours = [[str(account.pw_uid)] * 4, [str(account.pw_gid)] * 4, groups, *[["0" * 16]] * 4]
    assert told["regained"] == []
    assert told["ids"] == {"job": ours, "runner": ours}
    assert (box.root / "roots-file").stat().st_mode & 0o7777 == 0o600
    assert list(roots.iterdir()) == []
    storm.found(f"{told['tried']} ways, none")
