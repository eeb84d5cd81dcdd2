"""The box that tests work in: real files, real users, real processes of the product as users have installed it.

Nothing here decides what is right; tests do. What a test needs besides is imported from here too.
"""

import contextlib
import fcntl
import json
import os
import pty
import pwd
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import termios
import textwrap
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kit import control_groups, mount_namespaces, warm_commands
from kit import network as networks
from kit.commands import Live, Result
from kit.events import PATIENCE_SECONDS, Deadline, Fifo, TookTooLong, until, wait_gone
from kit.installation import PROJECT, Product, installed_product
from kit.processes import (
    children,
    command_line,
    descendants,
    environment_of,
    lives,
    name_of,
    pids,
    state_letter,
    words_of,
)
from kit.storms import Storm, storm_size
from process_control.config.cache.read import MAX_TAIL
from process_control.config.search import SYSTEM_CONFIGURATIONS
from process_control.core.records import BLOCK, EVENTS, fields_of

__all__ = [
    "IS_ROOT",
    "PATIENCE_SECONDS",
    "PROJECT",
    "SERVICE_USER",
    "STRANGER",
    "Box",
    "BoxOfUser",
    "Deadline",
    "Fifo",
    "Live",
    "Product",
    "Result",
    "Storm",
    "TookTooLong",
    "children",
    "command_line",
    "environment_of",
    "forget_cached",
    "installed_product",
    "lives",
    "pids",
    "state_letter",
    "storm_size",
    "system_cache_as_it_was",
    "until",
    "wait_gone",
]

SERVICE_USER = "games"
"""An account that every Debian has, in the role of the service user."""
STRANGER = "nobody"
"""Another one, that has nothing to do with the jobs, and no home."""

SYSTEM_CACHE = Path("/var/cache/process-control")
BOX = "process-control-box-"

IS_ROOT = os.geteuid() == 0
TESTER = pwd.getpwuid(os.geteuid()).pw_name

NAMELESS_SECONDS = 5.0
"""How long a process is waited for that has neither words nor an environment: it is being executed, or is ending."""

FORKED_WITH = {"env", "cwd", "umask", "tty", "columns", "network"}
"""What a command may be started with that is forked."""

HALF_WRITTEN = re.compile(r"\..*\.([0-9a-f]{12}|[0-9]+)|.*\.new|.*-journal")


@dataclass(slots=True)
class Box:
    """A host of its own for one test: job directory, state, logs and configuration below one directory in /tmp.

    `service_user`: jobs run as that account (only root can). `configured=False`: no configuration file anywhere;
    see `without_configuration`.
    """

    product: Product
    root: Path
    job_directory: Path
    output_directory: Path
    state_directory: Path
    configuration: Path | None
    service_user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    _namespace: list[str] = field(default_factory=list)
    _lives: list[Live] = field(default_factory=list)
    _fifos: list[Fifo] = field(default_factory=list)
    _mounts: list[Path] = field(default_factory=list)
    _keys: dict[str, Any] = field(default_factory=dict)

    roots_of_this_process: ClassVar[set[str]] = set()
    roots_of_closed: ClassVar[set[str]] = set()
    """Those whose directory was removed, with all that was in it."""

    # -- making one ---------------------------------------------------------------------------------------------------

    @classmethod
    def configured(cls, product: Product, *, service_user: str | None = None, **keys: object) -> "Box":
        """A box with a configuration file that names its directories, and `keys` besides."""
        root = _new_root()
        box = cls(
            product,
            root,
            job_directory=root / "jobs",
            output_directory=root / "log",
            state_directory=root / "state",
            configuration=root / "process-control.yaml",
            service_user=service_user,
        )
        box.job_directory.mkdir()
        if service_user is not None:
            keys = {"user": service_user, **keys}
        box._keys = {
            "job_directory": str(box.job_directory),
            "output_directory": str(box.output_directory),
            "state_directory": str(box.state_directory),
            "output_crontab": "console",  # as root it would be that of the host
            # Nobody listens there: what tests do is not for the syslog of the host.
            "syslog": {"address": "/dev/nobody-listens"},
        }
        box.configure(**keys)
        return box

    @classmethod
    def without_configuration(cls, product: Product, *, user: str | None = None) -> "Box":
        """A box where nothing is configured, as on a host where the package was just installed.

        For root that is a mount namespace with empty /var/lib, /var/log and a copy of /etc (skips where the
        kernel does not permit one); for everybody else their own XDG directories, and a copy of /etc when this host
        has a configuration.
        """
        is_configured = any(os.path.lexists(path) for path in SYSTEM_CONFIGURATIONS)
        if is_configured and not IS_ROOT:
            pytest.skip("this host has a configuration of its own, which only root can hide")
        if is_configured or (IS_ROOT and user is None):
            mount_namespaces.needed()
        root = _new_root()
        if IS_ROOT and user is None:
            hosts = root / "host"
            box = cls(
                product,
                root,
                job_directory=hosts / "var-lib" / "process-control",
                output_directory=hosts / "var-log" / "process-control",
                state_directory=hosts / "var-lib" / "process-control-state",
                configuration=None,
            )
            box._enter_fresh_host(hosts)
            return box
        home = root / "home"
        box = cls(
            product,
            root,
            job_directory=home / ".config/process-control/jobs",
            output_directory=home / ".local/state/process-control/log",
            state_directory=home / ".local/state/process-control",
            configuration=None,
            service_user=user,
            environment={
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home / ".config"),
                "XDG_STATE_HOME": str(home / ".local/state"),
            },
        )
        home.mkdir()
        box.give(home, user)
        if is_configured:
            box._enter_other_directories({"etc": "/etc"}, root / "host")
        return box

    def _enter_fresh_host(self, hosts: Path) -> None:
        binds = {"var-lib": "/var/lib", "var-log": "/var/log", "var-cache": "/var/cache", "etc": "/etc"}
        (hosts / "var-lib").mkdir(parents=True)
        (hosts / "var-log").mkdir()
        (hosts / "var-cache").mkdir()
        self._enter_other_directories(binds, hosts)

    def _enter_other_directories(self, binds: Mapping[str, str], hosts: Path) -> None:
        """Have every command see directories below `hosts` instead of the host's own, and no configuration in /etc."""
        hosts.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", "/etc", str(hosts / "etc")], check=True)
        for name in ("process-control.yaml", "fundraising"):
            path = hosts / "etc" / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        script = " && ".join(f"mount --bind {hosts / name} {place}" for name, place in binds.items())
        self._namespace = [*mount_namespaces.IN_ONE, "sh", "-c", f'{script} && exec "$@"', "sh"]

    def configure(self, **keys: object) -> None:
        """Write the configuration again, with `keys` added; None takes a key away."""
        if self.configuration is None:
            raise ValueError("this box has no configuration")
        self._keys |= keys
        self._keys = {key: value for key, value in self._keys.items() if value is not None}
        # JSON is YAML: no second opinion about quoting.
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in self._keys.items()]
        self.configuration.write_text("".join(lines))
        self.configuration.chmod(0o644)

    def give(self, path: Path, user: str | None) -> None:
        """Make `user` the owner of `path` and all below it. Does nothing without root."""
        if not IS_ROOT or user is None:
            return
        account = pwd.getpwnam(user)
        for each in [path, *path.rglob("*")]:
            os.chown(each, account.pw_uid, account.pw_gid, follow_symlinks=False)

    def mount_small(self, path: Path, *, kilobytes: int) -> None:
        """Put a small file system at `path` (made when missing), for disks that fill up. Root only."""
        path.mkdir(parents=True, exist_ok=True)
        options = f"size={kilobytes}k,mode=0755"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "process-control-test", str(path)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("mounts are not permitted here")
        self._mounts.append(path)

    def make_control_groups_read_only(self) -> None:
        """Have every command see control groups as most containers do: none can be made. Root only."""
        if self._namespace:
            raise ValueError("this box has a namespace of its own")
        if control_groups.own_group() is not None:
            if not IS_ROOT:
                pytest.skip("a group that may be written, and no root to hide it")
            self._namespace = control_groups.without_groups()

    # -- jobs and commands --------------------------------------------------------------------------------------------

    def job(self, slug: str, text: str, *, mode: int = 0o644) -> Path:
        """Write a job file as an operator would; `text` may be indented as a block. Adds `name` when it is missing."""
        text = textwrap.dedent(text).lstrip("\n")
        if not any(line.startswith("name:") for line in text.splitlines()):
            text = f"name: {slug}\n{text}"
        self.job_directory.mkdir(parents=True, exist_ok=True)
        if self.configuration is None:
            self.give(self.root / "home", self.service_user)
        path = self.job_directory / f"{slug}.yaml"
        path.write_text(text if text.endswith("\n") else text + "\n")
        path.chmod(mode)
        if self.configuration is None:
            self.give(path, self.service_user)
        return path

    def fifo(self, name: str) -> Fifo:
        """Make a named pipe that any account can use; see `Fifo`."""
        fifo = Fifo(self.root / name)
        self._fifos.append(fifo)
        return fifo

    def run(self, slug: str, *flags: str, seconds: float = PATIENCE_SECONDS, **how: Any) -> Result:
        """`run-job SLUG FLAGS…`, until it has ended. `how` as in `start`."""
        command = [str(self.product.run_job), slug, *flags]
        if warm := self._warm(command, how):
            return self._fork(warm, command, seconds=seconds, **how)
        with self.start(slug, *flags, **how) as live:
            return live.wait(seconds=seconds)

    def run_job(self, *arguments: str, **how: Any) -> Result:
        """`run-job ARGUMENTS…`, for flags without a job."""
        return self.run(*arguments, **how)

    def start(self, *arguments: str, via: str | None = "script", **how: Any) -> Live:
        """Start `run-job ARGUMENTS…` and return while it runs.

        `via`: "script" is the command that people call, "stub" the line that cron gets. `user`: the account
        that calls (only root can choose); `env`: on top of the box's environment, None removes; `tty`: on a terminal
        of 24 lines and `columns`; `cwd`: of the caller.
        """
        if via == "stub":
            command = self.product.stub_words
        elif via in ("script", None):
            command = [str(self.product.run_job)]
        else:
            raise ValueError(via)
        return self.start_command([*command, *arguments], **how)

    def process_control(self, *arguments: str, **how: Any) -> Result:
        """`process-control ARGUMENTS…`, until it has ended."""
        return self._answer([str(self.product.process_control), *arguments], **how)

    def cron_generate(self, *arguments: str, **how: Any) -> Result:
        """`cron-generate ARGUMENTS…`, until it has ended."""
        return self._answer([str(self.product.cron_generate), *arguments], **how)

    def pasted(self, command: str, **how: Any) -> Result:
        """Run a line as a shell does; by itself when it is one command of ours without any sign but quotes."""
        words = [] if re.search(r"[$`|&;<>(){}*?~!#\\\n]", command) else shlex.split(command)
        if words[:1] == ["process-control"]:
            return self.process_control(*words[1:], **how)
        return self.command(["sh", "-c", command], **how)

    def drive(self, driver: Path, *arguments: str, **how: Any) -> Result:
        """Run a `driver.py`, which changes the product in its process and calls it, until it has ended."""
        words = [str(driver), str(self.product.site_packages), *arguments]
        if warm := self._warm(words, how):
            return self._fork(warm, words, seconds=how.pop("seconds", PATIENCE_SECONDS), **how)
        return self.command([*self.product.python, "-I", *words], **how)

    def serve(self, *arguments: str, is_cold: bool = False, **how: Any) -> Live:
        """Start `process-control ARGUMENTS…`, which serves until it is ended; forked where it can be.

        `is_cold`: executed, as people start it: such a process has only the memory that it needs itself.
        """
        command = [str(self.product.process_control), *arguments]
        if not is_cold and (warm := self._warm(command, how)):
            return self._start_warm(warm, command, **how)
        return self.start_command(command, **how)

    def _answer(self, command: Sequence[str], *, seconds: float = PATIENCE_SECONDS, **how: Any) -> Result:
        """Have a command that only answers forked where it can be: most of its start is importing."""
        if warm := self._warm(command, how):
            return self._fork(warm, command, seconds=seconds, **how)
        return self.command(command, seconds=seconds, **how)

    def _warm(self, command: Sequence[str], how: Mapping[str, Any]) -> warm_commands.WarmCommands | None:
        """Return what forks a command that is to start so; None when it has to start by itself."""
        given = {name for name, value in how.items() if value is not None}
        if self._namespace or self.configuration is None or given - FORKED_WITH:
            return None
        return warm_commands.commands_of(self.product, command[0], {**self.environment, **(how.get("env") or {})})

    def _fork(self, warm: warm_commands.WarmCommands, command: Sequence[str], *, seconds: float, **how: Any) -> Result:
        with self._start_warm(warm, command, **how) as live:
            return live.wait(seconds=seconds)

    def _start_warm(self, warm: warm_commands.WarmCommands, command: Sequence[str], **how: Any) -> Live:
        terminal, other_end = _new_terminal(None, how.get("columns") or 80) if how.get("tty") else (None, None)
        try:
            process = warm.start(
                command,
                environment=self.environment_for(None, how.get("env")),
                directory=how.get("cwd") or self.root,
                umask=how.get("umask", 0o022),
                mark=self._process_name,
                terminal=other_end,
                network=how.get("network"),
            )
        finally:
            if other_end is not None:
                os.close(other_end)
        live = Live(process, terminal)
        self._lives.append(live)
        return live

    @property
    def _process_name(self) -> str:
        """Return what processes of this box are called that were forked and never executed: 15 bytes at most."""
        return f"box-{zlib.crc32(os.fsencode(self.root)):08x}"

    def command(self, command: Sequence[str], *, seconds: float = PATIENCE_SECONDS, **how: Any) -> Result:
        with self.start_command(command, **how) as live:
            return live.wait(seconds=seconds)

    def start_command(
        self,
        command: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str | None] | None = None,
        tty: bool = False,
        columns: int = 80,
        cwd: Path | str | None = None,
        umask: int = 0o022,
        network: Path | str | None = None,
        preexec_fn: Callable[[], None] | None = None,
    ) -> Live:
        """Start any command with the box's environment, its own session, and nothing of the test's descriptors.

        `network`: the file of the network namespace that it runs in, see `kit.network`.
        """
        if user is None and self.configuration is None:
            user = self.service_user
        enter = [] if network is None else networks.inside(network)
        command = [*enter, *self._namespace, *self._becoming(user), *command]
        terminal, other_end = _new_terminal(user, columns) if tty else (None, None)
        try:
            process = subprocess.Popen(  # the caller closes it, by Live
                command,
                stdin=other_end if tty else subprocess.DEVNULL,
                stdout=other_end if tty else subprocess.PIPE,
                stderr=other_end if tty else subprocess.PIPE,
                cwd=self.root if cwd is None else cwd,
                env=self.environment_for(user, env),
                umask=umask,
                start_new_session=True,
                preexec_fn=_take_terminal if tty and preexec_fn is None else preexec_fn,  # noqa: PLW1509
            )
        finally:
            if other_end is not None:
                os.close(other_end)
        live = Live(process, terminal)
        self._lives.append(live)
        return live

    def environment_for(self, user: str | None, env: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return what the caller's shell would have: little, and the box's configuration."""
        account = pwd.getpwuid(os.geteuid()) if user is None else pwd.getpwnam(user)
        values: dict[str, str | None] = {
            "PATH": f"{self.product.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": account.pw_dir,
            "USER": account.pw_name,
            "LOGNAME": account.pw_name,
            "LANG": "C.UTF-8",
            "PAGER": "",
            "XDG_CACHE_HOME": str(self.root / "caches" / account.pw_name),
            "PROCESS_CONTROL_CONFIG": None if self.configuration is None else str(self.configuration),
            **self.environment,
            **(env or {}),
        }
        return {name: value for name, value in values.items() if value is not None}

    def _becoming(self, user: str | None) -> list[str]:
        if user is None or pwd.getpwnam(user).pw_uid == os.geteuid():
            return []
        if not IS_ROOT:
            raise ValueError(f"only root can become '{user}': mark the test needs_root")
        account = pwd.getpwnam(user)
        return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups", "--"]

    def as_user(self, user: str) -> "BoxOfUser":
        """Return this box as seen by `user`: the same files, every command under that account."""
        return BoxOfUser(self, user)

    # -- what happened ------------------------------------------------------------------------------------------------

    def history(self, *slugs: str, user: str | None = None, flags: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the runs as `process-control history --json` tells them, newest first."""
        result = self.process_control("history", *slugs, "--json", *flags, user=user)
        if result.exit_code:
            raise AssertionError(f"history: {result}")
        runs = result.json()["runs"]
        if not isinstance(runs, list):
            raise AssertionError(f"history: no list of runs: {result}")
        return runs

    def logs(self, slug: str) -> list[Path]:
        """Return the log files of the job, oldest first."""
        return sorted((self.output_directory / slug).glob("*.log"))

    def log_bytes(self, slug: str) -> bytes:
        """Return what the newest log holds, byte for byte."""
        return self.logs(slug)[-1].read_bytes()

    def log_index(self, slug: str) -> list[tuple[int, str, int]]:
        """Return the newest log's index: microseconds, stream (o, e, x), length."""
        text = Path(f"{self.logs(slug)[-1]}.idx").read_text()
        words = [line.split() for line in text.splitlines()]
        return [(int(at), stream, int(length)) for at, stream, length in words]

    def journal(self) -> list[dict[str, Any]]:
        """Return all records of the journal as the disk holds them, without the product's own reader."""
        records = []
        for path in sorted((self.state_directory / "journal").glob("*.jsonl")):
            *lines, last = path.read_bytes().split(b"\n")
            records += [json.loads(line) for each in lines if (line := each.strip(b"\0 "))]
            if last := last.strip(b"\0 "):
                with contextlib.suppress(ValueError):  # it is just being written
                    records.append(json.loads(last))
        return records

    def block(self, slug: str) -> dict[str, Any]:
        """Return the run that the job's block holds."""
        block = (self.state_directory / "jobs" / slug / "block").read_bytes()
        value = json.loads(block[512:].strip(b"\0 \n"))
        if not isinstance(value, dict):
            raise AssertionError(f"block of {slug}: {value!r}")
        return value

    def health(self, slug: str) -> dict[str, Any]:
        value = json.loads((self.state_directory / "jobs" / slug / "health.json").read_text())
        if not isinstance(value, dict):
            raise AssertionError(f"health of {slug}: {value!r}")
        return value

    def health_if_any(self, slug: str) -> dict[str, Any]:
        try:
            return self.health(slug)
        except FileNotFoundError:
            return {}

    # -- processes ----------------------------------------------------------------------------------------------------

    def processes(self, run_id: str | None = None) -> list[int]:
        """Return the living processes of one run by its id, or all that this box ever started.

        There are none only when all that live were seen: one that is just being executed has no words for a moment.
        """
        if not _has_children():
            return []
        if run_id is not None:
            marks = [_mark_of(run_id)]
        else:
            marks = [os.fsencode(self.root)]
            with contextlib.suppress(OSError, ValueError, RecursionError):
                marks += [_mark_of(run_id) for run_id in self._run_ids()]
        limit = Deadline(NAMELESS_SECONDS)
        while True:
            found, is_enough = self._look(marks, is_for_one=run_id is not None)
            if is_enough or limit.passed():
                return found
            select.select([], [], [], 0.001)  # it needs the processor

    def _look(self, marks: Sequence[bytes], *, is_for_one: bool) -> tuple[list[int], bool]:
        """Return the living processes with one of these marks, and whether there are any, or all have shown theirs."""
        found, has_nameless = [], False
        seen = descendants(os.getpid())  # of this process, which is a subreaper
        for pid in seen:
            words = words_of(pid)  # first: where they are there, the environment is too
            evidence = environment_of(pid) + (b"" if is_for_one else words)
            is_marked = not is_for_one and (name_of(pid) == self._process_name or self._is_hidden_start(pid, words))
            if (is_marked or any(mark in evidence for mark in marks)) and lives(pid):
                found.append(pid)
            has_nameless = has_nameless or (not words and lives(pid))
        return found, bool(found) or (not has_nameless and set(descendants(os.getpid())) <= set(seen))

    def _is_hidden_start(self, pid: int, words: bytes) -> bool:
        """Whether it is guard or runner of a job of ours: their environment is for root only, their words are not."""
        if IS_ROOT or os.access(f"/proc/{pid}/environ", os.R_OK):
            return False
        slugs = {os.fsencode(path.stem) for path in self.job_directory.glob("*.yaml")}
        return not slugs.isdisjoint(words.split(b"\0")[1:])

    def wait_until_all_ended(self, *, looks: int = 5, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until no process of the box is left, asleep until those that are seen have ended.

        `looks` find none, one after the other: in the middle of its exec a process has no name.
        """
        limit = Deadline(seconds)
        found_none = 0
        while found_none < looks:
            found = self.processes()
            found_none = 0 if found else found_none + 1
            for pid in found:
                wait_gone(pid, seconds=limit.left())

    def _run_ids(self) -> set[str]:
        return {str(record["run_id"]) for record in self.journal() if isinstance(record, dict) and record.get("run_id")}

    def run_processes(self, slug: str) -> list[int]:
        """Return the living processes of the job's run that its block names: by environment, the runner besides."""
        return self.processes(self.block(slug)["run_id"])

    def close(self) -> list[str]:
        """End and remove everything. Return the processes that were left, in words: a test must not leave any."""
        for live in self._lives:
            live.close()
        processes: list[int] = []
        try:
            # What a run leaves to be done (telling, pruning, bundling) ends by itself, later on a busy machine.
            self.wait_until_all_ended(looks=1, seconds=30)
        except TookTooLong:
            processes = self.processes()
        left = [f"{pid} {state_letter(pid)} {command_line(pid)}" for pid in processes]
        while processes:
            for pid in processes:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            processes = self.processes()
        for fifo in self._fifos:
            fifo.close()
        left += self._control_groups_left()
        left += [f"{path.relative_to(self.root)}" for path in self._half_written()]
        for path in reversed(self._mounts):
            subprocess.run(["umount", "--lazy", str(path)], check=True)
        forget_cached(self.root)
        shutil.rmtree(self.root)
        Box.roots_of_closed.add(self.root.name)
        return left

    def unknown_fields(self) -> list[str]:
        """Return the fields of journal and blocks that the table of records does not have for their event, in words."""
        found = [(str(record["event"]), record) for record in self._records_if_any() if record["event"] in EVENTS]
        for path in self.state_directory.glob("jobs/*/block"):
            with contextlib.suppress(ValueError):
                found.append((BLOCK, self.block(path.parent.name)))
        unknown = {f"{event}: {name}" for event, record in found for name in record if name not in names_of(event)}
        return sorted(unknown)

    def _control_groups_left(self) -> list[str]:
        """Return the control groups of runs that have an end, in words: those were to be removed with it."""
        ended = {record["run_id"] for record in self._records_if_any() if record["event"] == "end"}
        groups = [path for path in control_groups.groups_of_runs() if path.suffix[1:] in ended]
        return [f"control group {path}" for path in groups]

    def had_control_groups(self) -> list[bool]:
        """Return for the newest run of each job whether it had a control group of its own."""
        slugs = [path.parent.name for path in self.state_directory.glob("jobs/*/block")]
        with contextlib.suppress(ValueError):
            return [self.block(slug)["cgroup"] is not None for slug in slugs]
        return []

    def _records_if_any(self) -> list[dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError):
            return self.journal()
        return []

    def _half_written(self) -> list[Path]:
        """Return the files that were to be renamed: whoever writes one ends by doing so, unless it was killed."""
        places = (self.state_directory, self.output_directory, self.job_directory, self.root / "caches")
        walks = [walk for place in places for walk in os.walk(place)]
        found = [(folder, name) for folder, folders, files in walks for name in (*folders, *files)]
        return [Path(folder, name) for folder, name in found if HALF_WRITTEN.fullmatch(name)]


@dataclass(frozen=True, slots=True)
class BoxOfUser:
    """A box through the eyes of one account."""

    box: Box
    user: str

    def run(self, slug: str, *flags: str, **how: Any) -> Result:
        return self.box.run(slug, *flags, user=self.user, **how)

    def start(self, *arguments: str, **how: Any) -> Live:
        return self.box.start(*arguments, user=self.user, **how)

    def process_control(self, *arguments: str, **how: Any) -> Result:
        return self.box.process_control(*arguments, user=self.user, **how)

    def history(self, *slugs: str) -> list[dict[str, Any]]:
        return self.box.history(*slugs, user=self.user)


@cache
def names_of(event: str) -> frozenset[str]:
    """Return the names of the fields that a record of this event may have."""
    return frozenset(each.name for each in fields_of(event))


def _has_children() -> bool:
    """Whether any process that was started here lives: all are below us, since orphans become our children."""
    helpers = {each.process.pid for each in warm_commands.running if each.process is not None}
    before: list[int] = []
    while (now := children(os.getpid())) != before:  # one that has ended may have left its own to us meanwhile
        if any(lives(pid) for pid in now if pid not in helpers):
            return True
        before = now
    return False


def _mark_of(run_id: str) -> bytes:
    """Return what stands in the environment of the run's processes, to its end: a shorter id is that of another."""
    return b"PROCESS_CONTROL_RUN_ID=" + run_id.encode() + b"\0"


def forget_cached(root: Path) -> None:
    """Remove from the host's cache what was parsed below `root`: root's own cache has one fixed place."""
    in_names = str(root).replace("/", "~")
    for directory in SYSTEM_CACHE.glob("*"):
        for name in _names_in(directory):
            if in_names not in name and "@~" in name and len(name) - name.index("@") <= MAX_TAIL:
                continue  # of another configuration, whose whole path the name has: hundreds, and reading takes long
            with contextlib.suppress(FileNotFoundError, PermissionError):
                path = directory / name
                if os.fsencode(root) in path.read_bytes():
                    path.unlink()


def _names_in(directory: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError, PermissionError):
        return os.listdir(directory)
    return []


@contextlib.contextmanager
def system_cache_as_it_was() -> Iterator[None]:
    """Remove at the end what was not there before: what was parsed below /tmp, and directories with nothing else.

    But for boxes that are still there: other tests run beside these.
    """
    is_there = SYSTEM_CACHE.exists()
    before = {SYSTEM_CACHE, *SYSTEM_CACHE.glob("*"), *SYSTEM_CACHE.glob("*/*@~tmp~*")} if is_there else set()
    yield
    added = {*SYSTEM_CACHE.glob("*/*@~tmp~*")} - before
    in_use = [f"@~tmp~{root}~" for root in os.listdir("/tmp") if root.startswith(BOX)]
    for path in added:
        if not any(box in path.name for box in in_use):
            path.unlink(missing_ok=True)
    for directory in sorted({SYSTEM_CACHE, *SYSTEM_CACHE.glob("*")} - before, reverse=True):
        with contextlib.suppress(OSError):
            directory.rmdir()


def _new_root() -> Path:
    # Not pytest's tmp_path: that is 0700 of the tester, and jobs run as other accounts.
    root = Path(tempfile.mkdtemp(prefix=BOX, dir="/tmp"))
    root.chmod(0o755)
    (root / "caches").mkdir()
    (root / "caches").chmod(0o1777)
    Box.roots_of_this_process.add(root.name)
    return root


def _new_terminal(user: str | None, columns: int) -> tuple[int, int]:
    """Return both ends of a pseudo-terminal that belongs to `user`, as after a login."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    if user is not None and IS_ROOT:
        os.fchown(theirs, pwd.getpwnam(user).pw_uid, -1)
    return ours, theirs


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
