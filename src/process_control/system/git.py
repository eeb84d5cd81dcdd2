"""Asks git about a directory. Nothing that the checkout's own configuration names is run."""

import os
import subprocess
from dataclasses import dataclass

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
    """Run git in a directory, with `given` as its input. Raises OSError, subprocess.SubprocessError."""
    done = subprocess.run(
        [*_GIT, "-C", directory, *words],
        input=given,
        capture_output=True,
        timeout=seconds,
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C", **_home()},
    )
    return Answer(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def _home() -> dict[str, str]:
    """Return where git finds the account's own settings: which checkouts of others it trusts."""
    return {"HOME": home} if (home := os.environ.get("HOME")) else {}
