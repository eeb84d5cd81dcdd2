"""A job with the longest name that there may be, and runs of it with very much output, as its runs would leave them."""

from datetime import datetime, timedelta
from pathlib import Path

from kit.builders import State

LONGEST = "copy-the-orders-of-the-warehouse-in-the-north-to-the-second-site"
LINES, LINE_BYTES = 10_000, 1 << 20


def add_long_output(directory: Path, now: datetime) -> tuple[str, str]:
    """Add the job to a shop; return its runs: one of ten thousand lines, one with a line of a megabyte."""
    state = State(directory / "state", logs=directory / "log")
    path = directory / "jobs" / f"{LONGEST}.yaml"
    path.write_text(
        f"name: Copy orders\ncommand: /bin/true\nschedule: '12 * * * *'\nowner: warehouse\ntags: [{LONGEST}]\n"
    )
    path.chmod(0o644)
    lines = [
        (number / 100, "e" if number % 977 == 976 else "o", f"order {4711 * number % 99991:>5} copied\n".encode())
        for number in range(LINES)
    ]
    item = b'{"id": 4711, "state": "shipped"}, '
    line = b'{"orders": [' + item * (LINE_BYTES // len(item)) + b"]}\n"
    long_line = [(0.1, "o", b"asking for the orders of today\n"), (0.9, "o", line), (1.2, "e", b"it is no JSON\n")]
    return _run(state, now - timedelta(hours=2), lines), _run(state, now - timedelta(hours=1), long_line)


def _run(state: State, at: datetime, chunks: list[tuple[float, str, bytes]]) -> str:
    log = state.log(LONGEST, *chunks, at=at)
    printed = {
        f"std{name}_bytes": sum(len(data) for _, stream, data in chunks if stream == name[0]) for name in ("out", "err")
    }
    return state.failure(LONGEST, at, log=log, seconds=chunks[-1][0], **printed)
