"""The caller of a run, and how its result is reported to them.

Lean module.
"""

import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from process_control.config.settings import Settings
    from process_control.execution.guard_channel import Channel
    from process_control.run.notifier import Notifier
    from process_control.state.block import Identity
    from process_control.system.account import Account
    from process_control.system.signals import Inbox

    #: The configuration, the account that jobs run as, and a function that makes the Caller after rights were dropped.
    Surroundings = tuple[Settings, Account, Callable[[], "Caller"]]


class Caller:
    """What is known about the start before the job file is read."""

    __slots__ = ("environment", "guard", "identity", "inbox", "notifier", "own_commands")

    def __init__(
        self,
        *,
        environment: dict[str, str],
        identity: "Identity",
        inbox: "Inbox",
        guard: "Channel",
        own_commands: str | None,
        notifier: "Notifier",
    ) -> None:
        self.environment = environment
        self.identity = identity
        self.inbox = inbox
        self.guard = guard
        self.own_commands = own_commands
        self.notifier = notifier


def notifier_for(
    environment: dict[str, str], account: "Account", *, scheduled: bool, show: bool | None = None
) -> "Notifier":
    """Return the notifier: a terminal that shows the output, or stderr. `show` chooses; None: by the descriptors."""
    if show is None:
        show = not scheduled and (posix.isatty(1) or posix.isatty(2) or posix.isatty(0))
    if show:
        from process_control.run.show_output import open_terminal

        return open_terminal(environment, account)
    from process_control.run.report_on_stderr import StandardError

    return StandardError()
