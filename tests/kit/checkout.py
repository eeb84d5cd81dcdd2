"""A checkout of git in which things are committed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

WHO = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout at a directory, which is there."""

    directory: Path

    @classmethod
    def at(cls, directory: Path) -> "Checkout":
        made = cls(directory)
        made.git("init", "-q", "-b", "main")
        return made

    def git(self, *words: str) -> str:
        command = ["git", "-C", str(self.directory), *WHO, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str = "Change") -> str:
        """Commit all there is; return the id of the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
