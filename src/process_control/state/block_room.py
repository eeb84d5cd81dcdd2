"""A run that is too long for its block, made to fit: whole values are left out or cut, never the text of the record.

Lean module, imported only for a run that does not fit as it is. The journal has all of it. What the safety of the next
start needs stays whole: who runs, since which boot, under which lock, in which control group, and how it ended.
"""

from process_control.core.records import fields_of_run_and_end
from process_control.errors import CannotRecord
from process_control.state.block import END_BYTES, Block
from process_control.system.json_text import encode

MAX_LEFT = 20
_WHOLE = ("run_id", "job", "lock", "trigger", "scheduled_at", "started_at", "host", "version", "boot_id", "pid_ns")
_PATHS = ("log", "cgroup")
_MAX_WORDS = (300, 100, 40)


def fitted(run: Block, room: int) -> bytes:
    """Return the record of `run` in at most `room` bytes. Raises CannotRecord (74) when even the least does not fit."""
    end = run.get("end")
    if isinstance(end, dict):
        twice = fields_of_run_and_end()  # the run alone says it
        end = {name: value for name, value in end.items() if name not in twice or value != run.get(name)}
    else:
        room -= END_BYTES
    for longest in _MAX_WORDS:
        short = _shortened(run, end, longest)
        text = encode(short).encode("ascii")
        if len(text) <= room:
            return text
    text = encode({**short, "log": None}).encode("ascii")  # the start in the journal says where it is
    if len(text) <= room:
        return text
    raise CannotRecord(
        f"the record of a run takes {len(text)} bytes of the job's block, which has room for {room}",
        hint="shorten the path of its control group, or the name of this host",
    )


def _shortened(run: Block, end: object, longest: int) -> Block:
    short: Block = {}
    for name, value in run.items():
        if name == "end" and isinstance(end, dict):
            short[name] = {key: _short(of_end, longest) for key, of_end in end.items()}
        elif name == "left" and isinstance(value, list):
            short[name] = value[:MAX_LEFT]
        else:
            short[name] = value if name in _WHOLE or name in _PATHS else _short(value, longest)
    return short


def _short(value: object, longest: int) -> object:
    """Return a value that takes little room: a text cut, nothing of what is made of others."""
    if isinstance(value, str):
        return cut(value, longest)
    if isinstance(value, (list, tuple)):
        return []
    return None if isinstance(value, dict) else value


def cut(text: str, longest: int) -> str:
    """Return the beginning of `text` that takes at most `longest` bytes as JSON, an ellipsis at its end if it was cut.

    Measured as it is written: one character may take twelve bytes.
    """
    room = longest - len(encode("…"))
    for place, char in enumerate(text):
        room -= len(encode(char)) - 2
        if room < 0:
            return text if len(encode(text)) - 2 <= longest else f"{text[:place]}…"
    return text
