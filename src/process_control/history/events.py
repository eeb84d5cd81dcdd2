"""The journal's events as they are on the disk, day by day: every start, skip, end, stop, refusal, mail and change.

The index (`index.py`) answers questions about runs; here is everything, read once through, compressed days too.
"""

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from process_control.history import journal
from process_control.history.packed_day import decompressed
from process_control.json_text import decode
from process_control.system.plain_file import open_plain

BLOCK_BYTES = 1 << 20

Record = dict[str, object]


def records(state_directory: str, *, since: str = "", needle: bytes = b"") -> Iterator[Record]:
    """Yield the records of the days from `since` on (ISO 8601; all without), in the journal's order.

    Only lines with `needle` in them are read. What cannot be read is passed over.
    """
    for name in _days(state_directory):
        if name[:10] >= since[:10]:
            yield from _records_of_day(state_directory, name, needle)


def newest(
    state_directory: str,
    *,
    since: str = "",
    until: str = "~",
    jobs: Collection[str] | None = None,
    events: Collection[str] | None = None,
    count: int | None = None,
) -> list[Record]:
    """Return the events from `since` to `until`, at most `count` of the newest, in the order of their times.

    `jobs` are slugs, `events` kinds; None is all of them.
    """

    def is_wanted(record: Record) -> bool:
        at = record.get("at")
        return (
            isinstance(at, str)
            and since <= at <= until
            and (jobs is None or record.get("job") in jobs)
            and (events is None or record.get("event") in events)
        )

    found: list[Record] = []
    for name in reversed(_days(state_directory)):
        if name[:10] < since[:10] or (count is not None and len(found) >= count):
            break
        of_day = _records_of_day(state_directory, name, b"")
        found += [record for record in of_day if is_wanted(record)]
    found.sort(key=_at)
    return found if count is None else found[max(0, len(found) - count) :]


def _at(record: Record) -> str:
    return str(record["at"])


def _days(state_directory: str) -> list[str]:
    """Return the names of the journal's files, oldest first; a compressed day before what came later for it."""
    try:
        names = os.listdir(journal.directory(state_directory))
    except FileNotFoundError:
        return []
    days = [name for name in names if name.endswith((".jsonl", ".jsonl.gz"))]
    return sorted(days, key=lambda name: (name.partition(".")[0], not name.endswith(".gz")))


def _records_of_day(state_directory: str, name: str, needle: bytes) -> Iterator[Record]:
    path = Path(journal.directory(state_directory)) / name
    read: Callable[[str], Iterator[bytes | None]] = decompressed if name.endswith(".gz") else _blocks
    try:
        for line in _lines(read(str(path))):
            if needle in line and (record := _record(line)) is not None:
                yield record
    except FileNotFoundError:  # compressed or removed by retention since it was listed
        return


def _blocks(path: str) -> Iterator[bytes | None]:
    with open_plain(path) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _lines(blocks: Iterator[bytes | None]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        if block is None:
            continue
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def _record(line: bytes) -> Record | None:
    text = line.strip(b" \0\r")
    if not text:
        return None
    try:
        value = decode(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("event"), str) else None
