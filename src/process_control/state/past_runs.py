"""The index of past runs, opened with what it needs to know of runs that have not ended: the blocks of their jobs."""

from collections.abc import Callable

from process_control.history.index.index import Index
from process_control.state.block import read_block, runner_is_alive


def open_index(state_directory: str, *, progress: Callable[[int, int], None] | None = None) -> Index:
    """Return the open index. `progress` is called while it is built, with the bytes that are done and all there are."""
    return Index.open(state_directory, read_block=read_block, runner_is_alive=runner_is_alive, progress=progress)
