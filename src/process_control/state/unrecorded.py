"""Refused starts that the journal could not take, on a full disk above all: noted in place, in the block of the job.

Lean module, loaded only then. The block has its space on the disk already.
"""

import posix

from process_control.core import layout
from process_control.state.block import BLOCK_BYTES, RUN_AT, run_in
from process_control.system import proc
from process_control.system.json_text import decode, encode

#: Behind slot and claims.
NOTE_AT = 192
MAX_WHAT = 160
KEYS = ("from", "until", "what")
_FLAGS = posix.O_RDWR | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC


def note(state_directory: str, slug: str, *, at: str, what: str) -> None:
    """Note a refused start (`at`: ISO 8601). Those of a job without a run in between are one note. Never raises."""
    try:
        descriptor = posix.open(layout.block(state_directory, slug), _FLAGS)
    except OSError:
        return
    try:
        content = posix.pread(descriptor, BLOCK_BYTES, 0)
        known, last = _note_in(content), (run_in(content) or {}).get("started_at")
        goes_on = known is not None and not (isinstance(last, str) and last > known["until"])
        values = {"from": known["from"] if goes_on and known is not None else at, "until": at, "what": what[:MAX_WHAT]}
        line = encode(values).encode("ascii")
        if len(content) == BLOCK_BYTES and len(line) <= RUN_AT - NOTE_AT:
            posix.pwrite(descriptor, line.ljust(RUN_AT - NOTE_AT), NOTE_AT)
    except OSError:
        pass
    finally:
        posix.close(descriptor)


def read_note(state_directory: str, slug: str) -> dict[str, str] | None:
    """Return when the first and the last such start of a job were refused (`from`, `until`), and why (`what`)."""
    try:
        return _note_in(proc.read_small(layout.block(state_directory, slug), BLOCK_BYTES))
    except (OSError, ValueError):
        return None


def _note_in(content: bytes) -> dict[str, str] | None:
    text = content[NOTE_AT:RUN_AT].strip(b"\0 ")
    if not text:
        return None
    try:
        value = decode(text.decode("ascii"))
    except ValueError:
        return None
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in KEYS):
        return None
    return {key: str(value[key]) for key in KEYS}
