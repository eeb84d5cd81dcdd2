"""The only place that picks adapters for the ports of the corridor.

Lean room: each adapter is imported when it is wanted.
"""

import posix

from process_control.core.facts import SUCCEEDED, TREE, WARNED
from process_control.errors import BadConfiguration, CannotRecord, ProcessControlError
from process_control.notify.announce import announce, mails_about
from process_control.system.clock import SystemClock, iso

_A_DAY = 86400
_CLOCK_OF_FILES_SECONDS = 0.02  # the kernel dates files by a clock that may be 10 ms behind
_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
_PRUNE = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.cli.main import main; main()"

# What the modules of a run's end import from the library, the innermost first: each takes a millisecond or two.
_NEEDED_BY_MANY = ("weakref", "contextlib", "ast", "dis", "tokenize", "inspect", "dataclasses", "typing", "datetime")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from process_control.config.settings import Settings
    from process_control.core.facts import Facts
    from process_control.core.job import Job
    from process_control.execution.capture import Capture
    from process_control.execution.cgroup import Group
    from process_control.execution.output_watch import OutputWatch
    from process_control.execution.supervisor import Supervisor
    from process_control.notify.enqueue import Postman
    from process_control.run.caller import Caller
    from process_control.run.run import Run
    from process_control.state.block import Block
    from process_control.state.job_state import JobRecord
    from process_control.system.account import Account


class Adapters:
    """The world as one run of one job meets it."""

    __slots__ = (
        "_account",
        "_caller",
        "_capture",
        "_cgroup",
        "_job",
        "_mails",
        "_postman",
        "_settings",
        "_surroundings",
        "clock",
        "identity",
        "inbox",
        "notifier",
        "state_directory",
        "store",
    )

    def __init__(self, job: "Job", settings: "Settings", account: "Account", caller: "Caller") -> None:
        from process_control.run.surroundings import JobSurroundings
        from process_control.state.job_state import JobRecord

        self._job = job
        self._settings = settings
        self._account = account
        self._caller = caller
        self._capture: Capture | None = None
        self._surroundings = JobSurroundings(
            job, settings, account, own_commands=caller.own_commands, of_caller=caller.environment
        )
        self._cgroup: Group | None = None
        self.state_directory = settings.state_directory
        self.clock = SystemClock()
        self.identity = caller.identity
        self.inbox = caller.inbox
        self.store = JobRecord(settings.state_directory, job.slug)
        self.notifier = caller.notifier
        self._mails = mails_about(job, settings)
        self._postman: Postman | None = None

    # --- slot and lock ---------------------------------------------------------------------------------------------

    def last_slot(self, now: float) -> int | None:
        from process_control.config.job_directory import last_slot

        return last_slot(self._job, self._settings, now)

    def take_lock(self, name: str, *, wait: bool = False) -> int | None:
        from process_control.system import lock

        if name != self._job.slug:
            self.store.share_lock(name)
        return lock.take(self._settings.run_directory, name, wait=wait)

    def blocks_of_lock(self, job: "Job") -> "list[Block]":
        """Return the blocks of this job and of all that have run under the same lock."""
        from process_control.state.block import jobs_sharing, read_block

        own = self.store.previous_run()
        others = [slug for slug in jobs_sharing(self.state_directory, job.lock) if slug != job.slug]
        if job.lock != job.slug:
            others.append(job.lock)
        blocks = [read_block(self.state_directory, slug) for slug in others]
        sharing = [block for block in blocks if block is not None and block.get("lock") == job.lock]
        # The job's own run counts whatever it has locked: the key `lock` may have changed since it began.
        return sharing if own is None else [own, *sharing]

    def runner_lives(self, block: "Block") -> bool:
        from process_control.state.block import runner_lives_here

        return runner_lives_here(block, self.identity)

    def survivors_of(self, block: "Block") -> list[int]:
        from process_control.execution.stop import survivors

        return survivors(block)

    def describe_survivors(self, block: "Block", pids: list[int]) -> list[str]:
        """Return the names of processes that a run has left; command lines only where its secrets are known."""
        from process_control.history.secrets import describe_survivors

        return describe_survivors(self.state_directory, block, self.job_named(str(block.get("job"))), pids)

    def ask_to_stop(self, block: "Block") -> float:
        """Ask the block's run to stop; return in how many seconds it ought to have ended."""
        from process_control.execution import stop

        stop.ask_runner_to_stop(block, boot_id=self.identity.boot_id, pid_namespace=self.identity.pid_namespace)
        return stop.seconds_to_end(block, self._block_of)

    def kill_runner_of(self, block: "Block") -> None:
        """KILL the runner of a run that did not stop in its time: its guard then ends the tree."""
        from process_control.execution import stop

        handle = stop.open_runner(block, boot_id=self.identity.boot_id, pid_namespace=self.identity.pid_namespace)
        if handle is not None:
            stop.kill_runner(handle)
            posix.close(handle)

    def continue_the_stopped(self, block: "Block") -> str | None:
        """Continue runner and guard of the block's run if somebody has stopped them; return who was, in words."""
        from process_control.execution.stop import continue_the_stopped

        return continue_the_stopped(block, boot_id=self.identity.boot_id, pid_namespace=self.identity.pid_namespace)

    def job_as_it_is_now(self) -> "Job":
        """Return the job by its file as it is now. Raises what reading it raises."""
        from process_control.config.job_directory import load_job

        return load_job(self._job.slug, self._settings)

    def announce(self, record: "dict[str, object]") -> None:
        """Tell the syslog of an event that the journal has. Never raises, never waits."""
        announce(self._settings, record)

    def waiting(self, for_what: str) -> None:
        self.notifier.say(f"{self._job.slug}: waiting: {for_what}")

    def store_of(self, slug: str) -> "JobRecord":
        """Return the open store of another job that shares the lock. Raises CannotRecord (74)."""
        from process_control.state.job_state import JobRecord

        if slug == self._job.slug:
            return self.store
        store = JobRecord(self.state_directory, slug)
        store.open()
        return store

    def job_named(self, slug: str) -> "Job | None":
        """Return this job, or another one by its file; None when that cannot be read."""
        if slug == self._job.slug:
            return self._job
        from process_control.config.job_directory import load_job
        from process_control.errors import ProcessControlError

        try:
            return load_job(slug, self._settings)
        except ProcessControlError:
            return None

    def remove_cgroup(self, path: str) -> None:
        from process_control.execution import cgroup

        if cgroup.is_ours(path):
            cgroup.remove(path)

    def used_by(self, block: "Block") -> "dict[str, object]":
        """Return what a killed run has used, all attempts together, as its end tells it; empty without a group."""
        from process_control.execution import cgroup

        path = block.get("cgroup")
        if not isinstance(path, str) or not cgroup.is_ours(path):
            return {}
        used: dict[str, object] = {}
        cpu_seconds, memory = cgroup.cpu_seconds_of_tree(path), cgroup.memory_of_tree(path)
        if cpu_seconds:
            used |= {"cpu_seconds": round(cpu_seconds + _number(block, "cpu_seconds"), 6), "cpu_of": TREE}
        if memory is not None:
            used |= {"memory_bytes": max(memory[0], int(_number(block, "memory_bytes"))), "memory_of": TREE}
        return used

    def remove_forsaken_cgroups(self) -> None:
        """Remove the control groups that killed runs have left, of whatever job."""
        from process_control.execution import cgroup

        cgroup.remove_forsaken()

    # --- the run itself --------------------------------------------------------------------------------------------

    def inspect_surroundings(self, run: "Run") -> None:
        """Put the job's environment together. Raises what an unsafe or broken environment file raises."""
        self._surroundings.inspect(run, self.notifier)

    def open_log(self, run: "Run") -> str:
        """Make the log of the run and return its path. Raises CannotRecord (74)."""
        job = self._job
        self._capture = capture = self._new_capture()
        directory = f"{self._settings.output_directory}/{job.slug}"
        path = f"{directory}/{job.slug}-{_compact(run.started_at)}-{run.id}.log"
        _make_directory(directory)
        capture.open_log(path, cap_bytes=job.log_bytes)
        if job.stdout:
            header = f"=== {job.slug} {run.id} {iso(run.started_at)} ===\n"
            try:
                self._open_copy(capture, job.stdout, header.encode("utf-8"))
            except ProcessControlError:
                self.forget_log_at(path)
                raise
        return path

    def _open_copy(self, capture: "Capture", path: str, header: bytes) -> None:
        from process_control.execution.stdout_copy import StdoutCopy
        from process_control.system.append_file import opener_for

        copy = StdoutCopy(path)
        copy.open(opener_for(path, self._settings, uid=self._account.uid), header)
        capture.copy = copy

    def make_cgroup(self, run: "Run") -> str | None:
        """Make the run's own control group where that is possible; a service left behind must not be in it."""
        from process_control.execution import cgroup

        if self._job.leftovers == "keep":
            return None
        job = self._job
        holds = job.memory_limit_bytes is not None or job.processes_limit is not None
        if self._cgroup is not None:  # that of the attempt before
            self._cgroup.close()
        self._cgroup = cgroup.make_for_run(run.id, controllers=("memory", "pids") if holds else ())
        return None if self._cgroup is None else self._cgroup.path

    @property
    def has_limits(self) -> bool:
        """Whether the job asks for any limit besides its times."""
        job = self._job
        of_group = job.memory_limit_bytes, job.processes_limit
        of_each = job.cpu_seconds_limit, job.open_files_limit, job.file_size_limit_bytes, job.nice, job.io_class
        return of_group != (None, None) or of_each != (None, None, None, None, None)

    def set_limits(self, run: "Run") -> "dict[str, object]":
        """Set what holds the run; return the limits in force. Raises BadConfiguration (78), see `surroundings`."""
        return self._surroundings.set_limits(run)

    def forget_run(self, run: "Run") -> None:
        """Remove what was made for a run that did not start after all."""
        self.store.take_start_back()
        if run.cgroup is not None:
            self.remove_cgroup(run.cgroup)
        if run.log is not None:
            self.forget_log_at(run.log)

    def forget_log_at(self, path: str) -> None:
        for name in (path, path + ".idx"):
            try:
                posix.unlink(name)
            except OSError:
                pass

    def executor(self, run: "Run") -> "Supervisor":
        from process_control.execution.supervisor import Supervisor, TimeLimits

        job = self._job
        if self._capture is None:
            self._capture = self._new_capture()
        limits = TimeLimits(
            timeout_seconds=run.timeout_seconds,
            grace_seconds=job.kill_grace_seconds,
            keep_leftovers=job.leftovers == "keep",
            silence_seconds=job.silence_timeout_seconds or 0.0,
        )
        return Supervisor(
            run_id=run.id,
            limits=limits,
            capture=self._capture,
            inbox=self.inbox,
            guard=self._caller.guard,
            block_of=self._block_of,
            settled=self._import_what_the_end_needs,
            flush=self.notifier.flush,
            describe=self._describe,
            surroundings=self._surroundings.of(run),
            make_watch=self._make_watch if _looks_at_lines(job) else None,
        )

    def _import_what_the_end_needs(self) -> "Iterator[None]":
        return import_what_the_end_needs(self._job)

    def _make_watch(self) -> "OutputWatch":
        from process_control.execution.output_watch import OutputWatch

        inbox = self.inbox
        return OutputWatch(self._job.verdicts, self._job.expect, is_stopping=lambda: inbox.stopping)

    def begin_attempt(self, run: "Run") -> None:
        """Make ready for another attempt of the run: its number, its part of the log, its control group."""
        if self._capture is not None:
            self._capture.begin_attempt()
        run.cgroup = self.make_cgroup(run)
        self._surroundings.begin_attempt(run)

    def log_offsets(self) -> list[int]:
        """Return where in the log each attempt begins."""
        return [0] if self._capture is None else self._capture.log_offsets()

    def close_log(self, facts: "Facts") -> None:
        """Close the log; `facts` then tell what it could not keep."""
        if self._capture is not None:
            self._capture.close()
            facts.output_cut = facts.log_error = self._capture.cut()
            facts.log_error = facts.log_error or self._capture.other_error
            facts.log_dropped_bytes = self._capture.dropped_bytes

    def age_of_file(self, path: str, moment: float) -> float | str:
        """Return how many seconds before `moment` (UTC) the file was last written, or why that cannot be told."""
        from process_control.system.ask import NoAnswer, ask

        try:
            written_at = ask(lambda: posix.stat(path).st_mtime)
        except FileNotFoundError:
            return "it is not there"
        except NoAnswer as error:
            return f"it cannot be looked at: {error}"
        except OSError as error:
            return f"it cannot be looked at: {error.strerror}"
        return moment - float(written_at) - _CLOCK_OF_FILES_SECONDS

    def _new_capture(self) -> "Capture":
        from process_control.execution.capture import Capture

        return Capture(cap_bytes=self._job.log_bytes, show=self.notifier.show if self.notifier.is_live else None)

    def _describe(self, pids: list[int]) -> list[str]:
        from process_control.execution.describe import describe

        return describe(pids, self.notifier.secrets)

    def _block_of(self, slug: str) -> "Block | None":
        from process_control.core.job import is_slug
        from process_control.state.block import read_block

        return read_block(self.state_directory, slug) if is_slug(slug) else None

    @property
    def settings(self) -> "Settings":
        return self._settings

    def set_deadline(self, seconds: float | None) -> None:
        """Have the guard kill this process in so many seconds; None: it may take as long as it likes."""
        if self._caller.guard is not None:
            self._caller.guard.set_deadline(None if seconds is None else self.clock.monotonic() + seconds)

    def executables(self, run: "Run") -> list[str]:
        """Return the program of each of the job's commands as it would be found now: path, inode, size and time.

        Raises what an unsafe or broken environment file raises: it may say where programs are looked for.
        """
        from process_control.execution.process import program_stamps
        from process_control.system.ask import NoAnswer, ask

        self.inspect_surroundings(run)
        surroundings = self._surroundings.of(run)
        names = [argv[0] for argv in self._job.command]
        try:
            stamps: list[str] = ask(lambda: program_stamps(names, surroundings.search_path, surroundings.directory))
        except NoAnswer as error:
            mend = "is each directory of its PATH there, and does its disk answer?"
            raise BadConfiguration(
                f"its programs cannot be looked up: {error}", where=run.job.slug, mend=mend
            ) from error
        return stamps

    def fingerprints_of_secrets(self) -> list[str]:
        """Return what tells later whether a value is a secret of this run. `inspect_surroundings` comes first."""
        from process_control.state.fingerprints import fingerprints

        return fingerprints(self.state_directory, self.notifier.secrets)

    # --- people ----------------------------------------------------------------------------------------------------

    @property
    def postman(self) -> "Postman":
        if self._postman is None:
            from process_control.notify.enqueue import Postman

            self._postman = Postman(self._settings, user=self._account.name)
        return self._postman

    def must_be_told(self, outcome: str) -> bool:
        """Whether somebody is to be mailed of a run with this outcome: of a success, only when it ends an incident."""
        if not self._mails:
            return False
        if outcome not in (SUCCEEDED, WARNED):
            return True
        from process_control.state.block import incident_mark

        return posix.access(incident_mark(self.state_directory, self._job.slug), posix.F_OK)

    def have_news_told(self) -> None:
        """Start the process that tells news, when there are some or when earlier ones wait. Never raises."""
        if self._mails and (self._postman is not None or posix.access(f"{self.state_directory}/spool/due", posix.F_OK)):
            self.postman.have_it_told()

    def keep_house(self) -> None:
        """Once a day, start `process-control prune` in a process of its own; nobody waits for it."""
        stamp = f"{self.state_directory}/prune.stamp"
        now = self.clock.now()
        try:
            try:
                if 0 <= now - posix.stat(stamp).st_mtime < _A_DAY:  # the clock may have been ahead
                    return
            except FileNotFoundError:  # the first run of all: there is nothing to prune yet
                posix.close(posix.open(stamp, posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC, 0o600))
                return
            posix.utime(stamp, (now, now))  # before it starts: two runs that end together start one
        except OSError:
            return
        from process_control.core.job_environment import own_environment
        from process_control.execution.process import start_detached
        from process_control.system.interpreter import python

        configuration = ["--config", self._settings.path] if self._settings.path else []
        prune = [*python(), "-I", "-c", _PRUNE, _PACKAGE_FOLDER, *configuration, "prune"]
        start_detached(prune, own_environment(posix.environ))


def _looks_at_lines(job: "Job") -> bool:
    """Whether a rule or an expectation has to be told of lines of output."""
    return "number" in job.expect or any(
        "stderr" in rule or "stdout" in rule or "stdout_missing" in rule for rule in job.verdicts
    )


def import_what_the_end_needs(job: "Job") -> "Iterator[None]":
    """Import, while the job runs, all that judging, recording and telling its end may want; stop after each for a look.

    The package may be replaced during a long job, so nothing is imported later. A module that cannot be imported
    now is met again, and told, where it is needed.
    """
    import gc

    gc.enable()  # off since the stub: a long run with rules makes things that go
    try:
        for name in _NEEDED_BY_MANY:
            __import__(name)
            yield
        import process_control.core.masking

        yield
        import process_control.state.health_changes

        yield
        import process_control.state.health_file

        yield
        import process_control.run.judge

        yield
        import process_control.notify.event

        yield
        import process_control.notify.message

        yield
        import process_control.notify.enqueue

        yield
        import process_control.execution.tree

        yield
        import process_control.execution.describe
        import process_control.system.ask

        if job.leftovers == "keep":
            import process_control.execution.late_reader
        if job.expect:
            import process_control.core.expect
        if job.retry_attempts > 1:
            import process_control.run.retry  # noqa: F401
    except Exception:  # noqa: BLE001  a broken installation must not end a job that runs
        pass


def _number(block: "Block", name: str) -> float:
    value = block.get(name)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1 << 62 else 0.0  # NaN is neither


def _make_directory(path: str) -> None:
    try:
        posix.mkdir(path, 0o750)
    except FileExistsError:
        pass
    except OSError as error:
        raise CannotRecord(f"cannot make the directory for logs: {error.strerror}", where=path) from error


def _compact(moment: float) -> str:
    """Return UTC seconds as 20261123-225500, for file names."""
    import time

    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(moment))
