"""Asks git about a directory. Nothing that the checkout's own configuration names is run."""

import os
import select
import subprocess
from dataclasses import dataclass
from typing import BinaryIO

GIT_SECONDS = 10.0
#: What a checkout's own configuration could make git run is switched off; a checkout of others git refuses itself.
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True, slots=True)
class Answer:
    """How git ended, and what it printed."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")


def ask_git(directory: str, *words: str, given: bytes = b"", seconds: float = GIT_SECONDS) -> Answer:
    """Run git in a directory, with `given` as its input. Raises OSError; TimeoutError after so many seconds.

    Its end is waited for by a descriptor: `subprocess.run` with a timeout sleeps in steps. Files in memory take what it
    prints, so that a pipe that is full cannot hold it up.
    """
    with _memory(given) as asked, _memory() as output, _memory() as errors:
        process = subprocess.Popen(
            [*_GIT, "-C", directory, *words],
            stdin=asked,
            stdout=output,
            stderr=errors,
            env={"PATH": os.defpath, "LC_ALL": "C", **_home()},
        )
        if not _ends_within(process, seconds):
            raise TimeoutError(f"git {words[0]} in {directory} took longer than {seconds:g} s")
        output.seek(0)
        errors.seek(0)
        return Answer(process.returncode, output.read(), errors.read().decode("utf-8", "replace"))


def _memory(content: bytes = b"") -> BinaryIO:
    """Return a file in memory, at its start."""
    file = open(os.memfd_create("git"), "w+b")  # noqa: SIM115  the caller closes it
    file.write(content)
    file.seek(0)
    return file


def _ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait for its end, and kill it after so many seconds; return whether it ended by itself."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:  # no descriptor left
        process.kill()
        process.wait()
        return False
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        has_ended = bool(poll.poll(seconds * 1000))
        if not has_ended:
            process.kill()
        process.wait()
        return has_ended
    finally:
        os.close(handle)


def _home() -> dict[str, str]:
    """Return where git finds the account's own settings: which checkouts of others it trusts."""
    return {"HOME": home} if (home := os.environ.get("HOME")) else {}
