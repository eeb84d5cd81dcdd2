"""Ask a child, with a deadline: for what looks at a path that may hang, so that whoever keeps the limits never does.

Lean module. The child closes every descriptor but its answer, so that one that hangs holds no lock; it is killed when
the deadline comes.
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
)
from process_control.system import linux, signals
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ANSWER_SECONDS = 5.0
_REAP_MILLISECONDS = 500
_KINDS: tuple[type[ProcessControlError], ...] = (
    BadConfiguration,
    CannotRecord,
    JobNotFound,
    NotPermitted,
    NotStarted,
    OwnFault,
    ProcessControlError,
)


class NoAnswer(Exception):
    """The child did not answer in time; it says so in words."""


def ask(question: "Callable[[], Any]", *, seconds: float = ANSWER_SECONDS) -> "Any":
    """Return what `question` returns (plain JSON), asked in a child that has `seconds` for it.

    What it raises of ours, and OSError, is raised here too. Raises NoAnswer, and OSError when no child can be made.
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
    return answer_in(text)


def _read_all(descriptor: int, until: float) -> bytes:
    """Return all that is written there before it is closed; nothing when that takes longer."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    parts: list[bytes] = []
    while poll.poll(max(0, int((until - time.monotonic()) * 1000) + 1)):
        part = posix.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return b""


def _end(child: int) -> None:
    """Reap the child; one that has not ended is killed. What not even that ends is left to whoever waits for all."""
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
    """In the child: never returns."""
    try:
        be_apart(answer)
        linux.set_parent_death_signal(_signal.SIGKILL)
        write_all(answer, answer_of(question))
    finally:
        posix._exit(0)


def be_apart(*kept: int, ignored: "tuple[int, ...]" = ()) -> None:
    """In a forked copy of us: let go of our signals and of every descriptor but the standard ones and `kept`."""
    signals.let_go(ignored=ignored)
    first = 3
    for descriptor in sorted(kept):
        posix.closerange(first, descriptor)
        first = descriptor + 1
    posix.closerange(first, 1 << 20)


def answer_of(question: "Callable[[], object]") -> bytes:
    """Return what was answered or raised, as `answer_in` understands it."""
    try:
        said: dict[str, object] = {"answer": question()}
    except ProcessControlError as error:
        faults = [[fault.what, fault.where, fault.hint] for fault in error.faults]
        said = {"raised": type(error).__name__, "faults": faults}
    except OSError as error:
        said = {"errno": error.errno or 0, "path": str(error.filename) if error.filename else None}
    except Exception as error:  # noqa: BLE001  whatever it is, it is no reason to wait
        said = {"raised": "OwnFault", "faults": [[f"{type(error).__name__}: {error}", "", ""]]}
    return encode(said).encode("ascii")


def answer_in(text: bytes) -> "Any":
    """Return the answer, or raise what was raised in its place."""
    said = decode(text.decode("ascii"))
    if not isinstance(said, dict):
        raise NoAnswer("an answer that cannot be read")
    if "answer" in said:
        return said["answer"]
    if "raised" in said:
        kind = next((each for each in _KINDS if each.__name__ == said["raised"]), ProcessControlError)
        raise kind(faults=[Fault(what, where=where, hint=hint) for what, where, hint in said["faults"]])
    raise OSError(said["errno"], posix.strerror(said["errno"]), said["path"])


def write_all(descriptor: int, data: "bytes | memoryview") -> None:
    written = 0
    while written < len(data):
        written += posix.write(descriptor, data[written:])
