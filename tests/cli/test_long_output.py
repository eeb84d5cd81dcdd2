"""Thousands of rows: the same text as of one row after the other, made faster."""

import json
from collections.abc import Sequence

import pytest

from process_control.cli.print.output import ROWS_AT_ONCE, print_json, print_json_list
from process_control.cli.print.plain import print_rows_tabbed, print_tabbed

ODD = [
    {"text": "ünïcode ✗", "none": None, "yes": True, "empty": [], "nothing": {}, "number": 0.25, "whole": 12},
    {"text": 'tab\t newline\n quote" backslash\\ slash/ \x1b[31m\x7f\x9b\u202e', "parts": {"lock": 65.0, "gate": 0.0}},
    {"text": "half a pair: \ud800", "evidence": [{"at": None, "what": "x"}, {"at": "2026", "what": ""}]},
    {"text": "not a text: \udcff", "huge": 1 << 70},
]


@pytest.mark.parametrize(
    "rows", [[], ODD[:1], ODD, ODD[:2] * ROWS_AT_ONCE, [*[{"n": n} for n in range(2 * ROWS_AT_ONCE)], *ODD]]
)
def test_a_long_list_is_printed_as_json_prints_it(rows: Sequence[object], capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"slots": rows})
    plain = capsys.readouterr().out
    print_json_list("slots", iter(rows))

    assert capsys.readouterr().out == plain
    assert len(json.loads(plain)["slots"]) == len(rows)


@pytest.mark.parametrize("number", [1e-7, 1e16, 123456.789, -0.0, 5e-324])
def test_a_number_of_a_long_list_is_the_same_number(number: float, capsys: pytest.CaptureFixture[str]) -> None:
    print_json_list("rows", [number])

    assert json.loads(capsys.readouterr().out)["rows"] == [number]


def test_many_lines_of_a_pipe_are_those_of_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["text", None, 1.5, 3, True, "tab\tnewline\n\x1b[0m", "ü\udcff"], []] * (ROWS_AT_ONCE + 1)
    for row in rows:
        print_tabbed(row)
    plain = capsys.readouterr().out
    print_rows_tabbed(iter(rows))

    assert capsys.readouterr().out == plain
