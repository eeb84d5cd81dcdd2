"""What a start does when its lock is held: skip, queue, replace, fail, or refuse.

Lean room, but loaded only when two starts meet.
"""

import posix

from process_control.errors import BY_SIGNAL, RUNNER_KILLED, STOPPED, BadConfiguration, NotStarted
from process_control.execution.guard import START_SECONDS
from process_control.run.run import Run, fail_unstarted, let_the_lock_go, note_waiting, skip
from process_control.run.unfinished import refuse_survivors
from process_control.system import proc
from process_control.system.signals import WaitEnded


def meet_the_holder(run: Run) -> int | None:
    """Do what `on_overlap` says. None when the lock was had after all, else the exit code; raises NotStarted (75)."""
    _refuse_own_ancestor(run)
    if _holder(run) is None:
        for block in run.adapters.blocks_of_lock(run.job):
            if block.get("end") is None or block.get("left"):
                refuse_survivors(run, block)
    how = _what_to_do_about_the_overlap(run)
    if how == "queue":
        return _wait_for_the_lock(run)
    if how == "replace":
        return _replace(run)
    words = _holder_in_words(run) + _continue_the_stopped(run)
    if how == "fail":
        return fail_unstarted(run, "overlap", words)
    if how == "skip":
        return skip(run, "overlap", words)
    raise _already_running(run, words)


def _continue_the_stopped(run: Run) -> str:
    """Continue a run whose runner or guard somebody has stopped: nobody keeps its limits. Return that in words."""
    block = _holder(run)
    stopped = None if block is None else run.adapters.continue_the_stopped(block)
    return f"; {stopped}, now continued" if stopped else ""


def _what_to_do_about_the_overlap(run: Run) -> str:
    request = run.request
    if request.wait or run.job.on_overlap == "queue":
        return "queue"
    return run.job.on_overlap if request.scheduled else "refuse"


def _already_running(run: Run, words: str) -> NotStarted:
    slug = run.job.slug
    return NotStarted(
        words if _holder_slug(run) not in (None, slug) else f"already running: {words}",
        where=slug,
        mend=f"wait for it with run-job --wait {slug}, or stop it: run-job --kill-job {_holder_slug(run) or slug}",
    )


def _holder(run: Run) -> dict[str, object] | None:
    """Return the block of the run that holds the lock, as far as blocks tell."""
    for block in run.adapters.blocks_of_lock(run.job):
        if block.get("end") is None and run.adapters.runner_lives(block):
            return block
    return None


def _holder_slug(run: Run) -> str | None:
    block = _holder(run)
    return None if block is None else str(block.get("job"))


def _holder_in_words(run: Run) -> str:
    block = _holder(run)
    if block is None:
        return f"the lock '{run.job.lock}' is held by a start at this moment, or by processes that an earlier run left"
    holder = f"run {block.get('run_id')} since {block.get('started_at')} (pid {block.get('pid')})"
    if block.get("job") == run.job.slug:
        return holder
    return f"not started: job {block.get('job')} holds the shared lock '{run.job.lock}': {holder}"


def _refuse_own_ancestor(run: Run) -> None:
    """A sub-job that needs the lock of the run it belongs to would wait for itself."""
    block = _holder(run)
    if block is not None and block.get("pid") in proc.ancestors(posix.getpid()):
        raise BadConfiguration(
            f"the lock '{run.job.lock}' is held by run {block.get('run_id')} of job {block.get('job')}, "
            f"which started this sub-job",
            where=run.job.slug,
            mend="give the sub-job another lock, or remove it from the command",
        )


def _wait_for_the_lock(run: Run) -> int | None:
    seconds = run.request.wait_seconds if run.request.wait_seconds is not None else run.job.queue_timeout_seconds
    words = _holder_in_words(run) + _continue_the_stopped(run)
    run.adapters.waiting(words)
    if run.request.scheduled:
        note_waiting(run, words)
    if _has_lock_within(run, seconds):
        return _ask_once_more(run)
    return _not_taken(run, seconds)


def _replace(run: Run) -> int | None:
    """Stop the run that has the lock, as --kill-job does, and take its place; KILL it when it does not end in time."""
    seconds, block = run.job.queue_timeout_seconds, _holder(run)
    if block is not None:
        in_time = run.adapters.ask_to_stop(block)
        if _has_lock_within(run, min(seconds, in_time)):
            return _ask_once_more(run)
        if seconds <= in_time or run.adapters.inbox.stopping:
            return _not_taken(run, seconds)
        run.adapters.kill_runner_of(block)
        seconds -= in_time
    return _ask_once_more(run) if _has_lock_within(run, seconds) else _not_taken(run, run.job.queue_timeout_seconds)


def _has_lock_within(run: Run, seconds: float) -> bool:
    """Wait at most so long (0: as long as it takes) for the lock; False too when the wait was ended by a signal."""
    run.adapters.set_deadline(seconds + START_SECONDS if seconds else None)
    asked = run.adapters.clock.monotonic()
    try:
        with run.adapters.inbox.interruptible(seconds):
            run.lock = run.adapters.take_lock(run.job.lock, wait=True)
    except WaitEnded:
        return False
    run.started_at = run.adapters.clock.now()
    run.waited_seconds += run.adapters.clock.monotonic() - asked
    run.adapters.set_deadline(START_SECONDS)
    return True


def _ask_once_more(run: Run) -> int | None:
    """After a wait: somebody may have disabled the job meanwhile. A hold is asked for by `choose_the_dose`."""
    if run.request.scheduled and run.adapters.job_as_it_is_now().disabled:
        let_the_lock_go(run)
        return skip(run, "disabled", "the job file was changed while this start waited")
    return None


def _not_taken(run: Run, seconds: float) -> int:
    """Return the exit code of a start that waited in vain. Raises NotStarted (75)."""
    if run.adapters.inbox.stopping:
        return _stopped_while_waiting(run)
    if run.request.scheduled:
        return skip(run, "overlap", f"waited {seconds:g} s: {_holder_in_words(run)}")
    raise NotStarted(f"waited {seconds:g} s: {_holder_in_words(run)}", where=run.job.slug)


def _stopped_while_waiting(run: Run) -> int:
    inbox = run.adapters.inbox
    if run.request.scheduled:
        skip(run, "overlap", f"stopped while it waited: {_holder_in_words(run)}")
    if inbox.guard_died:
        return RUNNER_KILLED
    return STOPPED if inbox.stopped_by is None else BY_SIGNAL + inbox.stopped_by


def refuse_beside_a_live_run(run: Run) -> int:
    """The lock file of a live run was removed; its block still tells of it. Raises NotStarted (75)."""
    if run.request.scheduled and run.job.on_overlap == "fail":
        return fail_unstarted(run, "overlap", _holder_in_words(run))
    if run.request.scheduled:
        return skip(run, "overlap", _holder_in_words(run))
    raise _already_running(run, _holder_in_words(run))
