"""Runs a program with text on its stdin, within a deadline after which its whole process group is killed."""

import os
import posix
import select
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from process_control.errors import Fault
from process_control.notify.channels.address import Unusable, in_one_line
from process_control.system import linux, trusted_file
from process_control.system.account import account_of
from process_control.system.ask import ANSWER_SECONDS, NoAnswer, ask

#: Of each stream only the end is kept: a program may print without end.
_KEPT = 4096
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended: its exit code, or minus the signal; None when it was killed at the deadline."""

    code: int | None
    stdout: str
    stderr: str


def check_program(path: str) -> None:
    """Raise Unusable unless the program can be executed and only root or we could have written it."""
    if not path.startswith("/"):
        raise Unusable("the program needs an absolute path: exec:/usr/local/bin/notify-us")
    try:
        faults = ask(lambda: _faults(path))
    except NoAnswer as error:
        raise Unusable(f"{path}: {error}: its disk may hang") from None
    except OSError as error:
        raise Unusable(f"{path}: {str(error.strerror).lower()}") from None
    if faults:
        raise Unusable(in_one_line("; ".join(faults), longest=400))


def _faults(path: str) -> list[str]:
    """Return what is wrong with the program and the directories that lead to it."""
    trust = trusted_file.Trust((0, posix.geteuid()))
    walk = trusted_file.open_file(path)
    try:
        faults: list[Fault] = [
            *trusted_file.unsafe_steps(walk, trust),
            *trusted_file.unsafe_last_step(walk),
            *trusted_file.unsafe_file(path, posix.fstat(walk.descriptor), trust, walk.descriptor),
        ]
    finally:
        posix.close(walk.descriptor)
    sentences = [str(fault).replace("\n  hint: ", "; ") for fault in faults]
    return sentences or ([] if os.access(path, os.X_OK) else [f"{path}: cannot be executed; chmod +x {path}"])


def run(words: list[str], text: bytes, *, seconds: float) -> Ended:
    """Run the program to its end, or kill it and what it started in its group. Raises Unusable, when it cannot start.

    What it leaves behind in its group is killed too: nobody would ever stop it.
    """
    until = time.monotonic() + seconds
    stdin = posix.memfd_create("message", posix.MFD_CLOEXEC)
    try:
        with open(posix.dup(stdin), "wb") as file:
            file.write(text)
        posix.lseek(stdin, 0, 0)
        process = _started(words, stdin)
    finally:
        posix.close(stdin)
    streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
    try:
        outputs, is_over = _output_until_end(process.pid, streams, until)
    finally:
        with suppress(ProcessLookupError):  # it is not reaped yet: no other group can have its number
            posix.killpg(process.pid, signal.SIGKILL)
        for stream in streams:
            stream.close()
        code = process.wait(ANSWER_SECONDS)
    return Ended(code=code if is_over else None, stdout=outputs[0], stderr=outputs[1])


def _started(words: list[str], stdin: int) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={**_ENVIRONMENT, "HOME": account_of(posix.geteuid()).home},
            start_new_session=True,
            # Our end is its end: nobody would be left to hold it to the deadline.
            preexec_fn=lambda: linux.set_parent_death_signal(signal.SIGKILL),  # noqa: PLW1509  we have one thread
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        why = str(error.strerror).lower() if isinstance(error, OSError) else "it or its arguments cannot be passed on"
        raise Unusable(f"{words[0]}: {why}") from None


def _output_until_end(pid: int, streams: list[IO[bytes]], until: float) -> tuple[list[str], bool]:
    """Return the end of what it prints, and whether it ended in time.

    Its end counts, not that of its streams: a process that it left behind may hold them open.
    """
    tails = {stream.fileno(): b"" for stream in streams}
    handle = posix.pidfd_open(pid)
    poll = select.poll()
    for descriptor in (handle, *tails):
        poll.register(descriptor, select.POLLIN)
    for descriptor in tails:
        posix.set_blocking(descriptor, False)
    is_over = False
    try:
        while not is_over and (left := until - time.monotonic()) > 0:
            ready = [descriptor for descriptor, _ in poll.poll(int(left * 1000) + 1)]
            is_over = handle in ready
            for descriptor in tails if is_over else ready:
                if not _keep_tail(descriptor, tails) and not is_over:
                    poll.unregister(descriptor)
    finally:
        posix.close(handle)
    return [tail.decode("utf-8", "replace") for tail in tails.values()], is_over


def _keep_tail(descriptor: int, tails: dict[int, bytes]) -> bool:
    """Read what can be read now, at most a full pipe, and keep its end; return whether more may come."""
    for _ in range(16):
        try:
            part = posix.read(descriptor, 1 << 16)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not part:
            return False
        tails[descriptor] = (tails[descriptor] + part)[-_KEPT:]
    return True
