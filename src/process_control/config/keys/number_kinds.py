"""Kinds of numbers: counts, times, sizes, permissions, and yes or no."""

import re

from process_control.config.keys.kind import FALSE_WORDS, TRUE_WORDS, Kind, refuse
from process_control.config.yaml.nodes import Faults, Node, Text, quoted

MAX_SECONDS = 10 * 366 * 86400


def _read_bool(key: str, node: Node, faults: Faults) -> bool | None:
    if isinstance(node, Text) and node.plain and node.value.lower() in TRUE_WORDS + FALSE_WORDS:
        return node.value.lower() in TRUE_WORDS
    if isinstance(node, Text) and not node.plain and node.value.lower() in TRUE_WORDS + FALSE_WORDS:
        faults.add(f"'{key}' must be true or false, not the text {quoted(node.value)}", node, hint="remove the quotes")
        return None
    refuse("true or false", "true or false", key, node, faults)
    return None


BOOL = Kind(name="bool", wanted="true or false", form="true or false", annotation="bool", read=_read_bool)
_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)


def _read_count(key: str, node: Node, faults: Faults) -> int | None:
    if isinstance(node, Text) and _WHOLE.fullmatch(node.value) and int(node.value) > 0:
        return int(node.value)
    refuse("a whole number above 0", "a whole number above 0", key, node, faults)
    return None


COUNT = Kind(
    name="number", wanted="a whole number above 0", form="a whole number above 0", annotation="int", read=_read_count
)
_NICE = re.compile(r"-?[0-9]{1,2}", re.ASCII)


def _read_nice(key: str, node: Node, faults: Faults) -> int | None:
    if isinstance(node, Text) and _NICE.fullmatch(node.value) and -20 <= int(node.value) <= 19:
        return int(node.value)
    refuse(NICE.wanted, NICE.form, key, node, faults)
    return None


NICE = Kind(
    name="number",
    wanted="a whole number from -20 to 19",
    form="a whole number from -20 (first) to 19 (last)",
    annotation="int",
    read=_read_nice,
)
_TIME = re.compile(r"(?P<number>[0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?P<unit>[smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
TIME_FORM = "seconds, or 90s, 10m, 2h"


def seconds_of(text: str) -> float | None:
    """Return the seconds of `90`, `90s`, `10m`, `2h` or `1d`; None for any other text."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    seconds = float(match["number"]) * _SECONDS[match["unit"]]
    return seconds if seconds <= MAX_SECONDS else None


def _point_in(node: Node) -> str:
    """Return the hint for a number with a misplaced decimal point."""
    text = node.value.strip() if isinstance(node, Text) else ""
    if re.fullmatch(r"\.[0-9]{1,6} ?[smhd]?", text, re.ASCII):
        return f"write 0{text}"
    return "write at most 6 digits behind the point" if re.match(r"[0-9]*\.[0-9]{7}", text, re.ASCII) else ""


def _time_kind(*, zero: bool, most: float = MAX_SECONDS, wanted: str = "a time") -> Kind:
    wanted = wanted if zero else f"{wanted} above 0"

    def read(key: str, node: Node, faults: Faults) -> float | None:
        seconds = seconds_of(node.value) if isinstance(node, Text) else None
        if seconds is None or not (seconds or zero) or seconds > most:
            refuse(wanted, TIME_FORM, key, node, faults, hint=_point_in(node))
        return seconds

    return Kind(name="time", wanted=wanted, form=TIME_FORM, annotation="float", read=read)


TIME = _time_kind(zero=True)
TIME_ABOVE_ZERO = _time_kind(zero=False)
TIME_WITHIN_A_DAY = _time_kind(zero=True, most=86400, wanted="a time of at most 24h")
_SIZE = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,3})?) ?(?P<unit>B|[kKMGT]B|[KMGT]iB|)", re.ASCII)
_BYTES: dict[str, int] = {"": 1, "B": 1} | {
    letter + end: base**power
    for power, letters in enumerate(("kK", "M", "G", "T"), start=1)
    for letter in letters
    for end, base in (("B", 1000), ("iB", 1024))
}
SIZE_FORM = "bytes, or 100 kB, 100 MB, 1 GB, 1 GiB"


def bytes_of(text: str) -> int | None:
    """Return the bytes of `4096`, `100 MB` or `1 GiB`; None for any other text."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    whole, _, part = match["number"].partition(".")
    thousandths = int(whole + part.ljust(3, "0"))  # a float makes 1000 bytes of 1.001 kB
    return thousandths * _BYTES[match["unit"]] // 1000


def _read_size(key: str, node: Node, faults: Faults) -> int | None:
    size = bytes_of(node.value) if isinstance(node, Text) else None
    if not size:
        refuse("a size", SIZE_FORM, key, node, faults)
    return size


SIZE = Kind(name="size", wanted="a size", form=SIZE_FORM, annotation="int", read=_read_size)
_UMASK = re.compile(r"(?:0o)?0*(?P<digits>[0-7]{1,3})", re.ASCII)


def _read_umask(key: str, node: Node, faults: Faults) -> int | None:
    match = _UMASK.fullmatch(node.value) if isinstance(node, Text) else None
    if match is None:
        refuse("an octal mask", UMASK.form, key, node, faults)
        return None
    return int(match["digits"], 8)


UMASK = Kind(
    name="octal",
    wanted="an octal mask",
    form="octal digits, 000 to 777, such as 022 or 077",
    annotation="int",
    read=_read_umask,
)
