"""How late a run began, for people. The record has it in `late_seconds` and `late_parts`. Pure."""

from process_control.core.moments import took

MIN_SHOWN_SECONDS = 10
_WORDS = {
    "trigger": "until its process began",
    "gate": "until it might run",
    "jitter": "random delay (jitter)",
    "lock": "waiting for its lock",
    "queue": "waiting for its turn",
}


def late_in_words(late_seconds: object, late_parts: object) -> str:
    """Return `3 min 5 s late: 3 min 2 s waiting for its lock, 3.0 s until its process began`; "" for some seconds.

    Only parts of at least a tenth are named, the longest first.
    """
    if not isinstance(late_seconds, int | float) or late_seconds < MIN_SHOWN_SECONDS:
        return ""
    parts = late_parts if isinstance(late_parts, dict) else {}
    long = [(part, name) for name, part in parts.items() if isinstance(part, int | float) and part >= late_seconds / 10]
    words = [f"{took(part)} {_WORDS.get(name, name)}" for part, name in sorted(long, reverse=True)]
    return f"{took(late_seconds)} late" + (f": {', '.join(words)}" if words else "")
