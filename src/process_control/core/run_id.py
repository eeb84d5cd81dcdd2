"""Ids of runs: 16 characters that sort by the time of the start.

Lean module, pure.
"""

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_TIME_DIGITS, _RANDOM_DIGITS = 9, 7
RANDOM_BYTES = 5


def run_id(moment: float, random: bytes) -> str:
    """Return the id of a run that starts at `moment` (UTC seconds), made unique by `RANDOM_BYTES` of `random`."""
    return _digits(int(moment * 1000), _TIME_DIGITS) + _digits(int.from_bytes(random, "big"), _RANDOM_DIGITS)


def _digits(number: int, count: int) -> str:
    return "".join([_DIGITS[number >> 5 * place & 31] for place in range(count - 1, -1, -1)])
