"""Whether a job has succeeded often enough (`expect: {success_every}`), whatever its planned times say. Pure."""

from process_control.core.moments import span


def stale_in_words(*, now: float, success_every: float, last_success: float | None, since: float) -> str | None:
    """Return that a job is stale, in words; None while it is not. Moments are UTC seconds.

    `last_success`: when its last run that went well ended; None when there is none, then `since` counts: when its first
    version came into force.
    """
    silent = now - (since if last_success is None else last_success)
    if silent <= success_every:
        return None
    what = "no run has succeeded since its file came" if last_success is None else "no run has succeeded"
    when = f"{span(silent)} ago" if last_success is None else f"for {span(silent)}"
    return f"stale: {what} {when}, success_every: {span(success_every)}"
