"""`import crontab`: a job file for each entry of crontabs; `--adopt` takes over one line of a live one."""

import click

from process_control.actions.adopt import adopt
from process_control.actions.import_crontab import Importer, is_complete
from process_control.actions.line_exchange import Clock, open_live
from process_control.actions.undo_adoption import undo
from process_control.cli.session import Session, verb
from process_control.cli.verbs.import_crontab_screen import print_exchanged, print_imported, sleep_and_say
from process_control.crontab.existing import crontabs_of_host, read_crontab_at
from process_control.errors import UsageError
from process_control.system.account import check_allowed

WORDS = "process-control import crontab"


@verb(
    "crontab",
    epilog="Nothing is overwritten. Exit code 0: every entry has its job; 1: some were left out, kept or not equal.",
)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--output", metavar="DIR", help="Write the job files there, not into the job directory.")
@click.option("--system", "with_users", is_flag=True, help="The lines have a user column.")
@click.option("--user", "without_users", is_flag=True, help="The lines have none.")
@click.option("--prove", is_flag=True, help="Compare the times of line and job for the next 400 days.")
@click.option("--adopt", "line", metavar="LINE", type=int, help="Let a job take over this line (a number) of FILE.")
@click.option("--undo", "is_undo", is_flag=True, help="Give an adopted line back to cron, byte for byte.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "crontabs": [...]}')
def import_crontab(
    session: Session,
    files: tuple[str, ...],
    output: str | None,
    with_users: bool,
    without_users: bool,
    prove: bool,
    line: int | None,
    is_undo: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make a job file from each line of crontabs; without FILE from what cron reads for the jobs' user.

    \f
    `/etc/crontab` and files in a `cron.d` have a user column. What a job file cannot say is reported with its line, and
    left out. `--adopt LINE` lets a job take over one line of a live crontab: in a moment in which the line is not due,
    it becomes a comment, and the generated crontab gets the job. `--undo` reverses that.
    """
    if with_users and without_users:
        raise UsageError("--system and --user do not go together", hint=f"{WORDS} --help")
    users = with_users if with_users or without_users else None
    settings = session.load()
    account = check_allowed(settings.user, words=WORDS, where=settings.path or "")
    importer = Importer.into(output, settings, account)
    if line is not None or is_undo:
        if len(files) > 1 or output is not None or prove or users is not None:
            raise UsageError("--adopt and --undo take one FILE, and no other option", hint=f"{WORDS} --help")
        crontab = open_live(files[0] if files else None)
        clock = Clock(sleep=sleep_and_say)
        if is_undo or line is None:
            done = undo(importer, crontab, line, dry_run=dry_run, clock=clock)
        else:
            done = adopt(importer, crontab, line, dry_run=dry_run, clock=clock)
        print_exchanged(done, dry_run=dry_run, as_json=as_json)
        return 0
    found = [read_crontab_at(file, users=users) for file in files] or crontabs_of_host(account.name)
    if not found:
        raise UsageError("there is no crontab", hint="name a FILE")
    imported = [importer.import_crontab(each, dry_run=dry_run, with_proof=prove) for each in found]
    print_imported(imported, dry_run=dry_run, as_json=as_json)
    return 0 if is_complete(imported) else 1
