"""The kinds of values in `verdicts`, `expect` and `retry`: exit codes, signals, regexes, bounds, percentages."""

import _signal
import re
import warnings

from process_control.config.keys.kind import FALSE_WORDS, TRUE_WORDS, Kind, refuse
from process_control.config.keys.number_kinds import SIZE_FORM, bytes_of
from process_control.config.keys.regex_cost import MAX_FOLDED, folded_characters
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text, quoted

MAX_REGEX = 500
MAX_EXIT_CODE, MAX_SIGNAL = 255, 64
SIGNALS = {
    name[3:]: int(value)
    for name, value in sorted(vars(_signal).items())
    if name.startswith("SIG") and not name.startswith("SIG_") and isinstance(value, int)
}

# --- exit codes and signals ------------------------------------------------------------------------------------------

# Patterns here are compiled where they are used first: most job files have no such key.
_RANGE = r"(?a)(?P<low>[0-9]{1,6})(?:\s*-\s*(?P<high>[0-9]{1,6}))?"


def _items_of(kind: Kind, key: str, node: Node, faults: Faults) -> list[Node]:
    """Return one value or a list of them; a fault when there is none."""
    if isinstance(node, List) and node.items:
        return node.items
    if isinstance(node, List):
        faults.add(f"'{key}' is an empty list", node, hint=f"write {kind.form}, or remove the line")
    elif isinstance(node, Map) or (isinstance(node, Text) and node.is_empty):
        refuse(kind.wanted, kind.form, key, node, faults)
    else:
        return [node]
    return []


def _read_exit_codes(key: str, node: Node, faults: Faults) -> list[list[int]]:
    """Return ranges of exit codes: [[64, 78], [111, 111]]."""
    ranges = [_read_range(key, item, faults) for item in _items_of(EXIT_CODES, key, node, faults)]
    return [each for each in ranges if each]


def _read_range(key: str, node: Node, faults: Faults) -> list[int]:
    match = re.fullmatch(_RANGE, node.value.strip()) if isinstance(node, Text) else None
    if match is None:
        refuse("an exit code or a range of them", EXIT_CODES.form, key, node, faults)
        return []
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if low > high:
        hint = f"write {high}-{low}"
        faults.add(f"'{key}' has a range that ends before it begins: '{low}-{high}'", node, hint=hint)
    elif high > MAX_EXIT_CODE:
        hint = f"an exit code is 0 to {MAX_EXIT_CODE}; for a command that a signal ended use 'signal'"
        faults.add(f"'{key}' cannot be {high}", node, hint=hint)
    return [low, high]


EXIT_CODES = Kind(
    name="number, range or list",
    wanted="an exit code, a range, or a list of them",
    form="a number such as 75, a range such as 64-78, or a list of them",
    annotation="list[list[int]]",
    read=_read_exit_codes,
)


def _read_signals(key: str, node: Node, faults: Faults) -> list[int]:
    numbers = [_read_signal(key, item, faults) for item in _items_of(SIGNAL_NAMES, key, node, faults)]
    return sorted({number for number in numbers if number})


def _read_signal(key: str, node: Node, faults: Faults) -> int:
    word = node.value.strip().upper().removeprefix("SIG") if isinstance(node, Text) else ""
    if word in SIGNALS:
        return SIGNALS[word]
    if word.isascii() and word.isdigit() and 0 < int(word[:6]) <= MAX_SIGNAL:
        return int(word)
    if isinstance(node, Text) and not node.is_empty:
        import difflib  # not for every job

        near = difflib.get_close_matches(word, SIGNALS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"write {SIGNAL_NAMES.form}"
        faults.add(f"'{key}' names no signal: {quoted(node.value)}", node, hint=hint)
    else:
        refuse("a signal", SIGNAL_NAMES.form, key, node, faults)
    return 0


SIGNAL_NAMES = Kind(
    name="name, number or list",
    wanted="a signal or a list of signals",
    form="a name such as KILL or SIGKILL, a number from 1 to 64, or a list of them",
    annotation="list[int]",
    read=_read_signals,
)


# --- regexes ---------------------------------------------------------------------------------------------------------


class TooMuchFolded(ValueError):
    """A regex that takes too long to compile: it ignores the case of too many characters in ranges."""

    def __init__(self, folded: int) -> None:
        super().__init__(f"ignores the case of {folded:,} characters in ranges, and at most {MAX_FOLDED:,} may be")


def compiled(regex: str) -> "re.Pattern[str]":
    """Return the compiled regex. Raises ValueError with Python's message, and TooMuchFolded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "possible nested set": it means today what it says
            if (folded := folded_characters(regex)) > MAX_FOLDED:
                raise TooMuchFolded(folded)
            return re.compile(regex)
    except re.error as error:
        raise ValueError(str(error)) from error
    except (RecursionError, OverflowError) as error:
        raise ValueError("it is nested too deeply, or a number in it is too large") from error


def _read_regex(key: str, node: Node, faults: Faults) -> str | None:
    if not isinstance(node, Text) or node.is_empty or not node.value:
        refuse(REGEX.wanted, REGEX.form, key, node, faults)
        return None
    if len(node.value) > MAX_REGEX:
        hint = "split it into several rules with shorter ones"
        faults.add(f"'{key}' is longer than {MAX_REGEX} characters", node, hint=hint)
        return None
    try:
        compiled(node.value)
    except TooMuchFolded as error:
        hint = "write (?-i:[…]) around a range that has no case, or name the characters"
        faults.add(f"'{key}' {error}", node, hint=hint)
    except ValueError as error:
        hint = "see https://docs.python.org/3/library/re.html; quotes '…' keep a backslash as it is"
        faults.add(f"'{key}' is no regex: {error}, in {quoted(node.value)}", node, hint=hint)
    return node.value


REGEX = Kind(
    name="regex",
    wanted="a regex",
    form="a regex in quotes such as '^ERROR'; it is tried on each line",
    annotation="str",
    read=_read_regex,
)


# --- true, numbers, sizes --------------------------------------------------------------------------------------------


def _read_true(key: str, node: Node, faults: Faults) -> bool | None:
    if isinstance(node, Text) and node.plain and node.value.lower() in TRUE_WORDS:
        return True
    if isinstance(node, Text) and node.plain and node.value.lower() in FALSE_WORDS:
        faults.add(f"'{key}' can only be true", node, hint="write true, or remove it")
        return None
    refuse("true", "true", key, node, faults)
    return None


IF_TRUE = Kind(name="`true`", wanted="true", form="true", annotation="bool", read=_read_true)

_NUMBER = r"(?a)[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?"


def _read_number(key: str, node: Node, faults: Faults) -> float | None:
    if isinstance(node, Text) and re.fullmatch(_NUMBER, node.value):
        return float(node.value)
    refuse("a number", "a number", key, node, faults)
    return None


NUMBER = Kind(name="number", wanted="a number", form="a number", annotation="float", read=_read_number)


def _read_factor(key: str, node: Node, faults: Faults) -> float | None:
    if isinstance(node, Text) and re.fullmatch(_NUMBER, node.value) and 1 <= float(node.value) <= 100:
        return float(node.value)
    refuse(FACTOR.wanted, FACTOR.form, key, node, faults)
    return None


FACTOR = Kind(
    name="number",
    wanted="a number from 1 to 100",
    form="a number from 1 to 100, such as 2 or 1.5",
    annotation="float",
    read=_read_factor,
)

_PART = r"(?a)(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,3})?) ?%"


def _read_part(key: str, node: Node, faults: Faults) -> float | None:
    match = re.fullmatch(_PART, node.value.strip()) if isinstance(node, Text) else None
    part = float(match["percent"]) / 100 if match else 0.0 if isinstance(node, Text) and node.value == "0" else None
    if part is None or part > 1:
        refuse(PART.wanted, PART.form, key, node, faults)
        return None
    return part


PART = Kind(
    name="percentage",
    wanted="a percentage from 0% to 100%",
    form="a percentage such as 10%",
    annotation="float",
    read=_read_part,
)


def _read_attempts(key: str, node: Node, faults: Faults) -> int | None:
    if isinstance(node, Text) and re.fullmatch(r"[0-9]{1,3}", node.value, re.ASCII) and 0 < int(node.value) <= 100:
        return int(node.value)
    refuse(ATTEMPTS.wanted, ATTEMPTS.form, key, node, faults)
    return None


ATTEMPTS = Kind(
    name="number",
    wanted="a number of attempts from 1 to 100",
    form="a number of attempts from 1 to 100, including the first",
    annotation="int",
    read=_read_attempts,
)

_BOUND = r"(?P<sign>>=|<=|>|<|=|)\s*(?P<size>[0-9].*)"
_BETWEEN = r"(?P<low>[0-9][^-]*?)\s*-\s*(?P<high>[0-9].*)"


def _read_size_bound(key: str, node: Node, faults: Faults) -> list[object] | None:
    """Return [minimum, maximum or None, the bound as written]."""
    bounds = _bounds(node.value.strip()) if isinstance(node, Text) else None
    if bounds is None:
        refuse(SIZE_BOUND.wanted, SIZE_BOUND.form, key, node, faults)
        return None
    low, high = bounds
    if high is not None and high < low:
        faults.add(
            f"'{key}' can never be met: {quoted(getattr(node, 'value', ''))}", node, hint=f"write {SIZE_BOUND.form}"
        )
    return [low, high, getattr(node, "value", "").strip()]


def _bounds(text: str) -> tuple[int, int | None] | None:
    between = re.fullmatch(_BETWEEN, text)
    if between is not None:
        low, high = bytes_of(between["low"]), bytes_of(between["high"])
        return None if low is None or high is None else (low, high)
    match = re.fullmatch(_BOUND, text)
    size = bytes_of(match["size"]) if match else None
    if match is None or size is None:
        return None
    by_sign = {">": (size + 1, None), ">=": (size, None), "<": (0, size - 1), "<=": (0, size)}
    return by_sign.get(match["sign"], (size, size))


SIZE_BOUND = Kind(
    name="bound",
    wanted="a bound for a size",
    form=f'">0", ">=", "<", "<=" or "=" and a size ({SIZE_FORM}), or a range such as "1 kB-2 MB"',
    annotation="list[Any]",
    read=_read_size_bound,
)
