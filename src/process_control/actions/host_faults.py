"""What is wrong with the host at this moment, for `watch`: each look asks, so each question costs little."""

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime

from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job
from process_control.core.measures import duration
from process_control.crontab.rules import has_users
from process_control.crontab.target import CONSOLE
from process_control.crontab.user_crontab import read_user_crontab
from process_control.notify import spool
from process_control.state.unrecorded import read_note
from process_control.system import cron_daemon
from process_control.system.disk_space import free_in_words, is_full
from process_control.views.alerts import LONG_WAITING_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.views.job_status import JobStatus

Jobs = Sequence[Job | InvalidJob]
_NO_SPACE = ("No space left on device", "Disk quota exceeded")


def full_disk(settings: Settings, written: Sequence[str], *, since: str, was_full: bool) -> str | None:
    """Return that a disk is full, or nearly, in a sentence; None when none is.

    `written`: jobs whose blocks were written since the look before, at `since` (ISO 8601): a start may have noted that
    it could not be recorded.
    """
    for path in (settings.state_directory, settings.output_directory):
        if is_full(path, was_full=was_full):
            return free_in_words(path)
    for slug in written:
        note = read_note(settings.state_directory, slug)
        if note is not None and note["until"] > since and any(words in note["what"] for words in _NO_SPACE):
            return f"{slug} was not started: {note['what']}"
    return None


def waiting_messages(state_directory: str, now: float) -> tuple[float, str] | None:
    """Return since when the oldest message waits (UTC seconds), and that in a sentence; None: none waits for long.

    Pings do not count: they are for no person.
    """
    if not os.path.exists(layout.spool_due(state_directory)):
        return None
    queues = [folder for folder in spool.folders(state_directory) if folder != spool.PINGS]
    names = [name for folder in queues for name in spool.names(state_directory, folder)]
    since = [moment for name in names if (moment := _moment(name.partition("~")[0])) is not None]
    late = [moment for moment in since if now - moment > LONG_WAITING_SECONDS]
    if not late:
        return None
    oldest = min(late)
    messages = "1 message waits" if len(late) == 1 else f"{len(late)} messages wait"
    return oldest, f"{messages} to be sent, the oldest for {duration(now - oldest)}"


def stamp_of_crontab(settings: Settings) -> str:
    """Return a text that changes with the crontab that has the jobs' lines, and when what they call comes or goes.

    "" when there is no crontab.
    """
    stamp = _stamp_of_the_text(settings)
    has_runner = settings.runner_path is None or os.path.exists(settings.runner_path)
    return stamp if has_runner or not stamp else f"{stamp} without runner_path"


def _stamp_of_the_text(settings: Settings) -> str:
    target = settings.output_crontab
    if target == CONSOLE or not has_users(target):
        text = read_user_crontab(settings.job_directory)
        return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    try:
        status = os.stat(target)
    except OSError:
        return ""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def dead_daemon() -> str | None:
    """Return that no cron daemon is running, in a sentence; None while one is, or when that is unknown."""
    return cron_daemon.trouble()


def crontab_fault(settings: Settings, load: Callable[[], Jobs]) -> str:
    """Return what keeps a cron that is running from starting the jobs as their files say; "" when nothing does."""
    from process_control.crontab.condition import troubles_of_the_trigger  # rarely needed, and much
    from process_control.state.past_runs import open_index
    from process_control.views.status import read_statuses

    jobs = load()
    statuses: list[JobStatus] = []
    if not os.path.exists(settings.output_crontab):  # then it counts what has started the jobs instead
        with open_index(settings.state_directory) as index:
            statuses = read_statuses(settings, jobs, index)
    of_daemon = dead_daemon()
    return next((each for each in troubles_of_the_trigger(settings, jobs, statuses) if each != of_daemon), "")


def _moment(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
