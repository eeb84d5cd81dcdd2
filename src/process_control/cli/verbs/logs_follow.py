"""`logs -f`: the lines of runs as they come."""

import select
import sys
from datetime import UTC, datetime

from process_control.cli.history_index import open_index
from process_control.cli.print.log_lines import LinePrinter
from process_control.cli.print.output import talk
from process_control.cli.print.plain import is_terminal
from process_control.core.moments import day_and_time, parse_iso
from process_control.views.log_follow import Follower, RunBegan, RunEnded
from process_control.views.log_lines import Printed, RunLogs
from process_control.views.log_search import Search

LAST_LINES = 10
LOOK_EVERY_MILLISECONDS = 200


def follow_logs(
    run_logs: RunLogs,
    slugs: list[str] | None,
    printer: LinePrinter,
    *,
    run_id: str | None,
    search: Search | None,
    count: int | None,
) -> None:
    """Print what comes, until Control-C, until nobody reads it, or until the one run has ended."""

    def show(printed: Printed) -> None:
        if search is None or any(search.matching(iter([printed]))):
            printer.print(printed)

    follower = Follower(run_logs, slugs, run_id=run_id)
    last = LAST_LINES if count is None and run_logs.since is None else count
    with open_index(run_logs.settings.state_directory) as index:
        for printed in follower.begin(index, last=last):
            show(printed)
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)
    while True:
        for news in follower.news():
            if isinstance(news, Printed):
                show(news)
            elif sys.stderr.isatty() and is_terminal():
                talk(_in_words(news))
        _report_what_is_left_out(run_logs)
        sys.stdout.flush()
        if follower.is_over or _has_nobody(reader):
            return


def _has_nobody(reader: select.poll) -> bool:
    """Wait a moment; return whether whoever reads our output has left."""
    return any(event & select.POLLERR for _, event in reader.poll(LOOK_EVERY_MILLISECONDS))


def _in_words(news: RunBegan | RunEnded) -> str:
    now = datetime.now(UTC)
    if isinstance(news, RunBegan):
        return f"{news.job}, run {news.run_id}, {day_and_time(parse_iso(news.started_at), now)}, running"
    return f"{news.job}, run {news.run_id}, {news.outcome}{': ' + news.reason if news.reason else ''}"


def _report_what_is_left_out(run_logs: RunLogs) -> None:
    for doubt in run_logs.doubts:
        talk(doubt)
    for error in run_logs.left_out:
        talk(str(error))
    run_logs.doubts.clear()
    run_logs.left_out.clear()
