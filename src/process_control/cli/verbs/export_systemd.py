"""`export systemd`: timer and service units of the jobs, printed, compared, or installed."""

import os
import shlex
import sys
from collections.abc import Sequence

import click

from process_control.actions.export_systemd import (
    Comparison,
    UnitChange,
    call,
    commands_after,
    commands_before,
    compare,
    install,
    make_units,
)
from process_control.cli.print.error_output import fault_as_json, talk_of_faults
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.session import JOBS_HELP, Session, verb
from process_control.config.settings import Settings
from process_control.crontab.changes import starts_jobs
from process_control.crontab.target import CONSOLE
from process_control.errors import NotPermitted, UsageError
from process_control.exports.systemd import Units
from process_control.notify.message import escape_controls
from process_control.system.account import Account, check_allowed
from process_control.system.systemd import UNIT_DIRECTORY, is_running

WOULD = {"added": "would add", "changed": "would change", "removed": "would remove"}


@verb(
    "systemd",
    epilog=f"{JOBS_HELP} Exit code 0: done; 1: a job was left out; with --diff: something differs.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--output", metavar="DIR", help="Write the units there.")
@click.option("--diff", "show_diff", is_flag=True, help=f"Compare with DIR ({UNIT_DIRECTORY}); change nothing.")
@click.option("--apply", is_flag=True, help=f"Install into DIR; call systemctl only for {UNIT_DIRECTORY}.")
@click.option("--dry-run", is_flag=True, help="With --apply or --output: only show what would change.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "units": [...], "left_out": [...], ...}')
def export_systemd(
    session: Session,
    jobs: Sequence[str],
    output: str | None,
    show_diff: bool,
    apply: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Print, compare or install the timers that start the jobs at their planned times.

    \f
    Each job with a schedule gets a timer and a service, `process-control-JOB.timer` and `.service`. What a timer cannot
    do is refused with its reason: the job is left out and named, the others are exported. Without JOB, `watch` gets a
    timer too where cron-generate would write its line, and our units of jobs that are gone are removed. Each unit that
    is added, changed or removed is in the audit log. Where systemd is process 1, --apply has systemctl read the units
    and start all their timers, each time; elsewhere, and with --output, it prints what is to be called on that host.
    """
    if show_diff and (apply or dry_run):
        raise UsageError("--diff changes nothing: it does not go with --apply or --dry-run")
    settings = session.load()
    account = check_allowed(settings.user, words="process-control export systemd", where=settings.path or "")
    units = make_units(settings, account, jobs)
    if not as_json:
        _report(units)
    failed = 1 if units.left_out else 0
    if not (output or show_diff or apply or dry_run):
        _print(units, as_json=as_json)
        return failed
    directory = os.path.abspath(output or UNIT_DIRECTORY)
    compared = compare(units.units, settings, directory, is_whole=not jobs)
    if show_diff or dry_run:
        _show(compared.changes, units, as_json=as_json, show_diff=show_diff)
        return int(bool(compared.changes)) if show_diff else failed
    return _install(compared, units, settings, account, directory, calls_systemctl=apply, as_json=as_json) or failed


def _install(
    compared: Comparison,
    units: Units,
    settings: Settings,
    account: Account,
    directory: str,
    *,
    calls_systemctl: bool,
    as_json: bool,
) -> int:
    """Install the units and have systemd read them; return 1 when systemctl failed."""
    changes = compared.changes
    before, after = commands_before(changes), commands_after(compared.timers)
    calls = calls_systemctl and directory == UNIT_DIRECTORY and is_running()
    trouble = call(before) if calls else None
    if trouble is not None:  # the next --apply is to stop these timers
        changes = [each for each in changes if each.change != "removed"]
    try:
        install(changes, settings, account, report=talk)
    except NotPermitted as error:
        hint = "" if os.geteuid() == 0 else "sudo process-control export systemd --apply"
        raise NotPermitted(error.faults[0].what, where=error.faults[0].where, hint=hint) from error
    trouble = (call(after) if calls else None) or trouble
    to_call = [shlex.join(each) for each in (*before, *after)] if changes and calls_systemctl and not calls else []
    if as_json:
        _print_json(changes, units, done=True, commands=to_call)
    else:
        for each in changes:
            print_line(escape_controls(f"{each.change} {each.path}"))
        if not compared.changes:
            talk(f"{directory} is up to date")
        if to_call:
            print_line("to be called on that host:")
        for command in to_call:
            print_line(command)
    if calls_systemctl and any(unit.job for unit in units.units) and _cron_starts_them(settings):
        talk(
            f"{settings.output_crontab} starts jobs too: the later start of a planned time does nothing\n"
            f"  hint: to leave them to the timers: rm {settings.output_crontab}"
        )
    if trouble is not None:
        hint = "; ".join(shlex.join(each) for each in (*before, *after))
        talk(f"the units are written, but systemd was not informed: {trouble}\n  hint: {hint}")
    return 0 if trouble is None else 1


def _cron_starts_them(settings: Settings) -> bool:
    if settings.output_crontab == CONSOLE:
        return False
    try:
        with open(settings.output_crontab, encoding="utf-8", errors="surrogateescape") as file:
            return starts_jobs(file.read())
    except OSError:
        return False


# --- printing --------------------------------------------------------------------------------------------------------


def _report(units: Units) -> None:
    for left in units.left_out:
        talk_of_faults(left.faults)
    if units.disabled:
        talk(f"no units for disabled jobs: {', '.join(units.disabled)}")
    if units.of_fleet:
        talk(f"no units for jobs that the fleet starts: {', '.join(units.of_fleet)}")
    if units.at_clock_changes:
        talk(
            f"systemd leaves out planned times at clock changes; the timers have them as moments in UTC, see there: "
            f"{', '.join(units.at_clock_changes)}"
        )


def _print(units: Units, *, as_json: bool) -> None:
    if as_json:
        _print_json([], units, done=False, with_text=True)
        return
    for number, unit in enumerate(units.units):
        text = f"{chr(10) if number else ''}# {unit.name}\n{unit.text}"
        sys.stdout.write(escape_controls(text))


def _show(changes: list[UnitChange], units: Units, *, as_json: bool, show_diff: bool) -> None:
    if as_json:
        _print_json(changes, units, done=False)
        return
    for each in changes:
        for line in each.diff() if show_diff else [f"{WOULD[each.change]} {each.path}"]:
            print_line(escape_controls(line))
    if not changes:
        talk("nothing would change")


def _print_json(
    changes: Sequence[UnitChange],
    units: Units,
    *,
    done: bool,
    commands: Sequence[str] = (),
    with_text: bool = False,
) -> None:
    if with_text:
        shown = [{"unit": unit.name, "job": unit.job, "done": "printed", "text": unit.text} for unit in units.units]
    else:
        words = {change: change for change in WOULD} if done else WOULD
        shown = [
            {"unit": each.path, "job": each.job, "done": words[each.change], "text": each.text} for each in changes
        ]
    left_out = [{"job": left.slug, "faults": [fault_as_json(each) for each in left.faults]} for left in units.left_out]
    print_json(
        {
            "units": shown,
            "left_out": left_out,
            "disabled": list(units.disabled),
            "at_clock_changes": list(units.at_clock_changes),
            "commands": list(commands),
        }
    )
