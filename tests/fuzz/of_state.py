"""Readers of what runs leave behind: journal, compressed days, logs with their index, block and health."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from process_control.core.gate import STATES
from process_control.history import compressed_day, journal_reader
from process_control.history.log_reader import DROPPED, STDERR, STDOUT, last_lines, lines, raw
from process_control.state.block import BLOCK_BYTES, read_block, run_in, runner_is_alive, slot_in
from process_control.state.job_state import JobRecord
from process_control.state.past_runs import open_index
from process_control.system.json_text import decode, encode

DAY = "2026-03-10"
LATER_DAYS = ("2026-03-11", "2026-03-12")
"""There are later days, so that a torn end of the day is nothing that is still in the writing."""
SKIP = '{"event":"skip","run_id":"%s","job":"later","at":"%sT12:00:00.000Z","outcome":"skipped"}'
LATER_RECORDS = [json.loads(SKIP % (f"06a1bktzm0later{day[-2:]}", day)) for day in LATER_DAYS]
LATER_RUNS = {record["run_id"] for record in LATER_RECORDS}
REQUIRED = {
    "start": ("run_id", "job", "at"),
    "end": ("run_id", "job", "at", "started_at", "outcome"),
    "skip": ("run_id", "job", "at", "outcome"),
}
SLOT = 1_773_100_800
NEW_RUN: dict[str, object] = {"run_id": "06a1bktzm0new000", "job": "fuzz"}
LOG = b"".join(b"%d: what the job printed \xff\0\x1b[31m\n" % number for number in range(40)) + b"no newline"


# --- the journal -----------------------------------------------------------------------------------------------------


def _records(data: bytes) -> list[dict[str, Any]]:
    """Return the records that a reader of its own, the one of the standard library, finds in these lines."""
    found = []
    for line in data.split(b"\n"):
        try:
            record = json.loads(line.strip(b" \0\r").decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("event"), str):
            found.append(record)
    return found


def _is_a_run(record: dict[str, Any]) -> bool:
    """Whether it is a whole record of a run, as process-control writes them; half a surrogate is in none."""
    required = REQUIRED.get(record["event"])
    if required is None or not all(isinstance(record.get(name), str) for name in required):
        return False
    return all(_is_plain(record.get(name)) for name in record)


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() or all(not "\ud800" <= char <= "\udfff" for char in value)
    return value is None or (isinstance(value, int | float) and abs(value) < 2**53)


def journal_day(data: bytes, folder: Path) -> None:
    """Every intact record is read, by each of the readers, and nothing that no line says; damage is told."""
    _forget(folder)
    path = folder / "journal" / f"{DAY}.jsonl"
    path.write_bytes(data)
    _reads(data, folder, file=path.name)
    _is_found(data, folder)


def _reads(data: bytes, folder: Path, *, file: str) -> None:
    records = _records(data)
    # Bytes that are no text, in a field that the index does not keep, keep the run from nothing.
    readable = _records(data.decode("utf-8", "replace").encode())
    intact = [record for record in records if _is_a_run(record)]
    with open_index(str(folder)) as index:
        known = {run.run_id for run in index.runs()} - LATER_RUNS
        garbled = {each.file: each.lines for each in index.garbled()}
        json.dumps([run.to_json() for run in index.runs(limit=5)])
    assert known >= {record["run_id"] for record in intact}
    assert known <= {str(record.get("run_id")) for record in readable}
    written = [line for line in data.split(b"\n") if line.strip(b" \0\r")]
    assert garbled.get(file, 0) >= len(written) - len(readable)
    with open_index(str(folder)) as index:  # nothing new: the same answer from what was kept
        assert {run.run_id for run in index.runs()} == known | LATER_RUNS
        assert {each.file: each.lines for each in index.garbled()} == garbled
    read = list(journal_reader.records(str(folder)))
    assert [record for record in read if record in records] == records
    assert len(journal_reader.newest(str(folder), count=3)) <= 3


def _is_found(data: bytes, folder: Path) -> None:
    for record in _records(data)[:5]:
        if _is_a_run(record) and record["run_id"].isalnum():
            found = journal_reader.event_of_run(str(folder), event=record["event"], run_id=record["run_id"], since="")
            assert found is not None


def _forget(folder: Path) -> None:
    """Make a state directory of `folder` that knows only later days, with one run each."""
    (folder / "journal").mkdir(exist_ok=True)
    for path in [*folder.glob("history*"), *folder.glob("journal/*")]:
        path.unlink()
    for record in LATER_RECORDS:
        (folder / "journal" / f"{record['at'][:10]}.jsonl").write_text(f"\n{json.dumps(record)}")


def packed(data: bytes, folder: Path) -> None:
    """A compressed day is read as far as it goes, and told when that is not to its end; nothing is lost by adding."""
    _forget(folder)
    path = folder / "journal" / f"{DAY}.jsonl.gz"
    path.write_bytes(data)
    text, is_whole = _unpacked(data)

    blocks = list(compressed_day.decompressed(str(path)))
    assert b"".join(block for block in blocks if block) == text
    assert (None not in blocks) == is_whole
    assert max((len(block) for block in blocks if block), default=0) <= compressed_day.BLOCK_BYTES
    _reads(text, folder, file=path.name) if is_whole else _survives(text, folder)

    plain = path.with_suffix("")
    more = f"\n{SKIP % ('06a1bktzm0more00', DAY)}".encode()
    plain.write_bytes(more)
    compressed_day.compress(str(plain))
    assert gzip.decompress(path.read_bytes()) == text + more
    assert not plain.exists()


def _survives(text: bytes, folder: Path) -> None:
    whole_lines = text.rpartition(b"\n")[0]
    with open_index(str(folder)) as index:
        known = {run.run_id for run in index.runs()}
        assert index.garbled()
    assert known >= {record["run_id"] for record in _records(whole_lines) if _is_a_run(record)}


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    """Return what of the gzip members can be read, byte by byte, and whether that was all."""
    text, member, begun = b"", zlib.decompressobj(wbits=31), False
    for position in range(len(data)):
        try:
            text += member.decompress(data[position : position + 1])
        except zlib.error:
            return text, False
        begun = not member.eof
        if member.eof:
            member = zlib.decompressobj(wbits=31)
    return text, not begun


# --- logs ------------------------------------------------------------------------------------------------------------


def log_index(data: bytes, folder: Path) -> None:
    """Whatever the index says, every byte of the log is shown, once; each stream in the order of its bytes."""
    log = folder / "run.log"
    log.write_bytes(LOG)
    Path(f"{log}.idx").write_bytes(data)

    shown = list(lines(str(log)))
    streams = {stream: b"".join(raw(str(log), [stream])) for stream in (STDOUT, STDERR)}

    assert b"".join(raw(str(log))) == LOG
    assert sum(map(len, streams.values())) == len(LOG)
    for stream, whole in streams.items():
        text = b"".join(line.text + b"\n" * line.ends for line in shown if line.stream == stream)
        assert text == whole
    assert all(line.dropped > 0 or line.text == b"" for line in shown if line.stream == DROPPED)
    assert last_lines(str(log), 5) == shown[-5:]
    assert last_lines(str(log), 10_000) == shown


# --- block and health ------------------------------------------------------------------------------------------------


def block(data: bytes, folder: Path) -> None:
    """A run with an id or none; the next run writes over whatever was there."""
    directory = folder / "jobs" / "fuzz"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "block").write_bytes(data)

    run = read_block(str(folder), "fuzz")
    slot = slot_in(data[:BLOCK_BYTES])
    assert run_in(data[:BLOCK_BYTES]) == run
    if run is not None:
        assert isinstance(run["run_id"], str)
        assert runner_is_alive(run) in (True, False)
    job = JobRecord(str(folder), "fuzz")
    job.open()
    try:
        assert job.previous_run() in (run, None)
        # A block that is too short is made anew: then the journal is asked, which here knows of no slot.
        assert job.claim_slot(SLOT, pid_start=1, boot_id="") == (slot != SLOT or len(data) < BLOCK_BYTES)
        job.write_run(NEW_RUN)
    finally:
        job.close()
    content = (directory / "block").read_bytes()
    assert (slot_in(content), run_in(content)) == (SLOT, NEW_RUN)


def health(data: bytes, folder: Path) -> None:
    """A health that is known, or the word that it cannot be understood; never another state."""
    directory = folder / "jobs" / "fuzz"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "health.json").write_bytes(data)
    job = JobRecord(str(folder), "fuzz")
    try:
        value = job.read_health()
    except ValueError:
        return
    assert value is not None
    assert value["state"] in STATES
    assert json.loads(data[: 1 << 16].decode("utf-8", "replace"), parse_constant=float)["state"] == value["state"]


def json_text(data: bytes, folder: Path) -> None:
    """The small JSON reader of the lean modules agrees with the one of the standard library."""
    text = data.decode("utf-8", "replace").strip(" \t\r\n")
    try:
        expected = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        expected = ValueError
    try:
        found = decode(text)
    except ValueError:
        found = ValueError
    assert found == expected
    if found is not ValueError and "Infinity" not in repr(found) and "inf" not in repr(found):
        assert decode(encode(found)) == found


def _refuse(word: str) -> None:
    raise ValueError(word)


CHECKS = {
    "journal": journal_day,
    "packed-day": packed,
    "log-index": log_index,
    "block": block,
    "health": health,
    "json": json_text,
}
