"""The past planned time that a run is to be for, as somebody has named it."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.errors import UsageError
from process_control.state.past_runs import open_index
from process_control.system.clock import iso
from process_control.views.slot_words import account_named, named_time
from process_control.views.slots import Account, Ledger
from process_control.web.acts import Wish


def wish_for(wish: Wish, slot: int) -> Wish:
    """Return the same wish for a planned time (UTC seconds)."""
    return replace(wish, slot=iso(slot))


def planned_time(settings: Settings, slugs: list[str], text: str) -> Account | None:
    """Return the planned time of the one job; None when none is named. Raises JobNotFound (66), UsageError (2)."""
    if not text:
        return None
    if len(slugs) != 1:
        raise UsageError("slot: a planned time is that of one job")
    with open_index(settings.state_directory) as index:
        ledger = Ledger(settings, load_all(settings), index, now=time.time())
        return account_named(ledger, slugs[0], named_time("slot", text, datetime.now(UTC)))
