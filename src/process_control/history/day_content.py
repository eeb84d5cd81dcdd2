"""A day of the journal as it was written, compressed or not, and the digests of its beginnings."""

import hashlib
import os
from collections.abc import Iterable, Iterator

from process_control.core import layout
from process_control.history.compressed_day import decompressed, ends_with
from process_control.system.plain_file import open_plain

BLOCK_BYTES = 1 << 20


def content(state_directory: str, day: str, *, plain_bytes: int | None = None) -> Iterator[bytes]:
    """Yield the blocks of a day: what was compressed, then what was written later, of that at most `plain_bytes`.

    Raises FileNotFoundError when the day is gone, OSError.
    """
    plain = layout.journal_day(state_directory, day)
    packed = f"{plain}.gz"
    if not os.path.exists(packed):
        yield from _plain(plain, plain_bytes)
        return
    yield from (block for block in decompressed(packed) if block)
    if os.path.exists(plain) and not ends_with(packed, plain):  # else it was killed before it removed the plain one
        yield from _plain(plain, plain_bytes)


def _plain(path: str, limit: int | None) -> Iterator[bytes]:
    with open_plain(path) as file:
        left = os.fstat(file.fileno()).st_size if limit is None else limit
        while left > 0 and (block := file.read(min(left, BLOCK_BYTES))):
            left -= len(block)
            yield block


def digests(blocks: Iterable[bytes], sizes: Iterable[int]) -> dict[int, str]:
    """Return the SHA-256 of the first bytes, for each of `sizes` that there are bytes for."""
    found: dict[int, str] = {}
    wanted = sorted(set(sizes), reverse=True)
    digest, done = hashlib.sha256(), 0
    for block in blocks:
        view = memoryview(block)
        while wanted and wanted[-1] <= done + len(view):
            size = wanted.pop()
            digest.update(view[: size - done])
            view, done = view[size - done :], size
            found[size] = digest.hexdigest()
        digest.update(view)
        done += len(view)
        if not wanted:
            break
    return found


def sealed_now(state_directory: str, day: str) -> tuple[int, str]:
    """Return the present size of a day and the SHA-256 of it. Raises OSError.

    Only what is on the disk is sealed: a power cut must not make a seal wrong.
    """
    with open_plain(layout.journal_day(state_directory, day)) as file:
        plain_bytes = os.fstat(file.fileno()).st_size
        os.fdatasync(file.fileno())
    digest, size = hashlib.sha256(), 0
    for block in content(state_directory, day, plain_bytes=plain_bytes):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
