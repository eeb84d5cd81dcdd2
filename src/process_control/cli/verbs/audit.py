"""`audit`: every event that the journal has, oldest first; the same as in the syslog, with more facts."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from process_control.cli.history_index import open_index
from process_control.cli.print.output import print_json, talk
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.settings import Settings
from process_control.core import records
from process_control.errors import UsageError
from process_control.history.journal_reader import Record, newest
from process_control.notify.syslog_line import sentence
from process_control.views.selected_jobs import select_slugs
from process_control.views.time_words import SINCE_HELP, moment_of_flag

DEFAULT_LIMIT = 50
EVENTS = tuple([event for event in records.EVENTS if event not in records.NOT_IN_JOURNAL])
COLUMNS = ("at", "event", "job", "what happened", "by", "host", "run_id")


@verb("audit", epilog=f"{JOBS_HELP} Oldest first. In a pipe, separated by tabs: {', '.join(COLUMNS)}.")
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--since", metavar="TIME", help=SINCE_HELP)
@click.option("--until", metavar="TIME", help="The same, for the end.")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice(EVENTS),
    metavar="EVENT",
    help="Only these, such as end, skip or mail; may be given several times.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"At most this many, the newest; 0: all. Default {DEFAULT_LIMIT}, with --since all.",
)
@click.option(
    "--verify", is_flag=True, help="Hold the journal against the seals in the syslog; exit code 1: it differs."
)
@click.option("--seals", metavar="FILE", help="With --verify: the syslog file that has the seals.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "events": [...]}, each as in the journal.')
@paged
def audit(
    session: Session,
    jobs: Sequence[str],
    since: str | None,
    until: str | None,
    events: Sequence[str],
    limit: int | None,
    verify: bool,
    seals: str | None,
    as_json: bool,
) -> int:
    """Show every start, attempt, skip, end, stop, hold, release, refusal and mail: when, who, what and why.

    \f
    Once an hour `watch` sends a seal to the syslog: size and SHA-256 of each day of the journal that has grown.
    --verify holds the journal against these lines, and names the first part that is no longer what was sealed, and the
    lines in it that are not those of the index. The seals are looked for in /var/log/syslog*, /var/log/messages* and
    with journalctl, or in the file of --seals, such as that of a log host.
    """
    if verify or seals is not None:
        if not verify or jobs or since or until or events or limit is not None:
            raise UsageError("--verify goes with --seals and --json only, and --seals with --verify")
        return _verify(session, seals, as_json=as_json)
    now = datetime.now(UTC)
    settings = session.settings("audit")
    count = (DEFAULT_LIMIT if since is None else None) if limit is None else limit or None
    found = newest(
        settings.state_directory,
        since="" if since is None else moment_of_flag("--since", since, now),
        until="~" if until is None else moment_of_flag("--until", until, now),
        jobs=_slugs(settings, jobs),
        events=events or None,
        count=None if count is None else count + 1,
    )
    has_more = count is not None and len(found) > count
    shown = found[1:] if has_more else found
    if as_json:
        print_json({"events": [{**record, "sentence": sentence(record)} for record in shown], "has_more": has_more})
    elif is_terminal():
        from process_control.cli.verbs.history_screen import show_events

        show_events(shown, now, is_filtered=bool(jobs or since or until or events))
        if has_more and limit is None:
            talk(f"showing the newest {count} events (--limit 0: all; --since 7d: the last week)")
    else:
        for record in shown:
            print_tabbed(_values(record))
    return 0


def _verify(session: Session, seals: str | None, *, as_json: bool) -> int:
    """Hold the journal against its seals; return the exit code. Raises UsageError (2) for a file without a name."""
    if seals == "":
        raise UsageError("--seals needs the name of a file")
    from process_control.cli.verbs.audit_verify import verify_journal

    return verify_journal(session, seals, as_json=as_json)


def _slugs(settings: Settings, words: Sequence[str]) -> Sequence[str] | None:
    if not words:
        return None
    with open_index(settings.state_directory) as index:
        return select_slugs(settings, words, index)


def _values(record: Record) -> list[object]:
    values = {**record, "what happened": sentence(record)}
    return [values.get(column) for column in COLUMNS]
