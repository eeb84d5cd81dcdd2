"""Record a run as lost right after its runner was killed, from the guard. The next start may be tomorrow.

Lean module, loaded only then.
"""

import _signal
import posix
import select

from process_control.errors import ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.config.settings import Settings
    from process_control.run.caller import Surroundings
    from process_control.state.block import Block
    from process_control.system.account import Account

PATIENCE_MILLISECONDS = 10_000
_AFTER_KILL_MILLISECONDS = 1000
#: The exit code of the child when the run had recorded its end.
_HAD_ENDED = 1


def settle_in_a_child(
    slug: str,
    runner: int,
    trigger: str | None,
    surroundings: "Callable[[], Surroundings]",
    *,
    killed: str,
    is_ad_hoc: bool = False,
) -> bool:
    """Settle the killed run in a child process as the service user, and wait for it for a short time. Never raises.

    Return whether the run had recorded its end before its runner was killed, so that it is not lost.

    `runner` is the pid of the killed runner, `trigger` what started it (None: by hand), `killed` by whom, in words. The
    wait is limited because configuration and job file may be on the disk on which the runner hung.
    """
    try:
        child = posix.fork()
        if child == 0:
            _settle_and_end(slug, runner, trigger, surroundings, killed, is_ad_hoc)
        handle = posix.pidfd_open(child)
    except OSError:
        return False
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    try:
        if not poll.poll(PATIENCE_MILLISECONDS):
            _signal.pidfd_send_signal(handle, _signal.SIGKILL)
        if poll.poll(_AFTER_KILL_MILLISECONDS):
            _, status = posix.waitpid(child, 0)
            return posix.WIFEXITED(status) and posix.WEXITSTATUS(status) == _HAD_ENDED
    except OSError:
        pass
    finally:
        posix.close(handle)
    return False


def _settle_and_end(
    slug: str,
    runner: int,
    trigger: str | None,
    surroundings: "Callable[[], Surroundings]",
    killed: str,
    is_ad_hoc: bool,
) -> None:
    """Do in the child what the next start would do first. Never returns."""
    code = 0
    try:
        from process_control.config.job_directory import load_job
        from process_control.core.facts import MANUAL
        from process_control.execution.groups_of_runs import remove_forsaken
        from process_control.run.run import Request, Run, Stop
        from process_control.run.run_job import settle_unfinished_runs
        from process_control.run.world import World
        from process_control.state.ad_hoc import kept_job
        from process_control.system.account import drop_rights

        settings, account, caller = surroundings()
        posix.umask(0o022)
        drop_rights(account)
        if trigger is not None and _refused_what_did_not_start(slug, runner, trigger, settings, account, killed):
            return
        job = kept_job(settings, slug) if is_ad_hoc else load_job(slug, settings)
        if job is None:
            return
        world = World(job, settings, account, caller())
        request = Request(trigger=MANUAL, by=account.name, is_ad_hoc=is_ad_hoc)
        run = Run(request, job, started_at=world.clock.now(), host=world.identity.host)
        world.store.open()
        if _had_ended(world.store.previous_run(), slug, runner, settings.state_directory):
            code = _HAD_ENDED
        if world.lock.take():  # else a survivor holds it, which the next start reports
            if isinstance(settle_unfinished_runs(run, world), Stop):
                return
            world.lock.release()
        remove_forsaken()  # killed before its block named its group
    except ProcessControlError:
        pass  # the next start reports it
    except Exception:  # noqa: BLE001  a package that was replaced: the next start settles it
        pass
    finally:
        posix._exit(code)


def _had_ended(block: "Block | None", slug: str, runner: int, state_directory: str) -> bool:
    """Return whether the run of this runner, which was killed, has its end. `block` is the job's."""
    if block is None:
        return False
    if block.get("pid") != runner:  # a later run has begun, under the same lock
        return _had_a_run(slug, runner, state_directory)
    return isinstance(block.get("end"), dict)


def _refused_what_did_not_start(
    slug: str, runner: int, trigger: str, settings: "Settings", account: "Account", killed: str
) -> bool:
    """Record a refusal, and return True, if the runner recorded neither start nor skip. Raises CannotRecord (74)."""
    from process_control.core.job import is_slug
    from process_control.notify.announce import is_reported
    from process_control.notify.outbox import Outbox
    from process_control.run.forgotten_start import refuse
    from process_control.state.job_state import JobRecord
    from process_control.state.killed_claim import forget_claim_of
    from process_control.system import proc

    if not is_slug(slug):
        return False
    store = JobRecord(settings.state_directory, slug)
    store.open()
    block = store.previous_run()
    had_claimed, slot = forget_claim_of(store, runner, boot_id=proc.boot_id())
    if slot is None and (had_claimed or (block is not None and block.get("pid") == runner)):
        return False
    if slot is None and _had_a_run(slug, runner, settings.state_directory):
        return False
    asked: dict[str, object] = {"job": slug, "trigger": trigger, "by": account.name, "host": posix.uname().nodename}
    refuse(Outbox(settings, user=account.name), asked, slot, killed=killed, mails=is_reported(None, settings))
    return True


def _had_a_run(slug: str, runner: int, state_directory: str) -> bool:
    """Return whether this runner, which was killed, has recorded a start: a later run may have its block by now."""
    import time

    from process_control.history.journal_reader import backwards
    from process_control.system import proc
    from process_control.system.clock import iso

    boot_id, guard_started = proc.boot_id(), proc.start_time(posix.getppid()) or 0
    for record in backwards(
        state_directory,
        since=iso(time.time() - proc.seconds_since(guard_started)),
        needle=f'"pid":{runner},',
    ):
        if record["event"] == "start" and record.get("job") == slug and record.get("pid") == runner:
            started = record.get("pid_start")
            return record.get("boot_id") == boot_id and isinstance(started, int) and started >= guard_started
    return False
