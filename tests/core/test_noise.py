"""What a job says although all is well: patterns of lines, and rules made of them."""

import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from process_control.core.noise import as_rules, learn, new_lines, pattern_of


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("NOTICE: table exists", r"^NOTICE: table exists$"),
        ("took 12 ms", r"^took \d+ ms$"),
        ("pid 4711 at 2026-11-25T03:00:01.5Z", r"^pid \d+ at \d+-\d+-\w+:\d+:\d+\.\w+$"),
        ("cache a1b2c3 (3.5 MB)", r"^cache \w+ \(\d+\.\d+ MB\)$"),
        ("token *** used", r"^token .* used$"),
        ("what? [a+b] \\ {c} ^$|", r"^what\? \[a\+b\] \\ \{c\} \^\$\|$"),
        ("café\x1b[3m", r"^caf..\[\w+$"),
        ("x" * 300, "^" + "x" * 200),
        ("", "^$"),
    ],
    ids=["plain", "a number", "a time", "a word with digits", "a secret", "signs", "bytes", "long", "empty"],
)
def test_a_line_becomes_a_pattern(line: str, pattern: str) -> None:
    assert pattern_of(line) == pattern


@given(st.text(alphabet=st.characters(exclude_characters="\n\r"), max_size=250))
@example("0\N{MATHEMATICAL BOLD DIGIT ZERO}")
def test_a_pattern_matches_the_line_that_it_was_made_of(line: str) -> None:
    assert re.search(pattern_of(line), line, re.DOTALL)


@given(st.lists(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60), max_size=5))
def test_rules_are_yaml_that_says_the_same_patterns(lines: list[str]) -> None:
    noises = learn([lines], [])
    if not noises:
        return

    rules = yaml.safe_load(as_rules(noises))["verdicts"]

    assert [rule["stderr"] for rule in rules] == [noise.pattern for noise in noises]
    assert {rule["verdict"] for rule in rules} == {"ignore"}


def test_what_came_in_most_good_runs_is_first_and_what_came_in_failed_ones_is_told() -> None:
    good = [["took 3 ms", "NOTICE"], ["took 4 ms"], ["took 5 ms", "took 6 ms"]]

    noises = learn(good, [["took 9 ms", "cannot connect"]])

    assert [(noise.pattern, noise.good_runs, noise.failed_runs) for noise in noises] == [
        (r"^took \d+ ms$", 3, 1),
        ("^NOTICE$", 1, 0),
    ]
    assert as_rules(noises).splitlines()[1] == (
        r"  - {stderr: '^took \d+ ms$', verdict: ignore}   # in 3 good runs, 1 that failed"
    )


def test_a_line_is_new_when_no_known_one_says_the_same() -> None:
    assert new_lines(["took 3 ms", "cannot connect"], ["took 99 ms"]) == {"cannot connect"}
