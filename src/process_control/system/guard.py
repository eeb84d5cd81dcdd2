"""The guard: the process that people, cron and systemd see. It waits, hands signals on, and cleans up.

Lean room. It is the runner's parent and a subreaper, and stays root when jobs run as somebody else: if the runner is
killed, or may not signal a process of another user, the guard does it.
"""

import _signal
import posix
import select

from process_control.system import linux, signals

KILLED_EXIT_CODE = 137
_SETTLED_MILLISECONDS = 25
_KILL_AGAIN_MILLISECONDS = 10
_GIVE_UP_ROUNDS = 500


def fork_runner() -> tuple[int, int, int]:
    """Fork into guard and runner; return (runner's pid or 0, the guard's pid, this side's end of the channel).

    The stopping signals are blocked in both until each has its own handlers.
    """
    linux.set_child_subreaper()
    guard_pid = posix.getpid()
    read_end, write_end = posix.pipe2(posix.O_CLOEXEC | posix.O_NONBLOCK)
    signals.block()
    runner = posix.fork()
    if runner:
        posix.close(write_end)
        return runner, guard_pid, read_end
    posix.close(read_end)
    linux.set_child_subreaper()
    return 0, guard_pid, write_end


def be_bound_to(guard_pid: int) -> None:
    """In the runner, after rights were dropped: be told when the guard dies. Raises OSError."""
    linux.set_parent_death_signal(signals.GUARD_DIED)
    if posix.getppid() != guard_pid:
        posix._exit(KILLED_EXIT_CODE)


def watch(runner: int, channel: int) -> tuple[int, bool]:
    """Wait for the runner; return the exit code for the caller, and whether the runner was killed.

    When it was, its whole tree has been ended.
    """

    def hand_on(number: int, _frame: object) -> None:
        try:
            posix.kill(runner, number)
        except ProcessLookupError:
            pass

    for number in signals.STOPPING:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, hand_on)
    handle = posix.pidfd_open(runner)
    signals.unblock()
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.register(channel, select.POLLIN)
    if not poll.poll(_SETTLED_MILLISECONDS):
        # The package may be replaced while a long job runs.
        import process_control.system.cgroup
        import process_control.system.tree  # noqa: F401
    while not _has_ended(poll, handle, channel, runner):
        pass
    _, status = posix.waitpid(runner, 0)
    if posix.WIFEXITED(status):
        return posix.WEXITSTATUS(status), False
    _end_what_is_left()
    return KILLED_EXIT_CODE, True


def _has_ended(poll: "select.poll", handle: int, channel: int, runner: int) -> bool:
    """Wait for one event; do what the runner asks on the channel."""
    for descriptor, _ in poll.poll():
        if descriptor == handle:
            return True
        request = posix.read(channel, 64)
        if not request:  # the runner is ending
            poll.unregister(channel)
            continue
        from process_control.system import tree

        if b"K" in request:
            tree.kill_tree(runner)
        else:
            tree.ask_tree_to_end(runner, run_id=request[1:].decode("ascii", "replace"))
    return False


def _end_what_is_left() -> None:
    """KILL every process that the dead runner left to us, until there is none."""
    from process_control.system import cgroup, proc, tree

    poll = select.poll()
    for _ in range(_GIVE_UP_ROUNDS):
        if tree.kill_tree(posix.getpid()):  # a process of another user, and we are not root
            for child in proc.children(posix.getpid()):
                cgroup.kill_group_of(child)
        try:
            while posix.waitpid(-1, posix.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        poll.poll(_KILL_AGAIN_MILLISECONDS)


def adopt_orphans_of_a_container() -> None:
    """As process 1, put a process in between: orphans of others land at 1, which only reaps; the guard is below it.

    Returns in the child; process 1 itself hands signals on, reaps, and exits as the guard did.
    """
    signals.block()
    guard = posix.fork()
    if guard == 0:
        signals.unblock()
        return

    def hand_on(number: int, _frame: object) -> None:
        posix.kill(guard, number)

    for number in signals.STOPPING:
        _signal.signal(number, hand_on)
    signals.unblock()
    while True:
        pid, status = posix.waitpid(-1, 0)
        if pid == guard:
            posix._exit(posix.waitstatus_to_exitcode(status) if posix.WIFEXITED(status) else KILLED_EXIT_CODE)
