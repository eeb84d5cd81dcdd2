"""`run-job`: the fast path from the command line to the corridor.

Lean module: what a plain run does not need (lists, --status, --kill-job, --dry-run, help) is in `views.py`.
"""

import posix
import sys

from process_control.cli.run_job.options import Options, parse
from process_control.errors import (
    BadConfiguration,
    NotStarted,
    ProcessControlError,
    UsageError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from process_control.config.settings import Settings
    from process_control.run.caller import Caller
    from process_control.run.run import Request
    from process_control.system.account import Account


def main(arguments: list[str] | None = None) -> "NoReturn":
    """Run the command line and exit with the code of page `run-job(1)`; never returns, never shows a traceback."""
    from process_control.system.signals import die_quietly_of_an_interrupt

    die_quietly_of_an_interrupt()
    _fill_standard_descriptors()
    words = sys.argv[1:] if arguments is None else arguments
    options = Options()
    try:
        options = parse(words)
        code = _dispatch(options)
    except ProcessControlError as error:
        code = _complain(error, as_json="--json" in words)
    except Exception as error:  # noqa: BLE001  the last line of defence: one line instead of a traceback
        code = _refused(error, options)
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
            _settle(options, runner, options.scheduled, killed)
            _say_that_it_is_lost(options, killed)
        if bundle is None:
            _have_a_bundle_written()
        return code
    try:
        if bundle is not None:
            bundle.load_the_rest()
        settings, account, caller = _surroundings(options, channel)
        request = _request(options, by=who(posix.environ, known=account))
    except ProcessControlError:
        raise
    except Exception as error:  # noqa: BLE001  told and recorded, as far as that is possible
        return _refused(error, options)
    code = _run(request, options, settings, account, caller(), guard_pid)
    guard.continue_it(guard_pid)
    return code


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


def _say_that_it_is_lost(options: Options, killed: str) -> None:
    """Say on stderr what nobody else can: the runner that would have reported is gone. A stopped terminal is left.

    `killed` says by whom.
    """
    try:
        from process_control.run.report_on_stderr import write_if_taken
    except Exception:  # noqa: BLE001  the package was replaced: the history tells it
        return
    write_if_taken(f"{options.job}: lost: {killed}, and its processes were ended\n")


def _settle(options: Options, runner: int, trigger: str | None, killed: str) -> None:
    """Have a run whose runner was killed recorded as lost; with a package that was replaced the next start does it."""
    try:
        from process_control.run.settle_killed import settle_in_a_child
    except Exception:  # noqa: BLE001
        return
    settle_in_a_child(options.job or "", runner, trigger, lambda: _surroundings(options, None), killed=killed)


def _have_a_bundle_written() -> None:
    """Let the next run find the lean rooms in one file."""
    try:
        from process_control.entry.bundle import have_it_written
    except Exception:  # noqa: BLE001  half a package: the run itself is over
        return
    have_it_written()


def _run(
    request: "Request", options: Options, settings: "Settings", account: "Account", caller: "Caller", guard_pid: int
) -> int:
    """In the runner: become the service user, load the job, and go through the corridor."""
    from process_control.execution import guard
    from process_control.system import directories, linux
    from process_control.system.account import drop_rights

    own = own_directories(settings)
    posix.umask(0o022)
    was_root = posix.geteuid() == 0
    if was_root and account.uid != 0:
        directories.make_as_root(own, account)
        if settings.read_group is not None:
            open_to_readers(settings, account)
        drop_rights(account)
    guard.be_bound_to(guard_pid)
    if not was_root and not posix.access(f"/proc/{guard_pid}/stat", posix.F_OK):
        # With hidepid= /proc hides whoever is not dumpable, and nobody of our account could tell whether we live.
        linux.set_dumpable(on=True)
    job = None
    try:
        from process_control.config.job_directory import load_job

        job = load_job(options.job or "", settings)
        refuse_network_state(settings)
        directories.ensure(own)
        if settings.read_group is not None:
            open_to_readers(settings, account)
        from process_control.run.run_job import run_job
        from process_control.run.world import World

        return run_job(request, job, World(job, settings, account, caller))
    except ProcessControlError as error:
        if request.scheduled:  # nobody sees what we complain of
            from process_control.cli.run_job.refused import record_refusal

            record_refusal(error, request, options.job, job, settings, account, caller.identity.host)
        return _complain(error)
    except Exception as error:  # noqa: BLE001  nothing of the job may outlive it unseen
        if _has_children():
            from process_control.cli.run_job.refused import as_told
            from process_control.system.signals import die_within

            die_within(2)  # whatever we wait for: the caller may be one that reads no complaint
            _complain(as_told(error, debug=options.debug))
            posix.kill(posix.getpid(), 9)  # the guard ends the tree, and records that the run is lost
        return _refused(error, options)


def _refused(error: Exception, options: Options) -> int:
    """Say that nothing came of a start for a reason that nobody foresaw; record it where that is possible."""
    try:
        from process_control.cli.run_job.refused import as_told, record_unforeseen

        told = as_told(error, debug=options.debug)
    except Exception:  # noqa: BLE001  no descriptor left, or half a package
        return _complain(NotStarted(f"cannot start: {error}", where="run-job"))
    try:
        record_unforeseen(told, options, surroundings=lambda: _surroundings(options, None))
    except Exception:  # noqa: BLE001  there is no place to record it
        pass
    return _complain(told)


def _request(options: Options, *, by: str) -> "Request":
    from process_control.core.facts import JOB, MANUAL
    from process_control.run.run import Request

    by_hand = JOB if b"PROCESS_CONTROL_RUN_ID" in posix.environ else MANUAL
    return Request(
        trigger=options.scheduled or by_hand,
        by=by,
        scheduled=options.scheduled is not None,
        slow_start=options.slow_start,
        force=options.force,
        wait=options.wait is not None,
        wait_seconds=seconds_of_flag(options.wait, "--wait") if options.wait else None,
        timeout_seconds=seconds_of_flag(options.timeout, "--timeout") if options.timeout is not None else None,
        note=options.note,
    )


def seconds_of_flag(text: str, flag: str) -> float:
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.config.keys.kinds import seconds_of

    seconds = seconds_of(text)
    if seconds is None:
        raise UsageError(f"{flag} {text}: not a time", mend="seconds, or 90s, 10m, 2h, 1d")
    return seconds


def own_directories(settings: "Settings") -> list[tuple[str, int]]:
    """Return (path, mode) of the directories that process-control keeps for itself."""
    from process_control.system import directories

    return directories.own_directories(
        state=settings.state_directory,
        run=settings.run_directory,
        output=settings.output_directory,
        group_reads=settings.read_group is not None,
    )


def open_to_readers(settings: "Settings", account: "Account") -> None:
    """Let the members of `read_group` look into what we keep. Called as root or as the service user."""
    from process_control.system.account import group_named

    group = group_named(settings.read_group)
    if group is not None:
        from process_control.system.read_group import open_to_group

        places = [settings.state_directory, f"{settings.state_directory}/journal", settings.output_directory]
        open_to_group(places, owner=account.uid, group=group)


def refuse_network_state(settings: "Settings") -> None:
    """Raise BadConfiguration (78) when locks or journal would lie on a network file system."""
    from process_control.system.linux import network_file_system

    if settings.allow_network_state:
        return
    for path in (settings.state_directory, settings.run_directory):
        try:
            kind = network_file_system(path)
        except OSError:  # missing: it is made next, and looked at by the next start
            continue
        if kind:
            raise BadConfiguration(
                f"state on {kind}: locks and journal need a local disk",
                where=path,
                mend="set state_directory and run_directory to a local disk",
            )


def directory_of_run_job() -> str | None:
    """Return the directory with the command `run-job`, for sub-jobs; None when it is not found."""
    package = __file__.rpartition("/process_control/")[0]
    prefix = package.rpartition("/lib/")[0] if "/lib/" in package else ""
    called = sys.argv[0].rpartition("/")
    candidates = [called[0] if called[2] == "run-job" and called[0].startswith("/") else ""]
    candidates += [sys.executable.rpartition("/")[0], f"{prefix}/bin" if prefix else ""]
    for directory in candidates:
        if directory and posix.access(f"{directory}/run-job", posix.X_OK):
            return directory
    return None


def decoded(environment: dict[bytes, bytes]) -> dict[str, str]:
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in environment.items()
    }


def who(environment: dict[bytes, bytes], *, known: "Account | None" = None) -> str:
    """Return the name of who asks; through sudo, the name that sudo gives. `known`: an account already looked up."""
    from process_control.system.account import account_of

    uid = posix.getuid()
    through_sudo = environment.get(b"SUDO_USER", b"").decode("ascii", "replace") if uid == 0 else ""
    printable = through_sudo if through_sudo.isprintable() else ""
    if printable:
        return printable[:64]
    return known.name if known is not None and known.uid == uid else account_of(uid).name


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
