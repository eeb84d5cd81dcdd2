"""Asks hosts by ssh and returns their replies."""

from collections.abc import Sequence

from process_control.fleet.ask_hosts import ask_all
from process_control.fleet.reply import Reply, reply_of
from process_control.fleet.ssh_command import remote_commands, socket_directory, ssh_command


def replies_of(commands: Sequence[tuple[str, Sequence[str]]], *, form: str, seconds: float) -> list[Reply]:
    """Run a verb with its words on each host and return what they replied, in the same order.

    `form`: what the answers look like; `seconds`: how long each may take. Raises ProcessControlError (1) without ssh.
    """
    sockets = socket_directory()
    came = ask_all([ssh_command(host, remote_commands(words), sockets) for host, words in commands], seconds=seconds)
    return [reply_of(host, each, form=form, seconds=seconds) for (host, _), each in zip(commands, came, strict=True)]
