"""`process-control`: one command for everything but running a job. A verb is imported when it is asked for.

Errors come as `where: what` and `hint:`, never as a traceback; the exit codes are those of the manual.
"""

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence

import click

from process_control import __version__
from process_control.cli.print.output import talk
from process_control.cli.session import Session
from process_control.cli.verb_group import Verbs
from process_control.core.suggestions import nearest
from process_control.errors import BY_SIGNAL, CannotRecord, NotPermitted, OwnFault, ProcessControlError, UsageError
from process_control.system.disk_watch import Paths

BROKEN_PIPE = BY_SIGNAL + 13
INTERRUPTED = BY_SIGNAL + 2
ALLOCATIONS_BEFORE_COLLECTING = 100_000  # thousands of jobs make no cycles: looking for some takes a tenth of the time

# verb: (its module and function, its line in the list of verbs)
VERBS = {
    "init": ("process_control.cli.verbs.init:init", "write the example configuration and a first job that runs"),
    "list": ("process_control.cli.verbs.list:list_jobs", "all jobs: state, schedule in words, tags"),
    "status": (
        "process_control.cli.verbs.status:status",
        "state of jobs, worst first; with one JOB: details and last output",
    ),
    "run": ("process_control.cli.verbs.run:run", "start jobs and print their run ids; --follow waits for one"),
    "exec": ("process_control.cli.verbs.exec:exec_command", "run a command as a job runs, without a job file"),
    "stop": (
        "process_control.cli.verbs.stop:stop",
        "stop the runs of jobs and wait until their process trees are gone",
    ),
    "wait": ("process_control.cli.verbs.wait:wait", "wait until the runs of jobs have ended"),
    "hold": ("process_control.cli.verbs.hold:hold", "prevent scheduled runs until somebody releases the job"),
    "release": (
        "process_control.cli.verbs.release:release",
        "end a hold or a backoff; with slow_start, slowly first",
    ),
    "pause": ("process_control.cli.verbs.pause:pause", "hold for a limited time"),
    "show": (
        "process_control.cli.verbs.show:show",
        "effective settings of a job, and where each comes from; next planned times",
    ),
    "history": ("process_control.cli.verbs.history:history", "past runs: when, how long, the outcome and why"),
    "why": ("process_control.cli.verbs.why:why", "why a job does not run now, or did not run at a time; what to do"),
    "timers": ("process_control.cli.verbs.timers:timers", "when each job runs next, soonest first"),
    "day": ("process_control.cli.verbs.day:day", "one day as lanes: what ran, what will, and what collides"),
    "slots": ("process_control.cli.verbs.slots:slots", "every planned time and what became of it"),
    "recover": (
        "process_control.cli.verbs.recover:recover_jobs",
        "after an outage: show, or run, what was missed or lost",
    ),
    "mark": ("process_control.cli.verbs.mark:mark", "settle a planned time by hand: it needs no run any more"),
    "incidents": ("process_control.cli.verbs.incidents:incidents", "what people are notified of; show ID: its story"),
    "ack": ("process_control.cli.verbs.ack:ack", "acknowledge an incident: no reminder until it changes"),
    "silence": ("process_control.cli.verbs.silence:silence", "notify nobody about jobs for a while; they run on"),
    "unsilence": ("process_control.cli.verbs.unsilence:unsilence", "notify people about jobs again"),
    "logs": ("process_control.cli.verbs.logs:logs", "what a run printed"),
    "audit": (
        "process_control.cli.verbs.audit:audit",
        "every start, skip, end, stop, mail and change: when, who, what and why",
    ),
    "check": ("process_control.cli.verbs.check:check", "Icinga or Nagios plugin: exit code 0, 1, 2 or 3"),
    "metrics": ("process_control.cli.verbs.metrics:metrics", "counters and states of all jobs, for Prometheus"),
    "doctor": (
        "process_control.cli.verbs.doctor:doctor",
        "is everything right: rights, cron, mail, disk, clock, survivors; --fix",
    ),
    "lint": ("process_control.cli.verbs.lint:lint", "find faults in job files"),
    "plan": (
        "process_control.cli.verbs.plan:plan",
        "what a change in git does to planned times; overlaps to be expected",
    ),
    "notify": ("process_control.cli.verbs.notify:notify", "send a test message; show what messages say"),
    "learn": ("process_control.cli.verbs.learn:learn_noise", "propose rules for stderr lines of successful runs"),
    "explain": ("process_control.cli.verbs.explain:explain", "what a key means: type, default, example"),
    "import": ("process_control.cli.verbs.imports:imports", "make job files from those of another program"),
    "export": ("process_control.cli.verbs.export:export", "jobs as timers of systemd"),
    "schema": ("process_control.cli.verbs.schema:schema", "the JSON Schema of the job file, for editors"),
    "scheduler": (
        "process_control.cli.verbs.scheduler:scheduler",
        "start jobs at their planned times, without cron",
    ),
    "up": ("process_control.cli.verbs.up:up", "the scheduler, with the live status of all jobs"),
    "fleet": ("process_control.cli.verbs.fleet:fleet", "run jobs on many hosts: apply, status, hosts, worker, control"),
    "web": ("process_control.cli.verbs.web:web", "the page: see all jobs in a browser, and act"),
    "watch": ("process_control.cli.verbs.watch:watch", "one look at the host, every minute by cron or a timer"),
    "prune": ("process_control.cli.verbs.prune:prune", "delete logs and history beyond the `retention` settings"),
    "help": ("process_control.cli.verbs.help:help_of", "what a verb does; pages of documentation: help --pages"),
}
PURPOSES = {
    "look": (
        "status",
        "list",
        "show",
        "history",
        "why",
        "slots",
        "timers",
        "day",
        "logs",
        "incidents",
        "audit",
        "check",
        "metrics",
        "doctor",
    ),
    "act": (
        "run",
        "exec",
        "stop",
        "wait",
        "hold",
        "pause",
        "release",
        "recover",
        "mark",
        "ack",
        "silence",
        "unsilence",
    ),
    "job files": ("lint", "plan", "explain", "learn", "schema", "import", "export"),
    "set up": ("init", "up", "scheduler", "fleet", "web", "notify", "watch", "prune", "help"),
}


@click.group(
    cls=Verbs,
    verbs=VERBS,
    purposes=PURPOSES,
    heading="Usage: process-control [OPTIONS] VERB [ARGS]...     Run one job: run-job NAME",
    ending="options    --config FILE, --debug, --no-pager, --version. Of a verb: VERB --help",
    invoke_without_command=True,
    epilog="Run a job with `run-job NAME`. `process-control VERB --help` explains a verb.",
)
@click.option("--config", metavar="FILE", help="Use this configuration (or set PROCESS_CONTROL_CONFIG).")
@click.option("--debug", is_flag=True, help="Print a traceback for internal errors.")
@click.option("--no-pager", is_flag=True, help="Print long output as it is (or PAGER=, empty).")
@click.version_option(__version__, message="process-control %(version)s")
@click.pass_context
def process_control(ctx: click.Context, config: str | None, debug: bool, no_pager: bool) -> None:
    """Inspect and manage jobs and their runs."""
    session = ctx.ensure_object(Session)
    session.config, session.debug, session.no_pager = config, debug, no_pager
    if ctx.invoked_subcommand is None:
        click.echo(ctx.command.overview() if isinstance(ctx.command, Verbs) else "")


def main(arguments: Sequence[str] | None = None, *, paths: Paths | None = None) -> int:
    """Run one command line and return its exit code. `paths` learns which disks it may wait for."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return run_command(process_control, words, name="process-control", paths=paths)


def run_command(command: click.Command, words: Sequence[str], *, name: str, paths: Paths | None = None) -> int:
    """Run one command line of `command`, called `name`, and return its exit code. Errors are printed, never raised."""
    gc.set_threshold(ALLOCATIONS_BEFORE_COLLECTING)
    try:
        _prepare_streams()
        code = _invoke(command, words, name, Session(paths=paths or Paths()))
        sys.stdout.flush()
    except ProcessControlError as error:
        return _complain(error, words)
    except click.UsageError as error:
        return _complain(_usage(error, words, name), words)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return BROKEN_PIPE
    except OSError as error:
        return _report_os_error(error, words, name)
    except Exception as error:  # noqa: BLE001  the last line of defence: one line instead of a traceback
        return _report_internal_error(error, words, name)
    finally:
        gc.freeze()  # the process ends: else the interpreter takes a tenth of a second to look for cycles
    return code


def _complain(error: ProcessControlError, words: Sequence[str]) -> int:
    from process_control.cli.print.error_output import print_error, wants_json

    print_error(error, as_json=wants_json(words))
    return error.exit_code


def _invoke(command: click.Command, words: Sequence[str], name: str, session: Session) -> int:
    """Run the verb and return its exit code. Not by click's own `main`: that ends with 1 after a broken pipe."""
    try:
        with command.make_context(name, list(words), obj=session) as ctx:
            code = command.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    return code if isinstance(code, int) else 0


def _prepare_streams() -> None:
    """Make stdout and stderr usable: characters that cannot be encoded are escaped. Raises OSError without a stdout."""
    stdout_is_closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  it stays until the end
    if stdout_is_closed:
        raise OSError(errno.EBADF, "stdout is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _usage(error: click.UsageError, words: Sequence[str], name: str) -> UsageError:
    """Return the error for a wrong command line: where, what, hint."""
    verb = next((word for word in words if word in VERBS), None)
    where = error.ctx.command_path if error.ctx else f"{name} {verb or ''}".rstrip()
    what, _, hint = error.format_message().rstrip(".").partition("\n")
    if isinstance(error, click.NoSuchOption):
        what, hint = f"no such option: {error.option_name}", _hint_for_option(error, verb)
    elif error.ctx is not None and isinstance(error.ctx.command, Verbs) and what.startswith("Missing command"):
        what, hint = "which verb?", " or ".join(f"{where} {each}" for each in error.ctx.command.verbs)
    what = what[:1].lower() + what[1:]
    return UsageError(what, where=where, hint=hint or f"{where} --help")


def _hint_for_option(error: click.NoSuchOption, verb: str | None) -> str:
    """Return which option, verb or command does what an unknown option was meant for; nothing when nobody knows."""
    from process_control.cli.other_words import OTHER_OPTIONS

    command = error.ctx.command if error.ctx else None
    if isinstance(command, Verbs) and verb is not None and error.ctx is not None:
        of_verb = command.get_command(error.ctx, verb)
        if of_verb is not None and any(error.option_name in each.opts for each in of_verb.params):
            return f"write it after the verb: {error.ctx.command_path} {verb} {error.option_name}"
    known = OTHER_OPTIONS.get((command.name or "" if command else "", error.option_name))
    near = nearest(error.option_name, _options(error.ctx))
    return known or (f"did you mean {near}?" if near else "")


def _options(ctx: click.Context | None) -> list[str]:
    """Return the options of a command as help shows them, without those that every verb takes."""
    shown = [each for each in (ctx.command.params if ctx else []) if not getattr(each, "hidden", False)]
    return [name for parameter in shown for name in parameter.opts] + ["--help"]


def _report_os_error(error: OSError, words: Sequence[str], name: str) -> int:
    if "--debug" in words:
        _print_traceback()
    where = str(error.filename) if error.filename else name
    if isinstance(error, PermissionError):
        return _complain(NotPermitted(error.strerror or "not permitted", where=where), words)
    if not error.filename:  # it is stdout that cannot be written
        _forget_stdout()
        words = ()
    return _complain(CannotRecord(error.strerror or str(error), where=where), words)


def _report_internal_error(error: Exception, words: Sequence[str], name: str) -> int:
    if "--debug" in words:
        _print_traceback()
    what = f"fault in process-control itself: {type(error).__name__}: {error}"
    return _complain(OwnFault(what, where=name, hint="--debug prints a traceback"), words)


def _print_traceback() -> None:
    import traceback

    talk(traceback.format_exc().rstrip())


def _forget_stdout() -> None:
    """Point stdout at /dev/null: else the interpreter reports the closed pipe when it flushes at its end."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)


if __name__ == "__main__":
    sys.exit(main())
