"""How long a run waits before it tries again.

Lean module, pure: the random number is an argument.
"""


def delay_before(
    attempt: int, *, delay_seconds: float, factor: float, max_delay_seconds: float, jitter: float, chance: float
) -> float:
    """Return the seconds to wait before `attempt` (2 is the first one after a failure).

    The delay grows by `factor` from one attempt to the next, up to `max_delay_seconds`. Then `chance`, a random number
    from 0 to 1, moves it up or down by at most the part `jitter`, so that jobs that failed together do not retry
    together.
    """
    seconds = min(delay_seconds, max_delay_seconds)
    for _ in range(attempt - 2):
        if seconds >= max_delay_seconds:
            break
        seconds = min(seconds * factor, max_delay_seconds)
    return seconds * (1 + jitter * (2 * chance - 1))
