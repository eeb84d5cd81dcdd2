"""`check`: the jobs as a monitoring plugin sees them; and `check-jobs-icinga`, the old form of the same question."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from process_control.cli.hosts.option import looks_at_hosts
from process_control.cli.print.output import print_json, print_line
from process_control.cli.session import JOBS_HELP, Session, Verb
from process_control.config.cache.next_slots import KnownSchedules
from process_control.config.keys.number_kinds import seconds_of
from process_control.config.settings import Settings
from process_control.config.unread_files import unread_files
from process_control.crontab.condition import troubles_of_the_trigger
from process_control.crontab.left_out import left_out, left_out_in_words
from process_control.crontab.watch_line import dead_watch
from process_control.errors import ProcessControlError, UsageError
from process_control.exports.icinga import CRITICAL, UNKNOWN, Answer, Trouble, answer, unknown, with_unread
from process_control.state.past_runs import open_index
from process_control.system.ask import NoAnswer, ask
from process_control.system.disk_watch import Paths
from process_control.views.delivery import stuck_messages
from process_control.views.selected_jobs import select_jobs
from process_control.views.status import read_statuses

#: Most monitoring systems end a plugin after a minute.
ANSWER_SECONDS = 50.0
_HANGING_DISK = "the disk of the configuration or of the state directory may not answer"
_BUSY_SERVER = "the Temporal server, or the control processes, may be too busy"


class Plugin(Verb):
    """A verb whose exit codes are those of a monitoring plugin: wrong usage is UNKNOWN (3) too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        as_json = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            ctx.exit(_say_unknown(UsageError(error.format_message()), as_json=as_json))

    def invoke(self, ctx: click.Context) -> Any:
        as_json = bool(ctx.params.get("as_json"))
        try:
            return super().invoke(ctx)
        except ProcessControlError as error:
            return _say_unknown(error, as_json=as_json)
        except OSError as error:
            why = ProcessControlError(error.strerror or str(error), where=str(error.filename or "check"))
            return _say_unknown(why, as_json=as_json)


def _answer_within(seconds: float, compute: Callable[[], Answer], *, may_be: str) -> Answer:
    """Return the answer that a child process computes; CRITICAL when it takes too long, with what `may_be` the reason.

    Raises the errors of the configuration and of missing rights, and those of the fleet.
    """
    try:
        reply = ask(lambda: asdict(compute()), seconds=seconds)
    except NoAnswer as error:
        why = f"{error}: {may_be}"
        return Answer(code=CRITICAL, text=f"PROCESS-CONTROL CRITICAL - {why}")
    troubles = tuple(Trouble(**each) for each in reply["troubles"])
    return Answer(code=reply["code"], text=reply["text"], troubles=troubles)


@click.command(
    "check",
    cls=Plugin,
    epilog=(
        f"{JOBS_HELP} Exit code 0: OK. 1: warning: a job is on hold, late (no run for its last planned time, its slot) "
        "or stale (no success within expect.success_every), or needs a look: output that could not be written, "
        "unplanned skips, a start that was refused since the last run, a stopped runner. Without JOB also: cron is not "
        "running or has another crontab, nothing starts watch, or a message has waited for more than 15 minutes. 2: "
        "critical: a job fails, or its file is invalid; messages wait and no channel accepts any. 3: unknown "
        "(configuration error, no such job, no permission). Members of read_group may run it. With --fleet: 1: a "
        "planned time was missed, no run has succeeded for too long, or failures hold the job; 2: its runs fail; 3 "
        "also: the server or all control processes are away."
    ),
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the exit code is the same.")
@click.option("--timeout", metavar="TIME", help="CRITICAL if the check takes longer than this (default 50s).")
@click.option("--fleet", "in_fleet", is_flag=True, help="The jobs of the fleet on all hosts: missed, stale, failing.")
@click.pass_obj
@looks_at_hosts(jobs="jobs")
def check(session: Session, jobs: Sequence[str], as_json: bool, timeout: str | None, in_fleet: bool) -> int:
    """Check jobs, as an Icinga, Nagios or Naemon plugin."""
    seconds = ANSWER_SECONDS if timeout is None else seconds_of(timeout)
    if not seconds:
        raise UsageError(f"--timeout {timeout}: not a time", hint="50s, 2m")
    if in_fleet:
        from process_control.cli.verbs.fleet_check import answer_of

        found = _answer_within(seconds, lambda: answer_of(session, jobs), may_be=_BUSY_SERVER)
    else:
        found = _answer_within(seconds, lambda: _answer(session.settings("check"), jobs), may_be=_HANGING_DISK)
    return _print(found, as_json=as_json)


def _answer(settings: Settings, words: Sequence[str]) -> Answer:
    jobs, now = select_jobs(settings, words), datetime.now(UTC)
    schedules = KnownSchedules(settings, now)
    with open_index(settings.state_directory) as index:
        statuses = read_statuses(settings, jobs, index, schedules)
    schedules.keep()
    if words:
        return answer(statuses)
    stuck = stuck_messages(settings.state_directory, now.timestamp())
    cron = [*troubles_of_the_trigger(settings, jobs, statuses), *dead_watch(settings, now.timestamp())]
    cron += left_out_in_words(left_out(settings, jobs, statuses))
    reply = answer(
        statuses, mail=stuck.what if stuck else None, is_mail_dead=stuck is not None and stuck.is_dead, cron=cron
    )
    return with_unread(reply, [fault.where.rpartition("/")[2] for fault in unread_files(settings)])


def _say_unknown(error: ProcessControlError, *, as_json: bool) -> int:
    """Say that nothing can be reply, in the form of a plugin; as JSON with the error that every command prints."""
    reply = unknown(str(error))
    if not as_json:
        return _print(reply, as_json=False)
    from process_control.cli.print.error_output import error_as_json

    print_json(
        {
            "exit_code": reply.code,
            "text": reply.text,
            "troubles": [],
            "error": error_as_json(error, exit_code=reply.code),
        }
    )
    return reply.code


def _print(reply: Answer, *, as_json: bool) -> int:
    if as_json:
        troubles = [
            {"job": trouble.slug, "severity": trouble.severity, "state": trouble.state, "why": trouble.why}
            for trouble in reply.troubles
        ]
        print_json({"exit_code": reply.code, "text": reply.text, "troubles": troubles})
    else:
        print_line(reply.text)
    return reply.code


# --- the old command -------------------------------------------------------------------------------------------------


@click.command(
    "check-jobs-icinga",
    cls=Plugin,
    epilog="Exit code 0, or 2 with the names of the jobs that fail; 3: unknown. `process-control check` shows more.",
)
@click.pass_context
def check_jobs_icinga(ctx: click.Context) -> int:
    """List the jobs that fail."""
    session = ctx.ensure_object(Session)
    reply = _answer_within(ANSWER_SECONDS, lambda: _answer(session.settings("check"), ()), may_be=_HANGING_DISK)
    failing = [trouble for trouble in reply.troubles if trouble.severity == CRITICAL]
    if not failing:
        print_line("OK: no job fails")
        return 0
    print_line(f"CRITICAL: {', '.join(trouble.slug for trouble in failing)}")
    for trouble in failing:
        print_line(str(trouble))
    return CRITICAL


def main_icinga(*, paths: Paths | None = None) -> int:
    """Run the command line of `check-jobs-icinga`."""
    from process_control.cli.main import run_command

    code = run_command(check_jobs_icinga, sys.argv[1:], name="check-jobs-icinga", paths=paths)
    return code if code in (0, CRITICAL) else UNKNOWN
