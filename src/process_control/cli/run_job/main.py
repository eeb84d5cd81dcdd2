"""`run-job`: the fast path from the command line to the run.

Lean module: what a plain run does not need (lists, --status, --kill-job, --dry-run, help) is in `views.py`.
"""

import posix
import sys

from process_control.cli.run_job.options import Options, parse, seconds_of_flag
from process_control.errors import NotStarted, OwnFault, ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from process_control.config.settings import Settings
    from process_control.core.job import Job
    from process_control.run.caller import Caller
    from process_control.run.run import Request
    from process_control.system.account import Account


def main(arguments: list[str] | None = None) -> "NoReturn":
    """Run the command line and exit with the code of page `run-job(1)`; never returns, never shows a traceback."""
    from process_control.system.signals import die_quietly_of_an_interrupt

    die_quietly_of_an_interrupt()
    _fill_standard_descriptors()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = parse(words)
    except ProcessControlError as error:
        _end(_complain(error, as_json="--json" in words))
    run_and_exit(options)


def run_and_exit(options: Options) -> "NoReturn":
    """Do what the options say and exit with its code, in the guard as in the runner. Never returns, never raises."""
    try:
        code = _dispatch(options)
    except ProcessControlError as error:
        code = _complain(error, as_json=options.json)
    except Exception as error:  # noqa: BLE001  the last line of defence: one line instead of a traceback
        code = _refused(error, options)
    _end(code)


def _end(code: int) -> "NoReturn":
    try:
        if sys.stdout is not None:  # None: the caller had closed it
            sys.stdout.flush()
    except OSError:
        pass
    posix._exit(code)


def _dispatch(options: Options) -> int:
    if options.verb == "run" and not options.dry_run:
        return start(options)
    import gc

    gc.enable()
    if options.verb == "complete":
        from process_control.cli.run_job.complete import offer

        return offer(options)
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.cli.run_job import views

    return views.show(options)


def start(options: Options) -> int:
    """Fork into guard and runner; return the exit code in either. The guard knows nothing of the job but its name."""
    from process_control.execution import guard
    from process_control.system import linux

    _leave_the_directory_of_the_caller(options)
    if posix.getpid() == 1:
        guard.adopt_orphans_of_a_container()
    linux.set_process_name(b"run-job")
    if b"PROCESS_CONTROL_RUN_ID" not in posix.environ:
        # Else a job of our own account could read and write our memory. A sub-job's runner is its outer job's anyway,
        # and is found by its environment when the outer run was killed.
        linux.set_dumpable(on=False)
    try:
        runner, guard_pid, channel = guard.fork_runner()
    except OSError as error:
        return _refused(error, options)
    bundle = sys.modules.get("process_control.entry.bundle")
    if runner:
        if bundle is not None:
            bundle.close()
        code, killed = guard.watch(runner, channel)
        if killed is not None:
            had_ended = _settle(options, runner, options.scheduled, killed)
            _say_what_was_killed(options, killed, had_ended=had_ended)
        return code
    try:
        if bundle is not None:
            bundle.load_the_rest()
        settings, account, caller = _surroundings(options, channel)
        _note_who_asks(options, account)
        request = _request(options)
    except ProcessControlError:
        raise
    except Exception as error:  # noqa: BLE001  reported and recorded, as far as that is possible
        return _refused(error, options)
    code = _run(request, options, settings, account, caller(), guard_pid)
    guard.continue_it(guard_pid)
    return code


def _note_who_asks(options: Options, account: "Account") -> None:
    """Find who starts the run, where the scheduler does not say it.

    The page names its user in a variable. Whoever may start jobs of this account could write the record itself, and
    sudo passes no such variable on.
    """
    if options.by is not None:
        return
    from process_control.actions.rights import MAX_NAME, WEB_USER, decoded, who

    named = decoded(posix.environ).get(WEB_USER, "")
    options.by_web = bool(named) and named.isprintable()
    options.by = named[:MAX_NAME] if options.by_web else who(posix.environ, known=account)


def _leave_the_directory_of_the_caller(options: Options) -> None:
    """Go to `/`, so that the caller's directory can be unmounted while the job runs.

    The configuration is the one path that may be given relative to it. In a directory that is gone nothing can be:
    whoever reads the configuration says so.
    """
    named = options.config
    if named is None:
        variable = posix.environ.get(b"PROCESS_CONTROL_CONFIG", b"")
        named = variable.decode(sys.getfilesystemencoding(), "surrogateescape")
    if named and not named.startswith("/"):
        try:
            options.config = f"{posix.getcwd()}/{named}"
        except OSError:
            return
    posix.chdir("/")


def _surroundings(options: Options, channel: int | None) -> "tuple[Settings, Account, Callable[[], Caller]]":
    """Return the configuration, the account that jobs run as, and what makes a Caller. Still with the caller's rights.

    Raises BadConfiguration (78), NotPermitted (77).
    """
    from process_control.actions.rights import decoded, directory_of_run_job
    from process_control.config.settings import load_settings
    from process_control.run.caller import Caller, notifier_for
    from process_control.state.block import Identity, require_own_proc
    from process_control.system.account import check_allowed

    settings = load_settings(options.config, posix.environ, slug_hint=options.job)
    account = check_allowed(settings.user, words=f"run-job {options.job}", where=settings.path or "")
    require_own_proc()
    identity = Identity()
    is_root = posix.geteuid() == 0  # and the guard stays root
    environment = decoded(posix.environ)
    show = True if options.show else False if options.quiet else None
    notifier = notifier_for(environment, account, scheduled=options.scheduled is not None, show=show)

    def caller() -> Caller:
        from process_control.execution.guard_channel import Channel
        from process_control.system.signals import Inbox, unblock

        inbox = Inbox()
        inbox.open()
        unblock()
        return Caller(
            environment=environment,
            identity=identity,
            inbox=inbox,
            guard=Channel(channel, is_needed=is_root and account.uid != 0),
            own_commands=directory_of_run_job(),
            notifier=notifier,
        )

    return settings, account, caller


def _say_what_was_killed(options: Options, killed: str, *, had_ended: bool) -> None:
    """Print to stderr that the run is lost: its runner cannot report it. Does not wait for a stopped terminal.

    `killed`: by whom the runner was killed, in words. `had_ended`: its run had, and is recorded as it ended.
    """
    try:
        from process_control.run.report_on_stderr import write_if_taken
    except Exception:  # noqa: BLE001  the package was replaced: the history has it
        return
    if had_ended:
        write_if_taken(f"{options.job}: {killed} after the end of its run, which is recorded\n")
        return
    write_if_taken(f"{options.job}: lost: {killed}, and its processes were ended\n")


def _settle(options: Options, runner: int, trigger: str | None, killed: str) -> bool:
    """Have a run whose runner was killed recorded as lost; with a package that was replaced the next start does it.

    Return whether it had recorded its end before.
    """
    try:
        from process_control.run.settle_killed import settle_in_a_child
    except Exception:  # noqa: BLE001
        return False
    is_ad_hoc = options.ad_hoc is not None
    return settle_in_a_child(
        options.job or "", runner, trigger, lambda: _surroundings(options, None), killed=killed, is_ad_hoc=is_ad_hoc
    )


def _run(
    request: "Request", options: Options, settings: "Settings", account: "Account", caller: "Caller", guard_pid: int
) -> int:
    """Become the service user, load the job and run it, in the runner; return the exit code."""
    from process_control.actions import rights
    from process_control.execution import guard
    from process_control.system import directories, linux
    from process_control.system.account import drop_rights

    posix.umask(0o022)
    was_root = posix.geteuid() == 0
    if was_root and account.uid != 0:
        directories.make_as_root(rights.own_directories(settings), account)
        if settings.read_group is not None:
            rights.open_to_readers(settings, account)
        drop_rights(account)
    guard.be_bound_to(guard_pid)
    if not was_root and not posix.access(f"/proc/{guard_pid}/stat", posix.F_OK):
        # With hidepid= /proc hides whoever is not dumpable, and no process of our account could see whether we live.
        linux.set_dumpable(on=True)
    job = None
    try:
        if options.ad_hoc is None:
            from process_control.config.job_directory import load_job

            job = load_job(options.job or "", settings)
        else:
            from process_control.cli.run_job.ad_hoc import job_of_exec

            job = job_of_exec(options, settings)
        rights.have_own_directories(settings)
        if settings.read_group is not None:
            rights.open_to_readers(settings, account)
        from process_control.run.run_job import run_job
        from process_control.run.world import World

        return run_job(request, job, World(job, settings, account, caller))
    except ProcessControlError as error:
        if request.scheduled:  # nobody sees the message
            _record(error, options, settings, account, trigger=request.trigger, by=request.by, mails=True, job=job)
        return _complain(error)
    except Exception as error:  # noqa: BLE001  no process of the job may be left behind unnoticed
        if _has_children():
            from process_control.run.refused import as_shown
            from process_control.system.signals import die_within

            die_within(2)  # whatever we wait for: the caller may be one that reads no complaint
            _complain(as_shown(error, debug=options.debug))
            posix.kill(posix.getpid(), 9)  # the guard ends the tree, and records that the run is lost
        return _refused(error, options)


def _refused(error: Exception, options: Options) -> int:
    """Report a start that failed for an unexpected reason, record it where possible, and return the exit code."""
    try:
        from process_control.run.refused import as_shown

        shown = as_shown(error, debug=options.debug)
    except Exception:  # noqa: BLE001  no descriptor left, or half a package
        return _complain(NotStarted(f"cannot start: {error}", where="run-job"))
    try:
        _record_unforeseen(shown, options)
    except Exception:  # noqa: BLE001  there is no place to record it
        pass
    return _complain(shown)


def _record_unforeseen(error: ProcessControlError, options: Options) -> None:
    """Record a start that failed in this process, which may be the guard; it ends next.

    Whoever starts a job by hand sees the message, so there only an internal error is recorded. Raises what prevents it.
    """
    if options.job is None or options.verb != "run" or options.dry_run:
        return
    if options.scheduled is None and not isinstance(error, OwnFault):
        return
    from process_control.system.account import drop_rights

    settings, account, _ = _surroundings(options, None)
    _note_who_asks(options, account)
    request = _request(options)
    posix.umask(0o022)
    drop_rights(account)
    _record(error, options, settings, account, trigger=request.trigger, by=request.by, mails=request.scheduled)


def _record(
    error: ProcessControlError,
    options: Options,
    settings: "Settings",
    account: "Account",
    *,
    trigger: str,
    by: str,
    mails: bool,
    job: "Job | None" = None,
) -> None:
    """Record, as the service user, a start that was refused, where our directories can be used."""
    from process_control.actions.rights import have_own_directories
    from process_control.run.refused import record_refusal

    try:
        have_own_directories(settings)
    except ProcessControlError:
        return
    record_refusal(error, options.job, settings, account, trigger=trigger, by=by, mails=mails, job=job)


def _request(options: Options) -> "Request":
    from process_control.core.facts import JOB, MANUAL, WEB
    from process_control.run.run import Request

    by_hand = JOB if b"PROCESS_CONTROL_RUN_ID" in posix.environ else WEB if options.by_web else MANUAL
    return Request(
        trigger=options.scheduled or by_hand,
        by=options.by or "",
        scheduled=options.scheduled is not None,
        slot=None if options.slot is None else int(options.slot),
        due=options.due,
        run_id=options.run_id,
        is_rerun=options.rerun is not None,
        is_caught_up=options.is_caught_up,
        queued_seconds=options.queued_seconds,
        slow_start=options.slow_start,
        slow_start_step=options.slow_start_step,
        force=options.force,
        wait=options.wait is not None,
        wait_seconds=seconds_of_flag(options.wait, "--wait") if options.wait else None,
        timeout_seconds=seconds_of_flag(options.timeout, "--timeout") if options.timeout is not None else None,
        note=options.note,
        is_ad_hoc=options.ad_hoc is not None,
    )


def _fill_standard_descriptors() -> None:
    """Open /dev/null where the caller closed stdin, stdout or stderr, so that no file of ours gets their number."""
    for descriptor in (0, 1, 2):
        try:
            posix.fstat(descriptor)
        except OSError:
            posix.open("/dev/null", posix.O_RDWR)


def _has_children() -> bool:
    try:
        posix.waitpid(-1, posix.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _complain(error: ProcessControlError, *, as_json: bool = False) -> int:
    text = str(error) + "\n"
    try:
        if as_json or posix.isatty(2):
            from process_control.cli.print.error_output import print_error

            print_error(error, as_json=as_json)
            return error.exit_code
        from process_control.notify.message import escape_controls
        from process_control.run.report_on_stderr import write

        write(escape_controls(text))
    except Exception:  # noqa: BLE001  no descriptor left to import it, or half a package
        try:
            posix.write(2, ascii(text)[1:-1].replace("\\n", "\n").encode("ascii"))
        except OSError:
            pass
    return error.exit_code
