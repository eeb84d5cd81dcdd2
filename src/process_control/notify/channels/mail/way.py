"""How mail leaves this host: by which program or server, as whom, with which password. Reads the files that say so."""

import os
from collections.abc import Callable

from process_control.config.environment_file import read_secret_file
from process_control.config.failmail import DEFAULT_SENDMAIL, Failmail
from process_control.errors import ProcessControlError
from process_control.notify.channels.mail.send import Undelivered, Way, is_program
from process_control.system.account import account_of
from process_control.system.ask import NoAnswer, ask
from process_control.system.disk_watch import read_from


def sender_of(failmail: Failmail) -> str:
    """Return the address that the mail comes from."""
    return failmail.from_address or f"{account_of(os.geteuid()).name}@{os.uname().nodename}"


def way_of(failmail: Failmail) -> Way:
    """Return how this mail is sent, by what the files say now.

    Raises Undelivered when the password cannot be read, and when the disk of one of the files does not answer.
    """
    if failmail.sendmail:
        _answers(failmail.sendmail, failmail)
        return Way(sendmail=failmail.sendmail)
    if not failmail.smtp and is_program(DEFAULT_SENDMAIL):
        return Way(sendmail=DEFAULT_SENDMAIL)
    if failmail.ca_file is not None:
        _answers(failmail.ca_file, failmail)
    password = None
    if (path := failmail.password_file) is not None:
        content = _ask(lambda: read_secret_file(path, what="password file"), path, failmail)
        password = content.split("\n")[0].strip()
    return Way(
        host=failmail.host,
        port=failmail.port,
        security=failmail.security,
        ca_file=failmail.ca_file,
        login=failmail.login,
        password=password,
    )


def _answers(path: str, failmail: Failmail) -> None:
    """Raise Undelivered when the disk of a file does not answer. What is in the file is checked where it is used."""
    _ask(lambda: read_from(path), path, failmail)


def _ask(question: Callable[[], str | None], path: str, failmail: Failmail) -> str:
    """Ask in a child with a deadline, because the disk of `path` may hang. Raises Undelivered."""
    try:
        return str(ask(question))
    except NoAnswer as error:
        why = f"{path}: {error}: its disk may hang"
    except ProcessControlError as error:
        why = str(error.faults[0])
    except OSError as error:
        why = f"{path}: {error.strerror}"
    raise Undelivered(why, failmail.to_addresses, others_too=True)
