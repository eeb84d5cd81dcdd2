"""Encodes and decodes JSON without the `json` package, which takes half an interpreter's start (it imports `re`).

Lean module: imports `_json` only. Plain values only: None, bool, int, float, str, list, tuple, dict with str keys.
"""

from _json import encode_basestring_ascii, make_scanner


class _Scanning:
    """The options that `json.JSONDecoder` passes to the C scanner: the defaults."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = None
    memo: "dict[str, str]" = {}  # noqa: RUF012  the scanner clears it after each text


_scan = make_scanner(_Scanning())  # type: ignore[arg-type]  # typeshed wants the scanner itself here


def encode(value: object) -> str:
    """Return `value` as JSON in ASCII on one line. Raises TypeError for what JSON cannot represent."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError(f"JSON cannot say {value!r}")
        return float.__repr__(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring_ascii(key)}:{encode(item)}" for key, item in value.items()]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([encode(item) for item in value]) + "]"
    raise TypeError(f"JSON cannot say a {type(value).__name__}")


def decode(text: str) -> object:
    """Return the value that `text` holds. Raises ValueError for anything that is not one JSON value."""
    stripped = text.strip(" \t\r\n")
    try:
        value, end = _scan(stripped, 0)
    except (StopIteration, RecursionError, SystemError, TypeError):
        # SystemError: the C scanner wants json.decoder's exception, which is not imported. TypeError: NaN, Infinity.
        raise ValueError("not JSON") from None
    if end != len(stripped):
        raise ValueError("text after the JSON value")
    return value
