"""`status --watch`: the screen of `status`, drawn again in place."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from process_control.cli.history_index import open_index
from process_control.cli.print.live_screen import show_until_quit
from process_control.cli.print.output import print_line
from process_control.cli.print.plain import clean, is_terminal
from process_control.cli.print.screen import width
from process_control.cli.print.table import wrapped
from process_control.cli.session import Session
from process_control.cli.verbs.jobs_screen import show_all_jobs
from process_control.cli.verbs.status_of_one import show_one_job
from process_control.config.keys.number_kinds import seconds_of
from process_control.core.job import is_slug
from process_control.core.measures import duration
from process_control.crontab.left_out import left_out, left_out_in_words
from process_control.crontab.troubles_of_all import troubles_of_all
from process_control.errors import UsageError
from process_control.views.live_statuses import ALL_AGAIN_SECONDS, LiveStatuses
from process_control.views.open_incidents import count_in_words
from process_control.views.selected_jobs import select_jobs
from process_control.views.status import only_failed

WHERE = "process-control status"
DEFAULT, MIN_SECONDS, MAX_SECONDS = "2", 0.2, 3600.0


def watch_jobs(session: Session, words: Sequence[str], *, interval: str, failed: bool, heading: str = "") -> None:
    """Show these jobs (all without a word) until q is pressed, below `heading`.

    Raises UsageError (2) where there is no terminal.
    """
    if not is_terminal() or os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError("--watch needs a terminal", where=WHERE, hint="without --watch it prints the state once")
    seconds = seconds_of(interval)
    if seconds is None and (is_slug(interval) or not interval[:1].isdigit()):  # `status --watch JOB`
        words, seconds = [interval, *words], seconds_of(DEFAULT)
    if seconds is None or not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise UsageError(f"--watch {interval}: not between 0.2 s and 1 h", where=WHERE, hint="--watch 5")
    settings = session.settings("status")
    live = LiveStatuses(settings, lambda: select_jobs(settings, words), open_index)
    besides = _Besides()

    def draw() -> None:
        now = datetime.now(UTC)
        statuses, schedules = live.look(now)
        if len(statuses) == 1 and words:
            show_one_job(settings, statuses[0], schedules)
            return
        if not words and besides.are_old(now):
            of_all = troubles_of_all(settings, live.jobs, statuses)
            of_all += left_out_in_words(left_out(settings, live.jobs, statuses))
            known = count_in_words(settings.state_directory)
            besides.lines = [*([heading] if heading else []), *of_all, *([known] if known else [])]
        shown = only_failed(statuses) if failed else statuses
        for text in besides.lines:
            for line in wrapped(clean(text), width()):
                print_line(line)
        show_all_jobs(shown, schedules, show_all=False, besides=besides.lines)

    show_until_quit(draw, seconds=seconds, last_line=f"every {duration(seconds)}; q ends")


class _Besides:
    """What concerns all jobs, looked up as seldom as all of them are read again."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._at: datetime | None = None

    def are_old(self, now: datetime) -> bool:
        """Return whether it is time to look again; it then counts as done."""
        if self._at is not None and 0 <= (now - self._at).total_seconds() < ALL_AGAIN_SECONDS:
            return False
        self._at = now
        return True
