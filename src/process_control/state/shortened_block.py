"""Shorten a run that is too long for its block: drop or cut single values, so that the record stays valid JSON.

Lean module, imported only for a run that does not fit. The journal has the whole run. Values that the safety of the
next start needs stay whole: process, boot, lock, control group and outcome.
"""

from process_control.core.records import fields_of_run_and_end
from process_control.errors import CannotRecord
from process_control.state.block import END_BYTES, Block
from process_control.system.json_text import encode

MAX_LEFT = 20
_WHOLE = ("run_id", "job", "lock", "trigger", "scheduled_at", "started_at", "host", "version", "boot_id", "pid_ns")
_PATHS = ("log", "cgroup")
_MAX_WORDS = (300, 100, 40)


def fitted(run: Block, space: int) -> bytes:
    """Return the record of `run` in at most `space` bytes. Raises CannotRecord (74) when the minimum does not fit."""
    end = run.get("end")
    if isinstance(end, dict):
        twice = fields_of_run_and_end()  # the end need not repeat them
        end = {name: value for name, value in end.items() if name not in twice or value != run.get(name)}
    else:
        space -= END_BYTES
    for longest in _MAX_WORDS:
        short = _shortened(run, end, longest)
        text = encode(short).encode("ascii")
        if len(text) <= space:
            return text
    text = encode({**short, "log": None}).encode("ascii")  # the start in the journal has the path
    if len(text) <= space:
        return text
    raise CannotRecord(
        f"the record of a run takes {len(text)} bytes of the job's block, which has room for {space}",
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
    """Return the value shortened: a text cut, a container dropped."""
    if isinstance(value, str):
        return cut(value, longest)
    if isinstance(value, (list, tuple)):
        return []
    return None if isinstance(value, dict) else value


def cut(text: str, longest: int) -> str:
    """Return the beginning of `text` that takes at most `longest` bytes as JSON, an ellipsis at its end if it was cut.

    Measured as it is written: one character may take twelve bytes.
    """
    space = longest - len(encode("…"))
    for place, char in enumerate(text):
        space -= len(encode(char)) - 2
        if space < 0:
            return text if len(encode(text)) - 2 <= longest else f"{text[:place]}…"
    return text
