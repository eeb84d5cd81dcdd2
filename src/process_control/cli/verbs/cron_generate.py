"""`cron-generate`: the crontab of all jobs, written whole and only when it has changed, or printed."""

import sys
from dataclasses import asdict, dataclass

import click

from process_control import __version__
from process_control.actions.cron_generate import (
    NAME,
    end_dead_scheduler,
    note_versions,
    record_changes,
    replace_crontab,
    tidy_up,
)
from process_control.cli.main import run_command
from process_control.cli.print.error_output import fault_as_json, talk_of_faults
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.plain import is_terminal
from process_control.cli.session import Session
from process_control.config.settings import Settings
from process_control.config.unread_files import in_one_line
from process_control.crontab.changes import Change, changes, difference
from process_control.crontab.condition import fingerprint, keep_fingerprint
from process_control.crontab.generate import crontab_of, what_it_is_made_from
from process_control.crontab.in_charge import stays_without_jobs
from process_control.crontab.rules import has_users
from process_control.crontab.target import CONSOLE, existing_crontab, target_of, text_of
from process_control.crontab.text import Crontab, LeftOut
from process_control.errors import UsageError
from process_control.notify.message import escape_controls
from process_control.system import cron_daemon
from process_control.system.account import Account, check_allowed
from process_control.system.as_account import ask_as
from process_control.system.disk_watch import Paths
from process_control.system.replace import ExistingFile

MAX_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The crontab for one target, and what is there now."""

    #: A path, or CONSOLE.
    target: str
    crontab: Crontab
    #: None for a file that does not exist, and for the console.
    existing: ExistingFile | None

    @property
    def content(self) -> bytes:
        return self.crontab.text.encode("utf-8", "surrogateescape")

    @property
    def would_change(self) -> bool:
        return self.existing is None or self.existing.content != self.content or self.existing.wrong is not None

    def is_known(self, left: LeftOut) -> bool:
        """Return whether the present crontab already says that this job is left out, and why."""
        return left.comment in text_of(self.existing).split("\n")

    @property
    def trouble(self) -> str | None:
        """Return, in words, that cron does not run here; None when it does, or need not."""
        if self.crontab.leaves_jobs:
            return None
        return cron_daemon.trouble() if has_users(self.target) and self.crontab.lines else None

    @property
    def changes(self) -> list[Change]:
        return [] if self.target == CONSOLE else changes(text_of(self.existing), self.crontab.text)


@click.command(
    NAME,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  cron-generate              write output_crontab
  cron-generate --check      print what would change
  cron-generate --output ~/crontab; crontab ~/crontab    as an ordinary user

Exit code 0: done; 1: written, but a job had to be left out; with --check: something would change. 2: usage; 74, 77, 78:
nothing was written, and the message says why.""",
)
@click.option("--check", is_flag=True, help="Only show what would change. Exit code 1: something.")
@click.option("--dry-run", is_flag=True, help="Only print the crontab, and what would change.")
@click.option("--none", "wants_none", is_flag=True, help="No jobs, for another trigger; it stays so until --all.")
@click.option("--all", "wants_all", is_flag=True, help="All jobs again, after --none.")
@click.option("--output", metavar="FILE", help="Write to FILE, not to output_crontab; `console` prints it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done and what has changed as JSON.")
@click.option("--config", metavar="FILE", help="Use this configuration (or set PROCESS_CONTROL_CONFIG).")
@click.option("--debug", is_flag=True, expose_value=False, help="Print a traceback for internal errors.")
@click.version_option(__version__, message=f"{NAME} %(version)s")
@click.pass_obj
def cron_generate(
    session: Session,
    *,
    check: bool,
    dry_run: bool,
    wants_none: bool,
    wants_all: bool,
    output: str | None,
    as_json: bool,
    config: str | None,
) -> int:
    """Write the crontab that runs the jobs at their times.

    \f
    One comment and one line for each job, sorted by name. The file is replaced as a whole, and only when something has
    changed. A job that cron cannot run is left out and reported; the others are written.

    --none leaves the jobs to another trigger, such as the scheduler: the crontab only has the line of `watch`, which
    reports a scheduler that died. Later calls, and --check, keep it so, until --all. Where the scheduler died, --all
    notes that it has ended: then cron is in charge.
    """
    if (check and dry_run) or (wants_none and wants_all):
        these = "--check and --dry-run" if check and dry_run else "--none and --all"
        raise UsageError(f"{these} do not go together", hint=f"{NAME} --help")
    session.config = config
    settings = session.load()
    account = check_allowed(settings.user, words=NAME, where=settings.path or "")
    target = target_of(settings, output)
    if check and target == CONSOLE:
        raise UsageError("--check compares a file, but the target is the console", hint="--output FILE")
    existing = None if target == CONSOLE else existing_crontab(target)
    leaves_jobs = wants_none or (not wants_all and stays_without_jobs(settings, existing))
    jobs, manner, besides = what_it_is_made_from(settings, account, target, leaves_jobs=leaves_jobs)
    crontab = crontab_of(jobs, manner, besides)
    generated = Generated(target=target, crontab=crontab, existing=existing)
    if not as_json:
        _report_what_is_left_out(generated)
        if crontab.message_faults:
            talk_of_faults(crontab.message_faults)
        if crontab.unread:
            talk(f"{settings.job_directory}: {in_one_line(list(crontab.unread))}")
    if check:
        _report_the_difference(generated, as_json=as_json)
        return 1 if generated.would_change else 0
    if dry_run or target == CONSOLE:
        _print(generated, as_json=as_json, dry_run=dry_run)
    else:
        _write(generated, settings, account)
        if target == settings.output_crontab:
            note_versions(settings, account)
            ask_as(account, lambda: keep_fingerprint(settings, fingerprint(jobs, manner), target))
        if wants_all:
            end_dead_scheduler(settings, account)
        _report_what_was_done(generated, as_json=as_json)
        if not as_json and (trouble := generated.trouble):
            talk(trouble)
    return 1 if crontab.left_out else 0


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(generated: Generated, settings: Settings, account: Account) -> None:
    """Write the crontab unless it stands there already; then record in journal and syslog what has changed."""
    if not generated.would_change:
        tidy_up(generated.target)
        return
    replace_crontab(generated.target, generated.content)
    if error := record_changes(generated.changes, generated.target, settings, account):
        talk(f"the crontab is written, but the change is not recorded in the history:\n{error}")


# --- reporting -------------------------------------------------------------------------------------------------------


def _report_what_is_left_out(generated: Generated) -> None:
    """Name the jobs that are left out: with all their faults the first time, in one line when the crontab has them."""
    known = []
    for left in generated.crontab.left_out:
        if generated.is_known(left):
            known.append(left.slug)
        else:
            talk_of_faults(left.faults)
    if known:
        more = f" and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
        talk(
            f"left out as before: {', '.join(known[:MAX_NAMED])}{more}\n"
            f"  hint: comments in {generated.target} say why; process-control lint lists all faults"
        )


def _report_the_difference(generated: Generated, *, as_json: bool) -> None:
    if as_json:
        _print_json("would write" if generated.would_change else "kept", generated)
    elif generated.would_change:
        for line in _differences(generated):
            print_line(escape_controls(line))


def _differences(generated: Generated) -> list[str]:
    existing = generated.existing
    if existing is None:
        return [f"{generated.target} does not exist", *difference("", generated.crontab.text)]
    if existing.content == generated.content:
        return [f"{generated.target}: {existing.wrong}"]
    return difference(text_of(existing), generated.crontab.text)


def _print(generated: Generated, *, as_json: bool, dry_run: bool) -> None:
    """Print the crontab; of a dry run on stderr what would change."""
    if as_json:
        _print_json("would write" if dry_run and generated.target != CONSOLE else "printed", generated, with_text=True)
        return
    if is_terminal():
        sys.stdout.write(escape_controls(generated.crontab.text))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(generated.content)
    if not dry_run or generated.target == CONSOLE:
        return
    found = _differences(generated) if generated.would_change else ["nothing would change"]
    talk("\n".join([f"dry run: nothing was written; changes to {generated.target}:", *found]))


def _report_what_was_done(generated: Generated, *, as_json: bool) -> None:
    did = "wrote" if generated.would_change else "kept"
    if as_json:
        _print_json(did, generated)
    elif is_terminal():
        wrote = f"wrote {generated.target}" if generated.would_change else f"{generated.target} is up to date"
        print_line(escape_controls(f"{wrote}: {_in_words(generated.crontab)}"))


def _in_words(crontab: Crontab) -> str:
    if crontab.leaves_jobs:
        return "no jobs, another trigger starts them; to have them again: cron-generate --all"
    runs = f"{_count(crontab.jobs, 'job')} ({_count(crontab.lines, 'line')})"
    disabled = f"{crontab.disabled} disabled" if crontab.disabled else ""
    left_out = f"{len(crontab.left_out)} left out" if crontab.left_out else ""
    others = ", ".join(filter(None, (disabled, left_out)))
    return f"{runs}; {others}" if others else runs


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _print_json(did: str, generated: Generated, *, with_text: bool = False) -> None:
    crontab = generated.crontab
    left_out = [
        {
            "job": left.slug,
            "known": generated.is_known(left),
            "faults": [{**fault_as_json(each), "mend": each.hint or None} for each in left.faults],
        }
        for left in crontab.left_out
    ]
    value: dict[str, object] = {
        "crontab": generated.target,
        "done": did,
        "did": did,  # the name until 1.0
        "job_count": crontab.jobs,
        "line_count": crontab.lines,
        "disabled_count": crontab.disabled,
        "left_out": left_out,
        "alerts": [trouble] if (trouble := generated.trouble) else [],
        "changes": [asdict(change) for change in generated.changes],
    }
    print_json({**value, "text": crontab.text} if with_text else value)


def main(*, paths: Paths | None = None) -> int:
    """Run one command line and return its exit code. `paths` learns which disks it may wait for."""
    return run_command(cron_generate, sys.argv[1:], name=NAME, paths=paths)
