"""Open the index of past runs, with the blocks of all jobs for runs in progress."""

from collections.abc import Callable

from process_control.history.index.index import Index
from process_control.state.block import read_block, runner_is_alive


def open_index(state_directory: str, *, progress: Callable[[int, int], None] | None = None) -> Index:
    """Return the open index. `progress(done, total)` is called with numbers of bytes while it is built."""
    return Index.open(state_directory, read_block=read_block, runner_is_alive=runner_is_alive, progress=progress)
