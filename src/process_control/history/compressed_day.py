"""Compressed days of the journal: `<day>.jsonl.gz`, one gzip member (RFC 1952) or several."""

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress

from process_control.system.atomic_file import sync_directory
from process_control.system.plain_file import open_plain

BLOCK_BYTES = 256 << 10


def decompressed(path: str) -> Iterator[bytes | None]:
    """Yield the decompressed blocks of all members of the file; None at the end if it is torn or damaged.

    No block is larger than 256 KiB, however well it was compressed. Raises OSError.
    """
    member = zlib.decompressobj(wbits=31)
    begun = False
    with open_plain(path) as file:
        while packed := file.read(BLOCK_BYTES):
            while packed:
                before = member.copy()
                try:
                    yield member.decompress(packed, BLOCK_BYTES)
                except zlib.error:
                    yield from _up_to_the_fault(before, packed)
                    yield None
                    return
                begun, packed = not member.eof, member.unused_data or member.unconsumed_tail
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
    if begun:
        yield None


def _up_to_the_fault(member: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Yield what comes before the damage: a call of `decompress` that fails returns nothing of it."""
    for place in range(len(packed)):
        try:
            text = member.decompress(packed[place : place + 1])
        except zlib.error:
            return
        if text:
            yield text


def compress(path: str) -> None:
    """Compress a day of the journal to `<path>.gz` and remove it; at every moment one of them has all lines.

    Lines that were written after an earlier compression (the clock was set back) become a second member. Lines that
    are in it already (we were killed between the two steps) are not added twice. Raises OSError.
    """
    size = os.stat(path).st_size
    packed, new = f"{path}.gz", f"{path}.gz.new"
    if size and not ends_with(packed, path):
        with suppress(FileNotFoundError):
            os.unlink(new)
        try:
            _write(path, packed, new)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(new)
            raise
        os.rename(new, packed)
        sync_directory(os.path.dirname(path))
    if os.stat(path).st_size == size:  # else somebody wrote just now: next time
        os.unlink(path)


def _write(path: str, packed: str, new: str) -> None:
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with open(handle, "wb") as target:
        if os.path.exists(packed):
            target.writelines(_member(block for block in decompressed(packed) if block))
        with open(path, "rb") as plain:
            target.writelines(_member(iter(lambda: plain.read(BLOCK_BYTES), b"")))
        target.flush()
        os.fsync(target.fileno())


def _member(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield one gzip member, without name and time: the same lines give the same bytes."""
    member = zlib.compressobj(wbits=31)
    for block in blocks:
        yield member.compress(block)
    yield member.flush()


def ends_with(packed: str, path: str) -> bool:
    """Return whether the last lines in the compressed file are those of the plain one."""
    if not os.path.exists(packed):
        return False
    with open(path, "rb") as file:
        plain = file.read()
    tail = b""
    for block in decompressed(packed):
        if block is None:  # torn: written anew
            return False
        tail = (tail + block)[-len(plain) :]
    return tail == plain
