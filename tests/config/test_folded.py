"""What a regex costs that ignores case: its ranges are counted, and nothing else is."""

import pytest

from process_control.config.keys.regex_cost import folded_characters

COUNTS = {
    "[a-z]": 0,
    "(?i)abc[def]": 0,
    "(?i)[a-z]+": 26,
    "(?i)[a-cx-z]": 6,
    "(?i:[a-c]|x)[a-z]": 3,
    "(?i)(?-i:[a-z])[a-b]": 2,
    "(?i)(([a-b]{1,2})+|(?=[a-c])(?(1)[a-b]|x))(?>[ab-c])(?<![a-b])": 11,
    r"(?i)[\x00-\U0010ffff]": 1_114_112,
}


@pytest.mark.parametrize(("regex", "count"), COUNTS.items(), ids=COUNTS)
def test_the_characters_of_ranges_whose_case_is_ignored_are_counted(regex: str, count: int) -> None:
    assert folded_characters(regex) == count
