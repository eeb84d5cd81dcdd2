"""The line that decided a run, without what differs from run to run. Pure."""

import re

MAX_CHARACTERS = 200
_VARYING = re.compile(r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+")


def fingerprint(line: str) -> str:
    """Return the line with numbers and ids replaced by `#`; the same failure has the same one again."""
    return " ".join(_VARYING.sub("#", line).split())[:MAX_CHARACTERS]
