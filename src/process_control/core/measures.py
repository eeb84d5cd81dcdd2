"""Sizes and durations in words, as verdicts tell them. Pure."""


def bytes_in_words(count: int) -> str:
    """Return `1 byte`, `12,345 bytes`."""
    return "1 byte" if count == 1 else f"{count:,} bytes"


def duration(seconds: float) -> str:
    """Return `1.5 s`, `10 min`, `10 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" if not rest else f"{minutes} min {rest} s"
