"""What the job file expects of a good attempt (`expect`), and what was seen in its place. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from process_control.core.facts import Facts
from process_control.core.finding import Finding, Verdict
from process_control.core.measures import bytes_in_words, duration

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def misses(expect: Mapping[str, Any], facts: Facts) -> list[Finding]:
    """Return the expectations that were not met as one finding, or none.

    Its reason is that of the first one; its detail has the actual and the expected value of each.
    """
    verdict = Verdict[str(expect.get("verdict") or "warn").upper()]
    missed = [
        *_duration(expect, facts.duration_seconds),
        *_size(expect, facts.stdout_bytes),
        *_file(expect, facts.expected_file),
        *_number(expect, facts),
    ]
    if not missed:
        return []
    return [Finding(reason=missed[0][0], verdict=verdict, detail="; ".join(detail for _, detail in missed))]


#: The reason, and a sentence.
Miss = tuple[str, str]


def _duration(expect: Mapping[str, Any], seconds: float) -> list[Miss]:
    took, least, most = duration(seconds), expect.get("longer_than"), expect.get("shorter_than")
    if least is not None and seconds <= least:
        return [("too_short", f"took {took}, expected longer than {duration(least)}")]
    if most is not None and seconds >= most:
        return [("too_long", f"took {took}, expected shorter than {duration(most)}")]
    return []


def _size(expect: Mapping[str, Any], seen: int) -> list[Miss]:
    wanted = expect.get("stdout_bytes")
    if wanted is None:
        return []
    low, high, words = wanted
    if seen >= low and (high is None or seen <= high):
        return []
    return [("output", f"printed {bytes_in_words(seen)} to stdout, expected {words}")]


def _file(expect: Mapping[str, Any], seen: float | str | None) -> list[Miss]:
    """Judge the file. `seen`: how many seconds before the attempt it was last written, or why it cannot be read."""
    wanted = expect.get("file")
    if wanted is None or seen is None:
        return []
    if isinstance(seen, str):
        return [("expectation", f"expected the file {wanted['path']}: {seen}")]
    if seen > 0 and wanted.get("newer_than_start", True):
        old = f"it was last written {duration(seen)} before that"
        return [("expectation", f"expected the file {wanted['path']} to be written after the start, {old}")]
    return []


def _number(expect: Mapping[str, Any], facts: Facts) -> list[Miss]:
    wanted = expect.get("number")
    if wanted is None:
        return []
    low, high = wanted.get("at_least"), wanted.get("at_most")
    bounds = [f"at least {low:g}"] if low is not None else []
    bounds += [f"at most {high:g}"] if high is not None else []
    wanted_words = f"expected a number of {' and '.join(bounds)} by '{wanted['stdout']}' in stdout"
    text = facts.lines.number_text if facts.lines is not None else None
    if text is None:
        return [("expectation", f"{wanted_words}, but no line matched")]
    if not _NUMBER.fullmatch(text):
        return [("expectation", f"{wanted_words}, but the last match is not a number")]
    seen = float(text)
    if (low is not None and seen < low) or (high is not None and seen > high):
        return [("expectation", f"{wanted_words}, the last was {text.lstrip('+')}")]
    return []
