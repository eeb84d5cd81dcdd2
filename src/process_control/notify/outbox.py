"""Puts events into the spool, and starts the process that sends them. Never raises, never waits.

Lean module, loaded only when somebody is to be mailed.
"""

import fcntl
import posix
import time

from process_control.core import layout
from process_control.core.job import is_slug
from process_control.errors import CannotRecord
from process_control.history import journal
from process_control.notify import spool
from process_control.notify.announce import announce
from process_control.notify.handover import is_left_to_the_scheduler
from process_control.state.block import write_mark
from process_control.system import atomic_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
_MARK_FLAGS = posix.O_RDWR | posix.O_NOFOLLOW | posix.O_CLOEXEC
_DELIVER = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.notify.deliver import main; main()"


class Outbox:
    """The way to the spool of one configuration."""

    __slots__ = ("_has_posted", "_in_memory", "_settings", "_user", "fault")

    def __init__(self, settings: "Settings", *, user: str) -> None:
        self._settings = settings
        self._user = user
        self._has_posted = False
        self._in_memory: int | None = None
        #: Why the last event is not on the disk.
        self.fault: OSError | None = None

    def record(self, record: "dict[str, object]") -> None:
        """Record an event that belongs to no run, in journal and syslog."""
        try:
            journal.append(self._settings.state_directory, record)
        except CannotRecord:
            if record["event"] == "refusal" and is_slug(str(record.get("job"))):
                from process_control.state import unrecorded

                what, at = str(record.get("detail")), str(record["at"])
                unrecorded.note(self._settings.state_directory, str(record["job"]), at=at, what=what)
        announce(self._settings, record)

    def keep_refusal(self, slug: str, refusal: "dict[str, object]") -> None:
        """Keep the last refused start of a job, for `status` and `check`, until a run has started."""
        if is_slug(slug):
            path = layout.refusal(self._settings.state_directory, slug)
            try:
                atomic_file.make_directory(path.rpartition("/")[0], 0o750)
            except OSError:
                return
            write_mark(path, refusal)

    def post(self, event: spool.Entry, *, failed: bool) -> None:
        """Put an event into the spool, and note that there is an incident, or that it is over. Raises OSError.

        On a disk that takes nothing the event goes to the process that sends it in memory.
        """
        settings = self._settings
        event["user"] = self._user
        event["config"] = None if settings.default_path else settings.path
        self.fault = None
        try:
            with _Mark(settings.state_directory, str(event["job"])) as mark:
                due_at = time.time() + spool.LOOK_AGAIN_SECONDS
                spool.look_again(settings.state_directory, due_at)
                name = f"{event['at']}~{event['job']}~{event['key']}.json"
                spool.put(settings.state_directory, spool.EVENTS, name, event)
                spool.look_again(settings.state_directory, due_at)  # who sends may have just removed it
                if not failed:
                    mark.take_away()
        except OSError as error:
            self.fault = error
            if self._in_memory is not None:  # of another event
                self.start_delivery()
            self._in_memory = spool.in_memory(event)
        self._has_posted = True

    def put(self, folder: str, name: str, entry: spool.Entry) -> None:
        """Put an entry that is no event into another folder of the spool. Raises OSError."""
        spool.look_again(self._settings.state_directory, time.time())
        spool.put(self._settings.state_directory, folder, name, entry)
        self._has_posted = True

    def start_delivery(self) -> None:
        """Start the process that sends what was posted, or what has waited long enough; or have the scheduler do it."""
        if not self._has_posted and not spool.is_due(self._settings.state_directory, time.time()):
            return
        if self._in_memory is None and is_left_to_the_scheduler(self._settings):
            self._has_posted = False
            return
        from process_control.core.job_environment import own_environment
        from process_control.execution.detached import start_detached
        from process_control.system.interpreter import python

        environment = own_environment(posix.environ)
        words = [*python(), "-I", "-c", _DELIVER, _PACKAGE_FOLDER]
        words += ["--config", self._settings.path] if self._settings.path else []
        if self._in_memory is None:
            start_detached(words, environment)
        else:
            start_detached([*words, spool.EVENT_ON_STDIN], environment, stdin=self._in_memory)
            posix.close(self._in_memory)
            self._in_memory = None
        self._has_posted = False


def keep_mark(state_directory: str, slug: str) -> None:
    """Note that there is an incident of a job, so that its next good run is posted. Never raises."""
    try:
        atomic_file.make_directory(layout.job(state_directory, slug), 0o750)
        with _Mark(state_directory, slug):
            pass
    except OSError:
        pass


# --- the mark of an incident: it keeps a run that went well from asking anybody else ----------------------------------


class _Mark:
    """The mark, locked: a failure and a recovery that come in the same instant are posted one after the other."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, state_directory: str, slug: str) -> None:
        self._path = layout.incident_mark(state_directory, slug) if slug else ""
        self._descriptor = -1

    def __enter__(self) -> "_Mark":
        while self._path:
            try:
                self._descriptor = self._open()
            except FileNotFoundError:  # a job without a directory of its own has never run
                return self
            if posix.fstat(self._descriptor).st_mode & 0o077:  # as earlier versions left it: a reader may hold it
                posix.unlink(self._path)
                posix.close(self._descriptor)
                continue
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if posix.fstat(self._descriptor).st_nlink:
                return self
            posix.close(self._descriptor)
        return self

    def _open(self) -> int:
        """Open the mark, made durably when it is missing: without it no recovery is reported."""
        try:
            return posix.open(self._path, _MARK_FLAGS)
        except FileNotFoundError:
            descriptor = posix.open(self._path, _MARK_FLAGS | posix.O_CREAT, 0o600)
            atomic_file.sync_parent(self._path)
            return descriptor

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            posix.close(self._descriptor)

    def take_away(self) -> None:
        if self._descriptor >= 0:
            posix.unlink(self._path)
