"""Programs as a channel: JSON on stdin, exit code 0 means that the message is taken."""

import shlex
import signal
from typing import Any

from process_control.config.job_secrets import secrets_of
from process_control.core.job import Job
from process_control.core.masking import mask
from process_control.core.recipient import Recipient
from process_control.notify.channel import Answer, Later, Taken
from process_control.notify.channels.address import MIN_SECRET, Unusable, in_one_line
from process_control.notify.channels.exec.program import Ended, check_program, run
from process_control.notify.channels.receiver_channel import ReceiverChannel

DEADLINE_SECONDS = 30.0


class ExecChannel(ReceiverChannel):
    """`exec:/path [arguments]`."""

    kind = "exec"

    def __init__(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__()
        self._seconds = deadline_seconds

    def hand_over(self, content: dict[str, Any], url: str, recipient: Recipient, job: Job | None) -> Answer:
        """Run the program with the JSON that webhooks get on its stdin."""
        words = words_of(url)
        check_program(words[0])
        ended = run(words, str(content.get("body")).encode(), seconds=self._seconds)
        secrets = [*secrets_of(job)[0], *secret_arguments(words)]
        if ended.code == 0:
            return Taken(_last_line(ended.stdout, secrets))
        why = self._why(words[0], ended, secrets)
        if ended.code is None:
            raise Unusable(why)
        return Later((recipient.key,), why)

    def _why(self, program: str, ended: Ended, secrets: list[str]) -> str:
        if ended.code is None:
            how = f"did not end within {self._seconds:g} s and was killed"
        elif ended.code < 0:
            how = f"was killed by {_signal_name(-ended.code)}"
        else:
            how = f"exited with {ended.code}"
        line = _last_line(ended.stderr, secrets)
        return f"{program} {how}{f': {line}' if line else ''}"


def words_of(url: str) -> list[str]:
    """Return the program and its arguments, quoted as for a shell; no shell reads them. Raises Unusable."""
    try:
        words = shlex.split(url.partition(":")[2])
    except ValueError:
        raise Unusable("exec: a quote in its arguments is not closed") from None
    if not words:
        raise Unusable("exec: names no program")
    return words


def secret_arguments(words: list[str]) -> list[str]:
    """Return what of the arguments may be secret: each of them, and what stands behind its `=`."""
    parts = [part for word in words[1:] for part in (word, word.partition("=")[2])]
    return [part for part in parts if len(part) >= MIN_SECRET]


def _last_line(text: str, secrets: list[str]) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return in_one_line(mask(lines[-1], secrets)) if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
