"""The job starts in the same state whoever starts it: by hand, by cron, by the most hostile caller."""

import json
import os
import pwd
import resource
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import Box, Result
from kit.runs import ANOTHER_SLOT, ONE_SLOT, outcomes

PROBE = """\
import fcntl, json, os, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
def name(fd):
    return os.readlink("/proc/self/fd/%s" % fd)
fds = {}
for fd in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        fds[fd] = name(fd).split(":")[0].rpartition("/")[2]
    except FileNotFoundError:
        pass
os.umask(mask := os.umask(0))
print(json.dumps({
    "environment": dict(os.environ),
    "signals": [status[key].strip() for key in ("SigBlk", "SigIgn", "SigCgt")],
    "umask": mask,
    "directory": os.getcwd(),
    "descriptors": fds,
    "session": os.getsid(0) == os.getpid() or os.getsid(0) == os.getppid(),
    "stdin": os.read(0, 10).decode(),
    "nice": os.getpriority(os.PRIO_PROCESS, 0),
    "privileges": status["NoNewPrivs"].strip(),
}))
"""

EVERY_SIGNAL = signal.valid_signals()
HOSTILE_VARIABLES = {
    "LD_PRELOAD": "/nonexistent/evil.so",
    "LD_LIBRARY_PATH": "/nonexistent",
    "LD_AUDIT": "",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent/evil.py",
    "PYTHONINSPECT": "",
    "PYTHONWARNINGS": "error",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONOPTIMIZE": "1",
    "BASH_ENV": "/nonexistent/evil.sh",
    "BASH_FUNC_echo%%": "() { evil; }",
    "ENV": "/nonexistent/evil.sh",
    "IFS": "x",
    "CDPATH": "/",
    "GCONV_PATH": "/nonexistent",
    "PERL5LIB": "/nonexistent",
    "PERL5OPT": "-Mevil",
    "RUBYOPT": "-revil",
    "NODE_OPTIONS": "--evil",
    "MALLOC_PERTURB_": "165",
    "TZ": "Nowhere/Evil",
    "LC_ALL": "evil",
    "LANG": "evil",
    "LANGUAGE": "evil",
    "PATH": "/nonexistent:/usr/bin:/bin",
    "SHELL": "/nonexistent/evil",
    "HOME": "/nonexistent",
    "USER": "evil",
    "LOGNAME": "evil",
    "TERM": "evil",
    "TMPDIR": "/nonexistent",
    "SSH_AUTH_SOCK": "/nonexistent",
    "DISPLAY": ":0",
    "MAIL": "/evil",
    "MAILTO": "evil",
    "SUDO_USER": "evil\nroot",
    "SUDO_COMMAND": "evil",
    "XDG_RUNTIME_DIR": "/nonexistent",
    "DBUS_SESSION_BUS_ADDRESS": "evil",
    "PROCESS_CONTROL_JOB": "evil",
    "PROCESS_CONTROL_RUN_ID": "evil",
    "PROCESS_CONTROL_ATTEMPT": "99",
    "PROCESS_CONTROL_TRIGGER": "evil",
    "PROCESS_CONTROL_SCHEDULED_AT": "evil",
    "PROCESS_CONTROL_SLOW_START": "1",
    "PROCESS_CONTROL_STORMS": "full",
}
HOSTILE_VARIABLES |= {f"EVIL_{number}": "evil" for number in range(100 - len(HOSTILE_VARIABLES))}


def probe(box: Box, slot: str) -> Path:
    path = box.root / "probe.py"
    path.write_text(PROBE)
    return box.job(
        "probe",
        f"command: /usr/bin/python3 -I {path}\n{slot}\nenvironment:\n  MINE: as written\n  NUMBER: 010\n",
    )


def seen(box: Box) -> dict[str, object]:
    state = json.loads(box.log_bytes("probe"))
    for changing in ("PROCESS_CONTROL_RUN_ID", "PROCESS_CONTROL_TRIGGER", "PROCESS_CONTROL_SCHEDULED_AT"):
        assert state["environment"].pop(changing, None) is not None
    return state


def by_hand_in_peace(box: Box) -> dict[str, object]:
    probe(box, ONE_SLOT)
    result = box.run("probe")
    assert (result.stderr, result.exit_code) == ("", 0)
    return seen(box)


def test_by_hand_and_scheduled_from_a_hostile_caller_the_job_sees_the_same(box: Box) -> None:
    in_peace = by_hand_in_peace(box)

    result = scheduled_by_a_hostile_caller(box)

    assert result.exit_code == 0, result
    assert seen(box) == in_peace
    assert len(HOSTILE_VARIABLES) == 100


def scheduled_by_a_hostile_caller(box: Box) -> Result:
    gone = Path(tempfile.mkdtemp(dir=box.root))
    extra = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]

    def become_hostile() -> None:
        for number in EVERY_SIGNAL - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, EVERY_SIGNAL)
        os.umask(0o777)
        os.chdir(gone)
        gone.rmdir()
        for descriptor in extra:
            os.set_inheritable(descriptor, True)
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    command = [*box.product.stub_words, "--scheduled", "probe"]
    kept = {"PROCESS_CONTROL_CONFIG": str(box.configuration)}
    try:
        with box.start_command(
            [
                "/usr/bin/env",
                "-i",
                *[f"{name}={value}" for name, value in {**HOSTILE_VARIABLES, **kept}.items()],
                *command,
            ],
            preexec_fn=become_hostile,
        ) as live:
            return live.wait()
    finally:
        for descriptor in extra:
            os.close(descriptor)


def test_what_the_job_sees_is_what_the_manual_says(box: Box) -> None:
    state = by_hand_in_peace(box)

    environment = state["environment"]
    assert isinstance(environment, dict)
    assert environment.pop("HOME") == pwd.getpwuid(os.getuid()).pw_dir  # not the HOME of whoever tests
    assert environment.pop("USER") == environment.pop("LOGNAME")
    environment.pop("XDG_RUNTIME_DIR", None)
    environment.pop("LC_CTYPE", None)
    path = environment.pop("PATH")
    assert path == f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{box.product.prefix}/bin"
    assert environment == {
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "MINE": "as written",
        "NUMBER": "010",
        "PROCESS_CONTROL_JOB": "probe",
        "PROCESS_CONTROL_ATTEMPT": "1",
        "PROCESS_CONTROL_SLOW_START": "0",
        "PROCESS_CONTROL_CONFIG": str(box.configuration),
    }
    blocked, ignored, _ = state["signals"]  # type: ignore[misc]
    assert int(blocked, 16) == 0
    assert int(ignored, 16) in (0, 1 << 12 | 1 << 24)  # the probe is Python, which ignores SIGPIPE and SIGXFSZ itself
    assert state["umask"] == 0o022
    assert state["directory"] == pwd.getpwuid(os.getuid()).pw_dir  # not the HOME of whoever tests
    assert state["descriptors"] == {"0": "null", "1": "pipe", "2": "pipe", "3": "probe.lock"}
    assert state["session"] is True
    assert state["stdin"] == ""


def test_all_signals_are_at_their_default_and_none_is_blocked(box: Box) -> None:
    box.job("status", "command: grep -E '^Sig(Blk|Ign)' /proc/self/status")

    def ignoring() -> None:
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGXFSZ, 35, 36, 64):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM, 34, 35, 36])

    with box.start("status", preexec_fn=ignoring) as live:
        result = live.wait()

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("status").split() == [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]


@pytest.mark.parametrize(
    "number",
    [signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.Signals(1), 35, 36],
    ids=lambda n: f"signal {int(n)}",
)
def test_a_signal_that_the_caller_had_blocked_or_ignored_keeps_no_run_from_its_end(box: Box, number: int) -> None:
    box.job("slow", "command: [echo one, sh -c 'sleep 0.05; echo two']")

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])

    def ignore() -> None:
        signal.signal(number, signal.SIG_IGN)

    for hostile in (block, ignore):
        with box.start("slow", via="stub", preexec_fn=hostile) as live:
            result = live.wait()
        assert (result.stderr, result.exit_code) == ("", 0)

    assert outcomes(box) == [("succeeded", None)] * 2


def test_a_caller_that_blocks_everything_can_still_be_timed_out_and_told(box: Box) -> None:
    box.job("slow", "command: sleep 1000\ntimeout: 0.2\nkill_grace: 0.1")

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, EVERY_SIGNAL)

    with box.start("slow", preexec_fn=block) as live:
        result = live.wait()

    assert result.exit_code == 124


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("via", ["script", "stub"])
def test_closed_standard_descriptors_of_the_caller_harm_nothing(box: Box, closed: tuple[int, ...], via: str) -> None:
    box.job("hello", "command: sh -c 'echo Hello; echo oops >&2; exit 3'")

    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    with box.start("hello", via=via, preexec_fn=close) as live:
        result = live.wait()

    assert result.exit_code == 3
    assert "Traceback" not in result.stderr
    assert sorted(box.log_bytes("hello").split()) == [b"Hello", b"oops"]
    assert outcomes(box) == [("failed", "exit_code")]


def test_a_job_may_be_let_see_variables_of_its_caller_but_never_our_own(box: Box) -> None:
    box.job("some", "command: env\ninherit_environment: [FROM_CALLER, NOT_THERE]")
    box.job("all", "command: env\ninherit_environment: true\nenvironment:\n  MINE: stronger")
    caller = {
        "FROM_CALLER": "let through",
        "MINE": "weaker",
        "PROCESS_CONTROL_JOB": "evil",
        "PROCESS_CONTROL_X": "evil",
    }

    results = [box.run(slug, env=caller) for slug in ("some", "all")]

    assert [result.exit_code for result in results] == [0, 0], results
    some = dict(line.split("=", 1) for line in box.log_bytes("some").decode().splitlines())
    everything = dict(line.split("=", 1) for line in box.log_bytes("all").decode().splitlines())
    assert some["FROM_CALLER"] == "let through"
    assert "MINE" not in some
    assert some["PROCESS_CONTROL_JOB"] == "some"
    assert everything["MINE"] == "stronger"
    assert everything["FROM_CALLER"] == "let through"
    assert "PROCESS_CONTROL_X" not in everything


def test_umask_and_directory_are_as_the_job_says(box: Box) -> None:
    place = box.root / "place"
    place.mkdir()
    box.job("made", f"command: [sh -c umask, pwd, touch file]\numask: 027\nworking_directory: {place}")

    result = box.run("made", umask=0)

    assert result.exit_code == 0, result
    assert box.log_bytes("made").decode().split() == ["0027", str(place)]
    assert (place / "file").stat().st_mode & 0o777 == 0o640


def test_a_working_directory_that_is_missing_is_told_and_nothing_is_run(box: Box) -> None:
    box.job("lost", f"command: touch {box.root}/ran\nworking_directory: {box.root}/nowhere")

    result = box.run("lost")

    assert result.exit_code == 126
    assert f"working directory {box.root}/nowhere: No such file or directory" in result.stderr
    assert not (box.root / "ran").exists()
    assert outcomes(box) == [("failed", "not_started")]


@pytest.mark.parametrize("limit", [24, 40, 64])
def test_a_caller_with_few_descriptors_left_can_still_run_jobs(box: Box, limit: int) -> None:
    box.job("hello", "command: echo Hello")
    box.run("hello")  # what is parsed once needs more

    def tight() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with box.start("hello", via="stub", preexec_fn=tight) as live:
        result = live.wait()

    assert "Traceback" not in result.stderr
    assert (result.stderr, result.exit_code) == ("", 0)


def test_a_caller_who_may_write_only_small_files_is_told_and_the_verdict_stays(box: Box) -> None:
    box.job("large", "command: head -c 3000000 /dev/zero")
    box.run("large")

    def tight() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    with box.start("large", via="stub", preexec_fn=tight) as live:
        result = live.wait()

    assert "Traceback" not in result.stderr
    assert result.exit_code in (0, 74)


def test_started_from_a_terminal_the_job_has_no_terminal(box: Box) -> None:
    box.job("tty", "command: sh -c 'tty; ps -o tty= -p $$'")

    with box.start("tty", tty=True) as live:
        live.wait()

    assert box.log_bytes("tty").split(b"\n")[:2] == [b"not a tty", b"?"]


@pytest.mark.needs_root
@pytest.mark.parametrize("asked", [False, True])
def test_no_new_privileges_is_set_in_the_jobs_process_under_every_trigger(
    make_box: Callable[..., Box], asked: bool
) -> None:
    box = make_box(no_new_privileges=asked)
    box.job("hello", f"command: grep NoNewPrivs /proc/self/status\n{ANOTHER_SLOT}")

    box.run("hello")
    box.run("--scheduled", "hello")

    assert [path.read_bytes() for path in box.logs("hello")] == [b"NoNewPrivs:\t%d\n" % asked] * 2
