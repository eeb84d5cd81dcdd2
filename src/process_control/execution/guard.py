"""The guard: the process that people, cron and systemd see. It waits, passes signals to the runner, and cleans up.

Lean module. It is the runner's parent and a subreaper, and stays root when jobs run as somebody else: if the runner is
killed, or may not signal a process of another user, the guard does it. This file has what every run
needs; `guard_watch.py` is for runs longer than 100 ms.
"""

import _signal
import posix
import select

from process_control.errors import BY_SIGNAL, RUNNER_KILLED
from process_control.system import linux, proc, signals

#: How long a runner may take from its fork to its command, without waits that the job file asks for.
START_SECONDS = 120.0
WAS_KILLED = "its runner was killed"
#: Longer than a short run takes on a busy host: importing `guard_watch` costs 3 ms of CPU time.
_SETTLED_MILLISECONDS = 100


def fork_runner() -> tuple[int, int, int]:
    """Fork into guard and runner; return (runner's pid or 0, the guard's pid, this side's end of the channel).

    The stopping signals are blocked in both until each has its own handlers. Raises OSError.
    """
    linux.set_child_subreaper()
    guard_pid = posix.getpid()
    read_end, write_end = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    signals.block()
    signals.ignore_the_terminal()
    runner = posix.fork()
    if runner:
        posix.close(write_end)
        return runner, guard_pid, read_end
    posix.close(read_end)
    linux.set_child_subreaper()
    return 0, guard_pid, write_end


def be_bound_to(guard_pid: int) -> None:
    """Have the runner get a signal when the guard dies. Call it after rights were dropped. Raises OSError."""
    linux.set_parent_death_signal(signals.GUARD_DIED)
    if posix.getppid() != guard_pid:
        posix._exit(RUNNER_KILLED)


def continue_it(guard_pid: int) -> None:
    """Send CONT to the guard at the end of the runner: a stopped guard could not see it end."""
    if posix.getppid() == guard_pid:
        try:
            posix.kill(guard_pid, _signal.SIGCONT)
        except OSError:  # the guard is root's, and we are not root
            pass


def watch(runner: int, channel: int, *, start_seconds: float = START_SECONDS) -> tuple[int, str | None]:
    """Wait for the runner; return the exit code for the caller and, when the runner was killed, who did it, in words.

    In that case its whole tree has been killed, as far as possible. During the first 100 ms nothing is read from
    `channel` and no deadline is enforced; signals are handed on, and enforced later.
    """
    handle = posix.pidfd_open(runner)
    heard: list[int] = []

    def hand_on(number: int, _frame: object) -> None:
        heard.append(number)
        try:
            _signal.pidfd_send_signal(handle, number)  # its pid may belong to another process by now
        except OSError:
            pass

    signals.hear((*signals.STOPPING, *signals.HANDED_ON, signals.STOP_REQUEST), hand_on)
    signals.unblock()
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    killed = WAS_KILLED
    if not poll.poll(_SETTLED_MILLISECONDS):
        try:
            from process_control.execution import guard_watch
        except Exception:  # noqa: BLE001  the package was replaced in this moment: the runner enforces its limits alone
            poll.poll()
        else:
            runner_watch = guard_watch.Watch(runner, handle, channel, start_seconds=start_seconds)
            runner_watch.enforce_earlier(heard)
            has_ended = runner_watch.wait()
            killed = runner_watch.why_ended or killed
            if not has_ended:
                return RUNNER_KILLED, killed
    _, status = posix.waitpid(runner, 0)
    if posix.WIFEXITED(status):
        return posix.WEXITSTATUS(status), None
    try:
        from process_control.execution.guard_watch import end_what_is_left
    except Exception:  # noqa: BLE001  the package was replaced meanwhile
        _kill_children()
    else:
        end_what_is_left()
    return RUNNER_KILLED, killed


def _kill_children() -> None:
    """Send KILL to what the dead runner left to us until there is none, with what is loaded."""
    while True:
        for pid in proc.children(posix.getpid()):
            try:
                posix.kill(pid, _signal.SIGKILL)
            except OSError:  # it has just ended, or is of another user
                pass
        try:
            posix.waitpid(-1, 0)
        except ChildProcessError:
            return


def adopt_orphans_of_a_container() -> None:
    """Fork when we are process 1, so that orphans of the container go to process 1 and not to the guard.

    Returns in the child, which becomes the guard; process 1 passes signals on, reaps, waits for the jobs that follow
    the run, as the container ends with it, and exits as the guard did.
    """
    signals.block()
    guard = posix.fork()
    if guard == 0:
        signals.unblock()
        return

    waited_for, heard = [guard], list[int]()

    def hand_on(number: int, _frame: object) -> None:
        heard.append(number)
        for each in waited_for:
            try:
                posix.kill(each, number)
            except OSError:  # it has just ended
                pass

    signals.hear((*signals.STOPPING, *signals.HANDED_ON), hand_on)
    signals.hear_others(hand_on)
    while True:
        pid, status = posix.waitpid(-1, 0)
        if pid == guard:
            code = posix.waitstatus_to_exitcode(status) if posix.WIFEXITED(status) else RUNNER_KILLED
            waited_for.clear()
            # A signal that did not stop the run came when that had ended: it is for the jobs that follow.
            heard[:] = [number for number in heard if number in signals.STOPPING and code != BY_SIGNAL + number]
            _wait_for_the_followers(waited_for, heard)
            posix._exit(code)


def _wait_for_the_followers(waited_for: list[int], heard: list[int]) -> None:
    """Wait as process 1 until no job runs that was started by the end of another one. `waited_for` has them.

    `heard`: signals that nobody has got yet.
    """
    try:
        from process_control.execution.followers_of_process_1 import wait_for_followers
    except Exception:  # noqa: BLE001  the package was replaced
        return
    wait_for_followers(waited_for, heard)
