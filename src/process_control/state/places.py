"""Who holds the places of a pool or of the host, and which start of a job waits for one: notes in the lock files.

Lean module, loaded for jobs with a pool and hosts with `max_concurrent`. Only the locks count: a note says who took
one, and stays when it was let go.
"""

import posix

from process_control.core import layout
from process_control.state.block import Identity, runner_lives_here
from process_control.system import proc
from process_control.system.json_text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Note = dict[str, object]
_MAX_BYTES = 4096


def names_of_places(pool: "str | None", places: int) -> "list[str]":
    """Return the names of the locks of a pool, or for None of the host."""
    if pool is None:
        return [layout.host_place(number) for number in range(1, places + 1)]
    return [layout.pool_place(pool, number) for number in range(1, places + 1)]


def write_note(descriptor: int, note: Note) -> None:
    """Write into a lock file who holds it. Never raises: the lock is held whatever it says."""
    line = f"{encode(note)}\n".encode("ascii")
    try:
        posix.pwrite(descriptor, line, 0)
        posix.ftruncate(descriptor, len(line))
    except OSError:
        pass


def read_note(run_directory: str, name: str) -> "Note | None":
    """Return who took the lock last; None when nobody did, or it is being written."""
    line = proc.read_small(layout.lock(run_directory, name), _MAX_BYTES).partition(b"\n")[0]
    try:
        note = decode(line.decode("utf-8", "replace"))
    except ValueError:
        return None
    return note if isinstance(note, dict) and isinstance(note.get("job"), str) else None


def holders(run_directory: str, names: "Iterable[str]", identity: Identity) -> "list[Note]":
    """Return the notes of the places that are held now. `left` in one: its run is over, but left processes behind."""
    found, inodes = [], None
    for name in names:
        note = read_note(run_directory, name)
        if note is None:
            continue
        if runner_lives_here(note, identity):
            found.append(note)
            continue
        if inodes is None:
            from process_control.system.lock_waiters import locked_inodes

            inodes = locked_inodes()
        if _inode(layout.lock(run_directory, name)) in inodes:
            found.append({**note, "left": True})
    return found


def names_of(notes: "Sequence[Note]", *, with_runs: bool = False) -> "list[str]":
    """Return who holds the places, for people: `a`, or `a (run 01k… since …)`."""
    found = []
    for note in notes:
        what = f"{'processes left by ' if note.get('left') else ''}run {note.get('run_id')} since {note.get('at')}"
        is_long = with_runs or note.get("left")
        found.append(f"{note['job']} ({what})" if is_long else str(note["job"]))
    return found


def waiting_start(run_directory: str, slug: str, identity: Identity) -> "Note | None":
    """Return the scheduled start of the job that waits for a place; `pool` in it is None for one on the host."""
    note = read_note(run_directory, layout.waiting_start(slug))
    return note if note is not None and not note.get("over") and runner_lives_here(note, identity) else None


def _inode(path: str) -> int:
    try:
        return posix.stat(path).st_ino
    except OSError:
        return 0
