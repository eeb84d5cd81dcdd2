"""How long runs of jobs usually take, by the history; nothing where that cannot be read."""

from collections.abc import Iterable

from process_control.core.usual import UsualDuration, usual_duration
from process_control.history.index.index import Index


def usual_durations(index: Index | None, slugs: Iterable[str]) -> dict[str, UsualDuration]:
    """Return it for each of these jobs that has enough runs."""
    if index is None:
        return {}
    found = {slug: usual_duration(runs) for slug, runs in index.durations(slugs).items()}
    return {slug: usual for slug, usual in found.items() if usual is not None}
