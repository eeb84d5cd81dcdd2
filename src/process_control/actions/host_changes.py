"""Records what was changed on the host, maybe as root, in the journal of the service user and in the syslog."""

import os

from process_control.actions.rights import own_directories
from process_control.config.settings import Settings
from process_control.errors import ProcessControlError
from process_control.history import journal
from process_control.notify.announce import announce
from process_control.system import directories
from process_control.system.account import Account
from process_control.system.as_account import ask_as


def record_host_changes(
    records: list[dict[str, object]], settings: Settings, account: Account
) -> ProcessControlError | None:
    """Append the records as the service user and announce them. Return why the journal could not take them.

    What was changed stays changed then.
    """
    error = _append(records, settings, account) if records else None
    for record in records:
        announce(settings, record)
    return error


def _append(records: list[dict[str, object]], settings: Settings, account: Account) -> ProcessControlError | None:
    own = own_directories(settings)
    if os.geteuid() == 0 and account.uid != 0:
        directories.make_as_root(own, account)

    def append() -> None:
        directories.ensure(own)
        journal.append_all(settings.state_directory, records)

    try:
        ask_as(account, append)
    except ProcessControlError as error:
        return error
    return None
