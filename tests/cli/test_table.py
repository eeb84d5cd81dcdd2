"""Widths of tables: who gives way first, and where text breaks."""

from rich.text import Text

from process_control.cli.print.table import Column, facts, lines_of, with_commas, wrapped

HISTORY = [
    Column(title="WHEN"),
    Column(title="JOB", gives_way=2, min_width=6),
    Column(title="RUN", gives_way=1, min_width=4, may_leave=True),
    Column(title="WHY", gives_way=3, min_width=12, breaks=True),
]
ROW = [Text("03:28"), Text("a-long-name"), Text("1m8g35q0yqfpanxy"), Text("the disk of the shop is full")]


def shown(width: int) -> list[str]:
    return [line.plain for lines in lines_of([ROW], HISTORY, width) for line in lines]


def test_on_a_wide_terminal_nothing_gives_way() -> None:
    assert shown(80)[1] == "03:28  a-long-name  1m8g35q0yqfpanxy  the disk of the shop is full"


def test_ids_give_way_first_then_long_names_and_the_reason_stays_whole() -> None:
    assert shown(60)[1] == "03:28  a-long-name  1m8g35q0y…  the disk of the shop is full"
    assert shown(50)[1] == "03:28  a-long…  1m8…  the disk of the shop is full"


def test_a_reason_that_does_not_fit_continues_below_its_beginning_between_words() -> None:
    assert shown(41) == [
        "WHEN   JOB     RUN   WHY",
        "03:28  a-lon…  1m8…  the disk of the shop",
        "                     is full",
    ]


def test_a_column_that_would_be_a_stub_leaves() -> None:
    assert shown(28)[:2] == ["WHEN   JOB     WHY", "03:28  a-lon…  the disk of"]


def test_every_line_fits_and_no_word_is_cut() -> None:
    for width in range(28, 70):
        assert all(len(line) <= width for line in shown(width))
        assert " ".join(" ".join(line.split()) for line in shown(width)[1:]).endswith("full")


def test_a_word_longer_than_a_line_breaks_behind_a_slash() -> None:
    assert wrapped("see /var/log/process-control/backup/x.log", 24) == [
        "see /var/log/",
        "process-control/backup/",
        "x.log",
    ]


def test_a_command_to_paste_stays_on_one_line() -> None:
    text = "On hold since 03:28. To release: process-control release migrate-customers"

    assert wrapped(text, 50) == ["On hold since 03:28. To release:", "process-control release migrate-customers"]
    assert " ".join(wrapped(text, 30)) == text


def test_an_endless_text_ends_behind_a_whole_word() -> None:
    assert wrapped("one two three four five six seven eight nine", 12, max_lines=2) == ["one two", "three four …"]


def test_facts_go_on_below_their_beginning() -> None:
    lines = facts([("why", Text("the disk is full")), ("state", Text("held"))], 20)

    assert [line.plain for line in lines] == ["   why: the disk is", "        full", " state: held"]


def test_a_name_is_cut_behind_a_whole_word() -> None:
    [line] = lines_of(
        [[Text("Back up the database of the orders")]], [Column(title="NAME", gives_way=1, min_width=12)], 24
    )[1]

    assert line.plain == "Back up the database …"


def test_a_list_breaks_behind_a_comma_and_keeps_its_colours() -> None:
    parts = [Text("4 failing", style="red"), Text("1 slow start", style="cyan"), Text("1 never ran")]

    lines = with_commas(parts, 26)

    assert [line.plain for line in lines] == ["4 failing, 1 slow start,", "1 never ran"]
    assert [span.style for span in lines[0].spans] == ["red", "cyan"]
