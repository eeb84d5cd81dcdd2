"""Calls a function in a child, with a deadline: for I/O that may hang, so that the runner itself never hangs.

Lean module. The child closes every descriptor but that of its answer, so that a hanging child holds no lock. It is
killed at the deadline.
"""

import _signal
import posix
import select
import time

from process_control.errors import (
    BadConfiguration,
    CannotRecord,
    Fault,
    JobNotFound,
    NotPermitted,
    NotStarted,
    OwnFault,
    ProcessControlError,
    UsageError,
)
from process_control.system import linux, signals
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ANSWER_SECONDS = 5.0
MAX_ANSWER_BYTES = 64 << 20
_REAP_MILLISECONDS = 500
_KINDS: tuple[type[ProcessControlError], ...] = (
    BadConfiguration,
    CannotRecord,
    JobNotFound,
    NotPermitted,
    NotStarted,
    OwnFault,
    ProcessControlError,
    UsageError,
)


class NoAnswer(Exception):
    """The child did not answer in time, or with too many bytes."""


def ask(question: "Callable[[], Any]", *, seconds: float = ANSWER_SECONDS) -> "Any":
    """Return `question()`, called in a child that has `seconds` for it; the result must be plain JSON values.

    ProcessControlError and OSError of the child are raised here. Raises NoAnswer, and OSError if fork fails.
    """
    read_end, write_end = posix.pipe2(posix.O_CLOEXEC)
    try:
        child = posix.fork()
    except OSError:
        posix.close(read_end)
        posix.close(write_end)
        raise
    if child == 0:
        _answer_and_end(question, write_end)
    posix.close(write_end)
    try:
        text = _read_all(read_end, time.monotonic() + seconds)
    finally:
        posix.close(read_end)
        _end(child)
    if not text:
        raise NoAnswer(f"no answer within {seconds:g} s")
    return decode_answer(text)


def _read_all(descriptor: int, until: float) -> bytes:
    """Return everything that is written until the other end is closed; empty if that takes until `until`.

    Raises NoAnswer for more than MAX_ANSWER_BYTES.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    parts: list[bytes] = []
    left = MAX_ANSWER_BYTES
    while poll.poll(max(0, int((until - time.monotonic()) * 1000) + 1)):
        part = posix.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts)
        left -= len(part)
        if left < 0:
            raise NoAnswer(f"an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
        parts.append(part)
    return b""


def _end(child: int) -> None:
    """Reap the child; kill it first if it has not ended. If even that does not end it, it is not waited for."""
    if posix.waitpid(child, posix.WNOHANG)[0]:
        return
    handle = posix.pidfd_open(child)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    if not poll.poll(1):
        posix.kill(child, _signal.SIGKILL)
        poll.poll(_REAP_MILLISECONDS)
    posix.close(handle)
    posix.waitpid(child, posix.WNOHANG)


def _answer_and_end(question: "Callable[[], object]", answer: int) -> None:
    """Write the answer, and end, in the child. Never returns."""
    try:
        detach(answer)
        linux.set_parent_death_signal(_signal.SIGKILL)
        write_all(answer, encode_answer(question))
    finally:
        posix._exit(0)


def detach(*kept: int, ignored: "tuple[int, ...]" = ()) -> None:
    """Reset signals and close every descriptor but the standard ones and `kept`, in a forked child."""
    signals.let_go(ignored=ignored)
    first = 3
    for descriptor in sorted(kept):
        posix.closerange(first, descriptor)
        first = descriptor + 1
    posix.closerange(first, 1 << 20)


def encode_answer(question: "Callable[[], object]") -> bytes:
    """Call `question`; return its result or its exception as bytes for `decode_answer`."""
    try:
        reply: dict[str, object] = {"answer": question()}
    except ProcessControlError as error:
        faults = [[fault.what, fault.where, fault.hint] for fault in error.faults]
        reply = {"raised": type(error).__name__, "faults": faults}
    except OSError as error:
        reply = {"errno": error.errno or 0, "path": str(error.filename) if error.filename else None}
    except Exception as error:  # noqa: BLE001  whatever it is, it is no reason to wait
        reply = {"raised": "OwnFault", "faults": [[f"{type(error).__name__}: {error}", "", ""]]}
    return encode(reply).encode("ascii")


def decode_answer(text: bytes) -> "Any":
    """Return the result in `encode_answer`'s bytes, or raise the exception in them. Raises NoAnswer for other bytes."""
    reply = decode(text.decode("ascii"))
    if not isinstance(reply, dict):
        raise NoAnswer("an answer that cannot be read")
    if "answer" in reply:
        return reply["answer"]
    if "raised" in reply:
        kind = next((each for each in _KINDS if each.__name__ == reply["raised"]), ProcessControlError)
        raise kind(faults=[Fault(what, where=where, hint=hint) for what, where, hint in reply["faults"]])
    raise OSError(reply["errno"], posix.strerror(reply["errno"]), reply["path"])


def write_all(descriptor: int, data: "bytes | memoryview") -> None:
    written = 0
    while written < len(data):
        written += posix.write(descriptor, data[written:])
