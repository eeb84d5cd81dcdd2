"""Sizes and durations in words, for the sentences of verdicts. Pure."""


def bytes_in_words(count: int) -> str:
    """Return `1 byte`, `12,345 bytes`."""
    return "1 byte" if count == 1 else f"{count:,} bytes"


def size(count: float) -> str:
    """Return `1 byte`, `12 bytes`, `9.5 MB`, `1.2 GB`."""
    if count < 1000:
        return bytes_in_words(round(count))
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"


def duration(seconds: float) -> str:
    """Return `0.005 s`, `1.5 s`, `10 min`, `10 min 5 s`, `17 h 17 min`, `3 days`."""
    if seconds < 60:
        return f"{round(seconds, 3):.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" if not rest else f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h" if not minutes else f"{hours} h {minutes} min"
    return f"{hours // 24} days"
