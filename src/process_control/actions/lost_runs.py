"""Record runs as lost whose runner and guard are gone: the next start of the job would, and may be tomorrow."""

import os
from collections.abc import Callable, Iterable

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job_environment import own_environment
from process_control.run.caller import Caller, notifier_for
from process_control.run.settle_killed import settle_in_a_child
from process_control.state.block import Block, Identity, read_block, runner_is_alive
from process_control.system.account import Account, account_of

_NOBODY = "its runner is gone"


def settle_lost(settings: Settings, slugs: Iterable[str]) -> list[str]:
    """Settle the runs of these jobs whose runner is gone; return the jobs with a run that has no end yet.

    One that left processes behind has none until they have ended.
    """
    unfinished = []
    for slug in slugs:
        block = _unfinished(settings, slug)
        if block is None:
            continue
        if not runner_is_alive(block):
            _settle(settings, slug, block)
            if _unfinished(settings, slug) is None:
                continue
        unfinished.append(slug)
    return unfinished


def _unfinished(settings: Settings, slug: str) -> Block | None:
    block = read_block(settings.state_directory, slug)
    return block if block is not None and block.get("end") is None else None


def _settle(settings: Settings, slug: str, block: Block) -> None:
    pid = block.get("pid")
    is_ad_hoc = os.path.exists(layout.ad_hoc(settings.state_directory, slug))
    runner = pid if isinstance(pid, int) else 0
    settle_in_a_child(slug, runner, None, lambda: _surroundings(settings), killed=_NOBODY, is_ad_hoc=is_ad_hoc)


def _surroundings(settings: Settings) -> tuple[Settings, Account, Callable[[], Caller]]:
    """Return what the child needs that does what a start would do first."""
    account = account_of(os.geteuid())
    kept = own_environment(dict(os.environb))
    environment = {os.fsdecode(name): os.fsdecode(value) for name, value in kept.items()}

    def caller() -> Caller:
        from process_control.execution.guard_channel import Channel
        from process_control.system.signals import Inbox

        inbox = Inbox()
        inbox.open()
        return Caller(
            environment=environment,
            identity=Identity(),
            inbox=inbox,
            guard=Channel(None, is_needed=False),
            own_commands=None,
            notifier=notifier_for(environment, account, scheduled=True, show=False),
        )

    return settings, account, caller
