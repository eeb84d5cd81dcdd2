"""Reads the journal's events from its files, day by day, compressed days too.

Runs are found faster in the index (`history/index/index.py`); here are all events.

Lean module, imported by a start that cannot trust its block.
"""

import posix

from process_control.core import layout
from process_control.system.clock import iso
from process_control.system.json_text import decode, encode
from process_control.system.plain_file import open_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

BLOCK_BYTES = 1 << 20
MARGIN_SECONDS = 3600

Record = dict[str, object]


def records(state_directory: str, *, since: str = "", needle: bytes = b"") -> "Iterator[Record]":
    """Yield the records of the days from `since` on (ISO 8601; empty: all), in the journal's order.

    Only lines that contain `needle` are parsed. Lines that are no records are ignored. Raises OSError.
    """
    names = _days(state_directory)
    for name in names:
        if name[:10] >= since[:10]:
            yield from _records_of_day(state_directory, name, needle, names)


def newest(
    state_directory: str,
    *,
    since: str = "",
    until: str = "~",
    jobs: "Collection[str] | None" = None,
    events: "Collection[str] | None" = None,
    count: int | None = None,
) -> list[Record]:
    """Return the newest `count` events from `since` to `until` (ISO 8601), sorted by time.

    `jobs` are slugs, `events` those of `core.records.EVENTS`; None: all of them.
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
    names = _days(state_directory)
    for name in reversed(names):
        if name[:10] < since[:10] or (count is not None and len(found) >= count):
            break
        of_day = _records_of_day(state_directory, name, b"", names)
        found += [record for record in of_day if is_wanted(record)]
    found.sort(key=_at)
    return found if count is None else found[max(0, len(found) - count) :]


def next_slot(state_directory: str, *, job: str, since: int) -> int | None:
    """Return the first planned time of `job` from `since` on with a run or a skip, in UTC seconds; None: none has."""
    begin = iso(since)
    slots = {
        slot
        for record in _in_doubt(state_directory, since=begin, needle=f'"job":{encode(job)}')
        if record.get("job") == job and isinstance(slot := claimed_slot(record), str) and slot >= begin
    }
    return next((seconds for slot in sorted(slots) if (seconds := _seconds(slot)) is not None), None)


def newest_slot(state_directory: str, *, job: str, since: int) -> int | None:
    """Return the same as `next_slot`, faster for a recent `since`: the journal is read from its end back to `since`.

    Right unless the clock went back by more than MARGIN_SECONDS.
    """
    begin, slots = iso(since), []
    for record in backwards(
        state_directory, since=begin, needle=f'"job":{encode(job)}', not_before=iso(since - MARGIN_SECONDS)
    ):
        slot = claimed_slot(record)
        if record.get("job") == job and isinstance(slot, str) and slot >= begin:
            slots.append(slot)
    return next((seconds for slot in sorted(slots) if (seconds := _seconds(slot)) is not None), None)


def claimed_slot(record: Record) -> object:
    """Return the planned time that a record claims; None of a start that the scheduler has only held back."""
    if record.get("event") == "waiting" and "run_id" not in record:
        return None
    return record.get("scheduled_at")


def _seconds(moment: str) -> int | None:
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except (ValueError, OverflowError):
        return None


def of_days(state_directory: str, days: "Collection[str]", *, needle: str) -> "Iterator[Record]":
    """Yield the records of these days (YYYY-MM-DD) whose lines contain `needle`. A day without a file is ignored."""
    names = _days(state_directory)
    for name in names:
        if name[:10] in days:
            yield from _records_of_day(state_directory, name, needle.encode("ascii"), names)


def event_of_run(state_directory: str, *, event: str, run_id: str, since: str) -> Record | None:
    """Return the record of `event` of this run from the days since `since` (ISO 8601); None: there is none.

    The journal is read from its end back to the start of the run.
    """
    for record in backwards(state_directory, since=since, needle=f'"run_id":{encode(run_id)}'):
        if record.get("run_id") == run_id:
            if record["event"] == event:
                return record
            if record["event"] == "start":
                return None
    return None


def backwards(state_directory: str, *, since: str = "", needle: str = "", not_before: str = "") -> "Iterator[Record]":
    """Yield the records of the days from `since` on (ISO 8601; empty: all), the newest first, a block at a time.

    Only lines that contain `needle` are parsed. No further block is read once one begins before `not_before`. A day
    that cannot be read is ignored, so that a start does not fail.
    """
    try:
        days = [name for name in _days(state_directory) if name[:10] >= since[:10]]
    except OSError:
        return
    for name in reversed(days):
        for place in _places_of(name, days):
            try:
                for lines in _blocks_backwards(layout.journal_file(state_directory, place), needle.encode("ascii")):
                    yield from [record for line in lines if (record := record_of_line(line)) is not None]
                    if not_before and lines and _began_before(lines[-1], not_before):
                        return
            except FileNotFoundError:
                continue
            except OSError:
                pass
            break


def _began_before(line: bytes, moment: str) -> bool:
    """Return whether a line was written before `moment`; False for a line that is no record."""
    record = record_of_line(line)
    return record is not None and str(record.get("at") or "~") < moment


def _blocks_backwards(path: str, needle: bytes) -> "Iterator[list[bytes]]":
    """Yield lists of the lines of a day that contain `needle`, last line first. The last of each list may lack it."""
    if path.endswith(".gz"):
        from process_control.history.compressed_day import decompressed

        yield [line for line in _lines(decompressed(path)) if needle in line][::-1]
        return
    with open_plain(path) as file:
        end, rest = file.seek(0, 2), b""
        while end:
            begin = max(0, end - BLOCK_BYTES)
            file.seek(begin)
            first, *lines = (file.read(end - begin) + rest).split(b"\n")
            end, rest = begin, first
            if not end:
                lines.insert(0, first)
            if lines:
                yield [line for line in lines[:0:-1] if needle in line] + lines[:1]


def _in_doubt(state_directory: str, *, since: str, needle: str) -> "Iterator[Record]":
    """Yield as `records` does, but ignore a day that cannot be read, so that a start does not fail."""
    try:
        days = [name for name in _days(state_directory) if name[:10] >= since[:10]]
    except OSError:
        return
    for name in days:
        try:
            yield from _records_of_day(state_directory, name, needle.encode("ascii"), days)
        except OSError:
            continue


def _at(record: Record) -> str:
    return str(record["at"])


def _days(state_directory: str) -> list[str]:
    """Return the names of the journal's files, oldest first; a compressed file before the later lines of its day."""
    try:
        names = posix.listdir(layout.journal(state_directory))
    except FileNotFoundError:
        return []
    days = [name for name in names if name.endswith(layout.DAYS)]
    return sorted(days, key=lambda name: (name.partition(".")[0], not name.endswith(".gz")))


def _places_of(name: str, names: "Collection[str]") -> "list[str]":
    """Return where the lines of a day's file are: it may have been compressed since the `names` were listed."""
    packed = f"{name}.gz"
    return [name] if name.endswith(".gz") or packed in names else [name, packed]


def _records_of_day(state_directory: str, name: str, needle: bytes, names: "Collection[str]") -> "Iterator[Record]":
    for place in _places_of(name, names):
        try:
            for line in _lines_of_day(state_directory, place):
                if needle in line and (record := record_of_line(line)) is not None:
                    yield record
        except FileNotFoundError:  # compressed, or removed by retention
            continue
        return


def _lines_of_day(state_directory: str, name: str) -> "Iterator[bytes]":
    read: Callable[[str], Iterator[bytes | None]] = _blocks
    if name.endswith(".gz"):
        from process_control.history.compressed_day import decompressed

        read = decompressed
    return _lines(read(layout.journal_file(state_directory, name)))


def _blocks(path: str) -> "Iterator[bytes | None]":
    with open_plain(path) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _lines(blocks: "Iterator[bytes | None]") -> "Iterator[bytes]":
    rest = b""
    for block in blocks:
        if block is None:
            continue
        *lines, rest = (rest + block).split(b"\n")
        yield from lines
    yield rest


def record_of_line(line: bytes) -> Record | None:
    """Return the record of a line of the journal; None for what is no record."""
    text = line.strip(b" \0\r")
    if not text:
        return None
    try:
        value = decode(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("event"), str) else None
