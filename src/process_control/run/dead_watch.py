"""Start a look of `watch` from the start of a job, when nothing else has started one for minutes.

Lean module, loaded only then. Of all starts of a minute one does it.
"""

import posix
import time

from process_control.errors import ProcessControlError
from process_control.system import lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

#: The option of `watch` for such a look.
FOUND_BY_A_START = "found-by-a-start"
#: Its dot keeps it apart from the locks of jobs. Its time is when a look was started last.
LOCK = "watch.start"
PAUSE_SECONDS = 60.0
_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
_WATCH = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.cli.main import main; sys.exit(main())"


def start(settings: "Settings") -> None:
    """Start a look, unless a start has just done so. Never raises."""
    try:
        if not _is_first(settings.run_directory, time.time()):
            return
        from process_control.core.job_environment import own_environment
        from process_control.execution.detached import start_detached
        from process_control.system.interpreter import python

        configuration = ["--config", settings.path] if settings.path else []
        words = [*python(), "-I", "-c", _WATCH, _PACKAGE_FOLDER, *configuration, "watch", f"--{FOUND_BY_A_START}"]
        start_detached(words, own_environment(posix.environ))
    except (ProcessControlError, OSError):
        pass


def _is_first(run_directory: str, now: float) -> bool:
    """Return whether no start has started a look within the last minute; note that this one does."""
    descriptor = lock.take(run_directory, LOCK)
    if descriptor is None:
        return False
    try:
        status = posix.fstat(descriptor)
        # A lock file is empty when it was just made: then its time says nothing.
        if status.st_size and -PAUSE_SECONDS < now - status.st_mtime < PAUSE_SECONDS:
            return False
        posix.ftruncate(descriptor, 1)
        posix.utime(descriptor, (now, now))
        return True
    finally:
        posix.close(descriptor)
