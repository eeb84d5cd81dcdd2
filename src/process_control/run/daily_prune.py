"""Start `process-control prune` once a day, in a process that nobody waits for.

Lean module.
"""

import posix

from process_control.core import layout
from process_control.system.clock import DAY_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

_PACKAGE_FOLDER = __file__.rpartition("/process_control/")[0]
_PRUNE = "import sys; sys.path.append(sys.argv.pop(1)); from process_control.cli.main import main; main()"


def prune_daily(settings: "Settings", now: float) -> None:
    """Start it when the last one was started a day ago or earlier. Never raises."""
    stamp = layout.prune_stamp(settings.state_directory)
    try:
        try:
            if 0 <= now - posix.stat(stamp).st_mtime < DAY_SECONDS:  # a stamp in the future: the clock was ahead
                return
        except FileNotFoundError:  # the first run on this host: nothing to prune yet
            posix.close(posix.open(stamp, posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC, 0o600))
            return
        posix.utime(stamp, (now, now))  # first, so that two runs that end together start only one
    except OSError:
        return
    from process_control.core.job_environment import own_environment
    from process_control.execution.detached import start_detached
    from process_control.system.interpreter import python

    configuration = ["--config", settings.path] if settings.path else []
    prune = [*python(), "-I", "-c", _PRUNE, _PACKAGE_FOLDER, *configuration, "prune"]
    start_detached(prune, own_environment(posix.environ))
