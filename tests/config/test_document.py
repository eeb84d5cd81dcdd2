"""YAML with places: hard tabs, bombs, and anything that anybody could put into a file."""

import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.harness import PROJECT, storm_size
from kit.processor_time import least_milliseconds
from process_control.config.job_file import read_job
from process_control.config.yaml.document import Document, parse, without_tabs
from process_control.config.yaml.nodes import Broken, List, Map, Node, Text
from process_control.errors import BadConfiguration

MILLISECONDS_ALLOWED = 100
KILOBYTES_ALLOWED = 64 * 1024


def document(text: str) -> Document:
    return parse(text.encode(), "purge.yaml")


def plain(node: Node | None) -> object:
    """Return the tree as Python's own lists and maps."""
    if isinstance(node, Map):
        return {key.value: plain(value) for key, value in node.entries}
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Text) else None


def test_every_key_and_value_knows_its_place() -> None:
    root = document("a: b\nc:\n  - d\n  - {e: f}\n").root

    assert isinstance(root, Map)
    places = [(key.value, key.line, key.column, value.line, value.column) for key, value in root.entries]
    assert places == [("a", 1, 1, 1, 4), ("c", 2, 1, 3, 3)]


# --- hard tabs -------------------------------------------------------------------------------------------------------

TABBED = {
    "a map below a key": ("a:\n\tb: c\n\td: e\n", {"a": {"b": "c", "d": "e"}}, (2, 3)),
    "levels of tabs": ("a:\n\tb:\n\t\tc: d\n", {"a": {"b": {"c": "d"}}}, (2, 3)),
    "a list": ("a:\n\t- b\n\t- c\n", {"a": ["b", "c"]}, (2, 3)),
    "blanks, then a tab": ("a:\n  \tb: c\n", {"a": {"b": "c"}}, (2,)),
    "a tab, then blanks": ("a:\n\t  b: c\n\t  d: e\n", {"a": {"b": "c", "d": "e"}}, (2, 3)),
    "tabs mixed with eight blanks": ("a:\n\tb: c\n        d: e\n", {"a": {"b": "c", "d": "e"}}, (2,)),
    "a comment": ("a: b\n\t# comment\nc: d\n", {"a": "b", "c": "d"}, (2,)),
    "an empty line": ("a: b\n\t\nc: d\n", {"a": "b", "c": "d"}, (2,)),
    "a text below a bar": ("a: |\n\tb\n\t\tc\n", {"a": "b\n        c\n"}, (2, 3)),
    "a text that goes on": ("a: b\n\tc\n", {"a": "b c"}, (2,)),
    "ends of line as on Windows": ("a:\r\n\tb: c\r\n", {"a": {"b": "c"}}, (2,)),
    "every line": ("\ta: b\n\tc: d\n", {"a": "b", "c": "d"}, (1, 2)),
}


@pytest.mark.parametrize(("text", "value", "lines"), TABBED.values(), ids=TABBED)
def test_a_hard_tab_indents_up_to_the_next_column_of_eight(text: str, value: object, lines: tuple[int, ...]) -> None:
    read = document(text)

    assert (plain(read.root), read.tabbed_lines) == (value, lines)
    assert not read.faults


NOT_INDENTATION = {
    "after a key": ("a:\tb\n", {"a": "b"}),
    "inside a text": ("a: |\n  b\n  \tc\n", {"a": "b\n\tc\n"}),
    "in quotes": ("a: 'b\n\tc'\n", {"a": "b c"}),
    "in braces": ("a: {\n\tb: c}\n", {"a": {"b": "c"}}),
    "before a comment": ("a: b\t# c\n", {"a": "b"}),
}


@pytest.mark.parametrize(("text", "value"), NOT_INDENTATION.values(), ids=NOT_INDENTATION)
def test_a_tab_that_indents_nothing_is_left_alone(text: str, value: object) -> None:
    read = document(text)

    assert (plain(read.root), read.tabbed_lines) == (value, ())
    assert without_tabs(text) == text


def test_a_tabbed_line_is_told_to_people_with_its_mend() -> None:
    (warning,) = document("a:\n\tb: c\n").warnings()

    assert str(warning) == (
        "purge.yaml:2:1: hard tab used as indentation\n  hint: replace tabs by spaces: process-control lint --fix"
    )


@pytest.mark.parametrize(("text", "value", "_lines"), TABBED.values(), ids=TABBED)
def test_the_mended_text_has_no_tab_and_says_the_same(text: str, value: object, _lines: object) -> None:
    mended = without_tabs(text)

    assert "\t" not in mended
    assert plain(document(mended).root) == value


def test_mending_tabs_changes_nothing_else() -> None:
    text = "# über\r\nschedule: */5 * * * *\r\na:\r\n\tb: c\t# d\r\n"

    assert without_tabs(text) == "# über\r\nschedule: */5 * * * *\r\na:\r\n        b: c\t# d\r\n"


def test_the_published_example_is_mended_in_one_line_only() -> None:
    text = (PROJECT / "tests/data/published-example.yaml").read_text()

    assert without_tabs(text) == text.replace("\tPYTHONPATH", "        PYTHONPATH")


def test_a_column_counts_the_characters_of_the_file_not_those_read_for_a_tab() -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_job(b"name: n\ncommand: c\nenvironment:\n\tA: [b]\n", slug="a", path="/a", default_values={}, log_bytes=1)

    assert caught.value.faults[0].where == "a.yaml:4:5"


# --- bombs -----------------------------------------------------------------------------------------------------------


def _lines(line: str, count: int) -> str:
    return "".join(line.format(number) for number in range(count))


BOMBS = {
    "a billion laughs": "a: &a [x,x,x]\n" + _lines("b{0}: &b{0} [*a,*a]\n", 2000),
    "60,000 brackets": "[" * 60_000,
    "15,000 braces": "{a: " * 15_000,
    "30,000 dashes": "- " * 30_000,
    "30,000 questions": "? " * 30_000,
    "stairs": "".join(" " * level + "a:\n" for level in range(350)),
    "unknown keys": _lines("timeou{}t: 3\n", 4000),
    "duplicate keys": "a: 1\n" * 10_000,
    "tabs": _lines("\tk{}: 3\n", 6000),
    "tabs after blanks": "a:\n" + _lines(" \tk{}: 3\n", 5000),
    "only tabs": "\t" * 65_000,
    "lines of tabs": "\t\n" * 32_000,
    "schedules without quotes": _lines("s{}: */5 * * * *\n", 3000),
    "anchors": _lines("a{0}: &a{0} 1\n", 4000),
    "aliases": "a: [" + "*a," * 20_000 + "]",
    "tags": "a: [" + "!!str a," * 8000 + "]",
    "documents": "---\n" * 16_000,
    "an open quote": "name: '" + "x" * 65_000,
    "escapes": 'name: "' + "\\u0041" * 10_000 + '"',
    "one long key": "k" * 65_000 + ": 1",
    "a block text": "a: |\n" + " x\n" * 20_000,
    "schedules that never fire": "name: n\ncommand: c\nschedule:\n" + "- 0 0 31 2 *\n" * 4000,
    "a zone of 60,000 letters": "name: n\ncommand: c\ntime_zone: " + "Europe" * 10_000,
    "a word of 60,000 letters": "name: n\ncommand: c\nstderr: " + "warn" * 15_000,
    "a command of one long word": "name: n\ncommand: |\n  " + "a" * 60_000 + "\n  b",
    "a command of many words": "name: n\ncommand: |\n  " + "a " * 30_000 + "\n  b",
    "a command of many lines": "name: n\ncommand: >\n  a\n\n" + "  a \\\n" * 9000,
    "a long number": "name: n\ncommand: c\ntimeout: " + "9" * 60_000,
    "rules that ignore the case of everything": "name: n\ncommand: c\nverdicts:\n"
    + _lines("- {{stdout: '(?i){0}" + r"[\x00-\U0010ffff]" * 28 + "', verdict: fail}}\n", 99),
    "strange ends of line": "\u2028" * 20_000 + "\x85" * 2000,
    "20 MB": "a" * 20_000_000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_quickly_and_in_little_memory(text: str) -> None:
    source = text.encode()
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def is_refused() -> None:
        with pytest.raises(BadConfiguration):
            read_job(source, slug="bomb", path="/bomb.yaml", default_values={}, log_bytes=1)

    milliseconds = least_milliseconds(is_refused, allowed=MILLISECONDS_ALLOWED)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before

    assert milliseconds < MILLISECONDS_ALLOWED
    assert grown < KILOBYTES_ALLOWED


# --- anything at all -------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("name", "command", "schedule", "timeout", "environment", "tags", "limits", "log_bytes", "x-a", "retry", "<<"),
        *(": ", ":", "\n", "\n  ", "\n\t", "\n \t", "- ", ", ", "[", "]", "{", "}", "? ", "|\n", ">-\n", "#", " # a"),
        *("'", '"', "\\", "&a ", "*a", "!!str ", "!a ", "%YAML 1.1\n", "---\n", "...\n", "@", "`", "~", "null", "yes"),
        *("*/5 * * * *", "@daily", "0 0 31 2 *", "Europe/Berlin", "10m", "1 GB", "022", "/bin/true", "ä", "\u2028"),
        *("\r\n", "\x85", "\ufeff", "\0", "\x1b", "\\0", "😀"),
    ]
)


def _never_a_traceback(source: bytes) -> None:
    try:
        read_job(source, slug="fuzz", path="/fuzz.yaml", default_values={}, log_bytes=1)
    except BadConfiguration as error:
        for fault in error.faults:
            assert fault.where.startswith("fuzz.yaml")
            assert fault.what
            assert str(fault).replace("\n  hint: ", "").isprintable()


@pytest.mark.fault("Fuzzed YAML", small=200, full=60_000, wanted="a job or a fault, no traceback")
@settings(max_examples=storm_size(200, 60_000), deadline=None, database=None)
@given(st.lists(PIECES, max_size=40))
def test_any_heap_of_yaml_is_a_job_or_a_fault(pieces: list[str]) -> None:
    _never_a_traceback("".join(pieces).encode())


@pytest.mark.fault("Fuzzed YAML", small=100, full=20_000, wanted="a job or a fault, no traceback")
@settings(max_examples=storm_size(100, 20_000), deadline=None, database=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_job_or_a_fault(source: bytes) -> None:
    _never_a_traceback(source)


@pytest.mark.fault("Tabs mended twice", small=100, full=20_000, wanted="as mended once")
@settings(max_examples=storm_size(100, 20_000), deadline=None, database=None)
@given(st.lists(PIECES, max_size=30))
def test_mending_tabs_twice_is_mending_them_once(pieces: list[str]) -> None:
    once = without_tabs("".join(pieces))

    assert without_tabs(once) == once


def test_what_was_told_already_is_not_told_again() -> None:
    read = document("a: *b\n")

    assert isinstance(read.root, Map)
    assert isinstance(read.root.entries[0][1], Broken)
    assert len(read.faults.in_order()) == 1
