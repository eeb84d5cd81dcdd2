"""What waits for a place in a pool or on the host, and who holds the places."""

import os
from collections.abc import Iterator

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.job import Job, is_slug
from process_control.core.places import place_in_words, taken_in_words, what_is_full
from process_control.state.block import Identity
from process_control.state.places import Note, holders, names_of, names_of_places, waiting_start
from process_control.state.scheduler_note import lives, read_note

_BEFORE, _AFTER = layout.lock("", layout.waiting_start("|")).removeprefix("/").split("|")


def waiting_starts(settings: Settings) -> dict[str, str]:
    """Return the jobs that have a start which waits for a place, or for its turn, each with that in words."""
    if not settings.pools and settings.max_concurrent is None and not _is_scheduled(settings):
        return {}
    try:
        names = os.listdir(settings.run_directory)
    except OSError:
        return {}
    identity, found = Identity(), {}
    for name in names:
        slug = name.removeprefix(_BEFORE).removesuffix(_AFTER)
        if name == f"{_BEFORE}{slug}{_AFTER}" and is_slug(slug):
            note = waiting_start(settings.run_directory, slug, identity)
            if note is not None:
                found[slug] = waiting_in_words(note, settings, identity)
    return found


def _is_scheduled(settings: Settings) -> bool:
    """Return whether a scheduler is alive, which holds starts back for their locks too."""
    note = read_note(settings.state_directory)
    return note is not None and note.ended_at is None and lives(note)


def waiting_in_words(note: Note, settings: Settings, identity: Identity) -> str:
    """Return `a start waits since … for a place in pool db: 4 of 4 taken by a, b, c, d`."""
    if isinstance(note.get("words"), str):  # of a start that the scheduler holds back
        return f"a start waits since {note.get('at')} for {note['words']}"
    pool = note.get("pool")
    pool = pool if isinstance(pool, str) else None
    taken = taken_in_words(_places(pool, settings), names_of(_holders(pool, settings, identity)))
    return f"a start waits since {note.get('at')} for {place_in_words(pool)}: {taken}"


def full_ones(job: Job, settings: Settings, identity: Identity) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what is full, by other jobs, of what the job needs a place in: key, in words, the jobs."""
    for pool, key in ((job.pool, "pool"), (None, "max_concurrent")):
        places = _places(pool, settings)
        if not places or (key == "pool" and pool is None):
            continue
        held = _holders(pool, settings, identity)
        if len(held) >= places and all(note["job"] != job.slug for note in held):
            jobs = list(dict.fromkeys(str(note["job"]) for note in held))
            yield key, f"{what_is_full(pool)} is full: {taken_in_words(places, names_of(held))}", jobs


def _places(pool: str | None, settings: Settings) -> int:
    return settings.pools.get(pool, 0) if pool is not None else settings.max_concurrent or 0


def _holders(pool: str | None, settings: Settings, identity: Identity) -> list[Note]:
    return holders(settings.run_directory, names_of_places(pool, _places(pool, settings)), identity)
