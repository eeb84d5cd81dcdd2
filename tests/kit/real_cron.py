"""Debian's cron for tests: the real daemon, in a mount namespace where crontabs, spool, syslog and mail are its own.

`cron_d` is its /etc/cron.d: what a box writes there by `output_crontab` it runs. Every mail that it would send is
caught by a recorder in the place of /usr/sbin/sendmail, every line that it logs by a Listener in the place of /dev/log;
a job that cron starts sees the same /dev/log. Root only.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from kit import mount_namespaces
from kit.events import PATIENCE_SECONDS, Deadline, TookTooLong
from kit.processes import children, command_line, state_letter
from kit.syslog_listener import Listener

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

RECORDER = """#!/bin/sh
# In the place of sendmail: keeps the mail that cron hands over.
mail=$(mktemp {mails}/passing-XXXXXXXX) && {{ echo "X-Arguments: $*"; cat; }} > "$mail" && mv "$mail" "$mail.mail"
"""

BEAT = "* * * * * root :"
"""Of /etc/crontab: by this line a test sees that a minute has come."""

ENTER = """
for device in {devices}; do touch {root}/dev/$device; mount --bind /dev/$device {root}/dev/$device; done
mount --rbind {root}/dev /dev
mount --bind {root}/cron.d /etc/cron.d
mount --bind {root}/crontab /etc/crontab
mount --bind {root}/spool /var/spool/cron
mount --bind /usr/sbin {root}/sbin.real
mount --bind {root}/sbin /usr/sbin
mount --bind {root}/run /run
[ ! -e {root}/pam ] || mount --bind {root}/pam /etc/pam.d/cron
exec /usr/sbin/cron -f -L 7
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that cron sent: to whom, about which command, and what the command printed."""

    to: str
    subject: str
    body: str


class RealCron:
    """A cron daemon of a test's own. Add crontabs before its minute; then wait for what has to happen."""

    def __init__(self) -> None:
        mount_namespaces.needed()
        if shutil.which("cron", path="/usr/sbin") is None:
            pytest.skip("cron is not installed")
        self.root = Path(tempfile.mkdtemp(prefix="process-control-cron-", dir="/tmp"))
        self.root.chmod(0o755)
        self.cron_d = self._directory("cron.d")
        self._mails = self._directory("mails", mode=0o1777)
        self._lay_out()
        self.syslog = Listener(self.root / "dev" / "log", long_queue=True)
        self.syslog.read_all_the_time()
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _directory(self, name: str, *, mode: int = 0o755) -> Path:
        path = self.root / name
        path.mkdir(parents=True)
        path.chmod(mode)
        return path

    def _lay_out(self) -> None:
        """Make what stands in the place of /dev, /run, /usr/sbin, the spool and /etc/crontab."""
        for name in ("dev/pts", "dev/shm", "run", "sbin", "sbin.real", "spool"):
            self._directory(name)
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            (self.root / "dev" / name).symlink_to(f"/proc/self/{target}")
        shutil.chown(self._directory("spool/crontabs", mode=0o1730), group="crontab")
        (self.root / "crontab").write_text(f"{BEAT}\n")
        (self.root / "crontab").chmod(0o644)
        for program in Path("/usr/sbin").iterdir():
            (self.root / "sbin" / program.name).symlink_to(self.root / "sbin.real" / program.name)
        recorder = self.root / "sbin" / "sendmail"
        recorder.unlink(missing_ok=True)
        recorder.write_text(RECORDER.format(mails=self._mails))
        recorder.chmod(0o755)

    def set_crontab(self, user: str, text: str) -> None:
        """Before the start: give `user` a crontab as people do, by the command `crontab`."""
        script = f'mount --bind {self.root}/spool /var/spool/cron; exec crontab -u "$1" -'
        command = [*mount_namespaces.IN_ONE, "sh", "-ec", script, "sh", user]
        subprocess.run(command, input=text, text=True, check=True)

    # -- its life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start cron and wait until it has read every crontab that is there.

        What is added within the same second it would not notice: it compares times in seconds.
        """
        script = ENTER.format(root=self.root, devices=" ".join(DEVICES))
        self._process = subprocess.Popen(
            [*mount_namespaces.IN_ONE, "sh", "-ec", script],
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **self.environment},
            cwd="/",
        )
        self.wait_for(lambda: any("@reboot" in line for line in self.said()), "cron to have read its crontabs")

    def stop_after_one_minute(self, seconds: float) -> None:
        """Wait until it has started what is due in a minute, and let no other minute come: a slow host needs longer.

        What it has started goes on: each command has a process of cron of its own.
        """
        beat = BEAT.split()[-1]
        self.wait_for(lambda: any(each == beat for _, each in self.commands()), "a minute of cron", seconds=seconds)
        asleep = Path(f"/proc/{self.pid}/wchan")
        self.wait_for(lambda: "nanosleep" in asleep.read_text(), "cron to have started all of the minute")
        os.kill(self.pid, signal.SIGSTOP)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ValueError("cron was not started")
        return self._process.pid

    def stop(self) -> None:
        """End cron; what it has started goes on."""
        if self._process is not None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        self.syslog.close()
        shutil.rmtree(self.root)

    # -- what it says and does ----------------------------------------------------------------------------------------

    def said(self) -> list[str]:
        """Return what cron itself has logged."""
        return [line.text for line in self.syslog.all_lines() if line.tag.lower() == "cron"]

    def faults(self) -> list[str]:
        """Return what cron has logged of crontabs that it cannot read."""
        return [text for text in self.said() if re.search(r"Error:|ignored|WRONG|INSECURE|HARD LINKS", text)]

    def commands(self) -> list[tuple[str, str]]:
        """Return (user, command) for each line that cron has started, by its own log."""
        return [(user, command) for _, user, command in self._started()]

    def exit_code_of(self, words: str) -> int:
        """Return the exit code of the one command with these words, as cron saw it."""
        (pid,) = [pid for pid, _, command in self._started() if words in command]
        form = rf"\(CRON\) error \(grandchild #{pid} failed with exit status (\d+)\)"
        failed = [match for text in self.said() if (match := re.fullmatch(form, text))]
        return int(failed[0][1]) if failed else 0

    def _started(self) -> list[tuple[int, str, str]]:
        """Return pid, user and command: the process that becomes the command logs it."""
        lines = [line for line in self.syslog.all_lines() if line.tag == "CRON"]
        found = [(line.pid, re.fullmatch(r"\((\S+)\) CMD \((.*)\)", line.text)) for line in lines]
        return [(pid, match[1], match[2]) for pid, match in found if match is not None]

    def mails(self) -> list[Mail]:
        """Return every mail that cron has sent, in no order."""
        found = []
        for path in self._mails.glob("*.mail"):
            head, _, body = path.read_text().partition("\n\n")
            fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
            found.append(Mail(fields["To"], fields["Subject"], body))
        return found

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Look at `condition` as often as a line comes, and twenty times a second, until it holds.

        Reads the syslog all the while: nobody who logs finds it full.
        """
        limit = Deadline(seconds)
        while not condition():
            if limit.passed():
                said = "\n".join(line.text for line in self.syslog.all_lines())
                raise TookTooLong(f"not within {seconds:g} s: {what}; the syslog so far:\n{said}")
            select.select([self.syslog], [], [], 0.05)
            self.syslog.all_lines()

    def wait_until_idle(self) -> None:
        """Wait until all that cron has started has ended, and its mail was handed over."""
        self.wait_for(lambda: not self._busy(), "cron's children to end: " + self._busy())

    def _busy(self) -> str:
        return ", ".join(command_line(pid) for pid in children(self.pid) if state_letter(pid) not in ("Z", ""))
