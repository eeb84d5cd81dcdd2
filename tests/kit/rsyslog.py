"""rsyslogd with a socket and a file of its own: the host's program, or the one that `make test` has unpacked."""

import gzip
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from kit.events import until
from kit.harness import PROJECT

UNPACKED = PROJECT / ".venv/rsyslog"
#: What rsyslog writes when its configuration does not say how, and what Debian's configuration says.
TEMPLATES = ("RSYSLOG_FileFormat", "RSYSLOG_TraditionalFileFormat")
CONFIGURATION = """
global(workDirectory="{directory}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{directory}/socket")
*.* action(type="omfile" file="{directory}/syslog" template="{template}")
"""


@dataclass(frozen=True, slots=True)
class Rsyslog:
    """One that runs."""

    directory: Path
    pid: int

    @property
    def socket(self) -> Path:
        return self.directory / "socket"

    @property
    def file(self) -> Path:
        return self.directory / "syslog"

    def wait_for(self, *words: str) -> None:
        """Wait until all these are in the file."""
        until(lambda: all(word in self._text() for word in words), f"{words} in {self.file}")

    def _text(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    def rotate(self) -> Path:
        """Rotate the file as logrotate does: rename it, have rsyslogd open a new one, compress it."""
        renamed = self.file.with_name("syslog.1")
        self.file.rename(renamed)
        os.kill(self.pid, signal.SIGHUP)
        until(lambda: not self._has_open(renamed), f"rsyslogd to close {renamed}")
        packed = renamed.with_name("syslog.1.gz")
        packed.write_bytes(gzip.compress(renamed.read_bytes()))
        renamed.unlink()
        return packed

    def _has_open(self, path: Path) -> bool:
        links = Path(f"/proc/{self.pid}/fd").iterdir()
        return any(os.path.realpath(link) == str(path) for link in links)


@contextmanager
def rsyslog(directory: Path, template: str) -> Iterator[Rsyslog]:
    """Run rsyslogd; skip the test where there is none."""
    command, environment = _program()
    directory.mkdir()
    configuration = directory / "rsyslog.conf"
    configuration.write_text(CONFIGURATION.format(directory=directory, template=template))
    words = [*command, "-n", "-f", str(configuration), "-i", str(directory / "pid")]
    with (
        open(directory / "said", "wb") as said,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment) as process,
    ):
        daemon = Rsyslog(directory, process.pid)
        try:
            until(lambda: daemon.socket.exists() or process.poll() is not None, "the socket of rsyslogd")
            if process.poll() is not None:
                raise AssertionError((directory / "said").read_text())
            yield daemon
        finally:
            process.terminate()


def _program() -> tuple[list[str], dict[str, str]]:
    """Return how rsyslogd is called, and in which environment."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    if own := shutil.which("rsyslogd", path=path):
        return [own], dict(os.environ)
    if not UNPACKED.is_dir():
        pytest.skip("rsyslogd is not installed here: apt-get install rsyslog")
    [modules] = UNPACKED.glob("usr/lib/*/rsyslog")
    return [f"{UNPACKED}/usr/sbin/rsyslogd", "-M", str(modules)], {**os.environ, "LD_LIBRARY_PATH": str(modules.parent)}
