"""Read the blocks and healths of thousands of jobs quickly. `block` reads those of one job."""

import os
from typing import Any, Self

from process_control.core import layout
from process_control.core.gate import STATES
from process_control.state.block import BLOCK_BYTES, Block, read_block, read_mark, run_in, runner_is_alive, slot_in
from process_control.system.json_text import decode

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_HEALTH = 1 << 16
_PAGE = 4096
#: Cannot occur inside of a JSON string, where its quotes would be escaped.
_HAS_ENDED = b'"end":{'


class AllJobs:
    """The jobs of a state directory, as a context manager. A job without files there has never run."""

    def __init__(self, state_directory: str) -> None:
        self._jobs = -1
        self._fault: str | None = None
        self._state_directory = state_directory
        self._refusals = _names(layout.refusals(state_directory))
        try:
            self._jobs = os.open(layout.jobs(state_directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            pass  # no job has run yet
        except OSError as error:
            self._fault = error.strerror

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._jobs >= 0:
            os.close(self._jobs)

    def health(self, slug: str) -> bytes | None:
        """Return the text of the health; None when there is no file. Raises ValueError when it cannot be read."""
        if self._fault is not None:
            raise ValueError(self._fault)
        if self._jobs < 0:
            return None
        try:
            return self._read(f"{slug}/{layout.HEALTH}", _MAX_HEALTH)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(error.strerror) from error

    def slot_and_running(self, slug: str) -> tuple[int | None, dict[str, Any] | None]:
        """Return the last slot (UTC seconds) that had its run or its skip, and the run in progress, by the block."""
        if self._jobs < 0:
            return None, None
        try:
            content = self._read(f"{slug}/{layout.BLOCK}", BLOCK_BYTES)
        except OSError:
            return None, None
        if _HAS_ENDED in content:
            return slot_in(content), None
        run = run_in(content)
        if run is None or run.get("end") is not None or not runner_is_alive(run):
            return slot_in(content), None
        return slot_in(content), run

    def mark(self, slug: str, name: str) -> dict[str, Any] | None:
        """Return a small record beside the block, see `block.read_mark`; None when there is none."""
        if self._jobs < 0:
            return None
        try:
            value = decode(self._read(f"{slug}/{name}.json", _PAGE).decode("utf-8", "replace"))
        except (OSError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def refusal(self, slug: str) -> dict[str, Any] | None:
        """Return the record of the job's last refused start; None when there is none."""
        if f"{slug}.json" not in self._refusals:
            return None
        return read_mark(layout.refusal(self._state_directory, slug))

    def _read(self, path: str, most: int) -> bytes:
        descriptor = os.open(path, _READ, dir_fd=self._jobs)
        try:
            first = os.read(descriptor, _PAGE)  # nearly always all of it; a larger buffer costs more than the file
            return first if len(first) < _PAGE or most == _PAGE else first + os.read(descriptor, most - _PAGE)
        finally:
            os.close(descriptor)


def _names(directory: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))
    except OSError:
        return frozenset()


def live_blocks(state_directory: str) -> list[Block]:
    """Return the blocks of all runs in progress."""
    blocks = [live_block(state_directory, slug) for slug in _names(layout.jobs(state_directory))]
    return [block for block in blocks if block is not None]


def live_block(state_directory: str, slug: str) -> Block | None:
    """Return the block of the job's run in progress, or None."""
    block = read_block(state_directory, slug)
    return block if block is not None and block.get("end") is None and runner_is_alive(block) else None


def health_record(text: bytes) -> dict[str, Any]:
    """Return the health in a text. Raises ValueError when it is invalid."""
    value = decode(text.decode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("not a record")
    if value.get("state") not in STATES:
        raise ValueError("not a health record")
    return value
