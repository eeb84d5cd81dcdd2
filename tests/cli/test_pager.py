"""Long output on a terminal goes through the pager, short output does not, and every way to do without one works."""

import os

import pytest

from kit.harness import Box

PAGER = "sh -c 'echo PAGED; cat'"


@pytest.fixture
def long_history(box: Box) -> Box:
    box.environment |= {"TERM": "xterm"}
    for number in range(30):
        box.job(f"job-{number:02}", "command: /bin/true")
    return box


def test_long_output_goes_through_the_pager(long_history: Box) -> None:
    result = long_history.process_control("list", tty=True, env={"PAGER": PAGER})

    assert (result.exit_code, result.stdout.split()[0]) == (0, "PAGED")
    assert "job-29" in result.stdout


def test_what_fits_the_screen_is_printed_as_it_is(long_history: Box) -> None:
    result = long_history.process_control("status", tty=True, env={"PAGER": PAGER})

    assert result.exit_code == 0
    assert "PAGED" not in result.stdout
    assert "30 never ran" in result.stdout


@pytest.mark.parametrize(
    ("flags", "environment"),
    [
        (["--no-pager"], {"PAGER": PAGER}),
        ([], {"PAGER": ""}),
        ([], {"PAGER": "no-such-pager"}),
        ([], {"PAGER": PAGER, "TERM": "dumb"}),
        ([], {"PAGER": "'"}),
    ],
    ids=["--no-pager", "empty", "not there", "dumb", "garbage"],
)
def test_no_pager_where_none_is_wanted_or_there(
    long_history: Box, flags: list[str], environment: dict[str, str]
) -> None:
    result = long_history.process_control("list", *flags, tty=True, env=environment)

    assert "PAGED" not in result.stdout
    assert "job-29" in result.stdout


def test_a_pipe_gets_no_pager(long_history: Box) -> None:
    assert "PAGED" not in long_history.process_control("list", env={"PAGER": PAGER}).stdout


def test_whoever_leaves_the_pager_early_gets_no_error(long_history: Box) -> None:
    result = long_history.process_control("list", tty=True, env={"PAGER": "head -n 2"})

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2


def test_an_error_is_shown_after_the_pager_and_keeps_its_exit_code(long_history: Box) -> None:
    result = long_history.process_control("list", "nowhere", tty=True, env={"PAGER": PAGER})

    assert result.exit_code == 66
    assert "PAGED" not in result.stdout
    assert "no job 'nowhere'" in result.stdout


def test_findings_keep_their_exit_code_through_the_pager(box: Box) -> None:
    box.environment |= {"TERM": "xterm"}
    for number in range(15):
        box.job(f"job-{number:02}", "comand: x")

    result = box.process_control("lint", tty=True, env={"PAGER": PAGER})

    assert (result.exit_code, result.stdout.split()[0]) == (1, "PAGED")


def test_less_gives_no_shell_to_whoever_looks_by_sudo(long_history: Box) -> None:
    shows = "sh -c 'echo secure=$LESSSECURE less=$LESS; cat'"
    env = {"PAGER": shows, "SUDO_UID": str(os.getuid())}

    assert "secure=1 less=FRX" in long_history.process_control("list", tty=True, env=env).stdout


def test_in_a_pipe_status_and_history_name_their_columns(box: Box) -> None:
    box.job("job", "command: /bin/true")
    box.run("job")

    for verb, first in (("status", "job\tstate\tnext"), ("history", "started_at\tjob\toutcome")):
        header, row = box.process_control(verb).stdout.splitlines()

        assert header.startswith(first)
        assert len(header.split("\t")) == len(row.split("\t"))
        assert box.process_control(verb, "--no-header").stdout.splitlines() == [row]


def test_the_legend_names_every_mark_and_state(box: Box) -> None:
    shown = box.process_control("status", "--legend").stdout

    assert "  ✗ failing     the last run failed or was lost\n" in shown
    assert "  ▴  w  warned: succeeded, but something needs a look\n" in shown


def test_show_fits_80_columns_whatever_the_values(box: Box) -> None:
    box.job("job", "command: /bin/true\nexpect: {stdout_bytes: '>0'}\ndescription: " + "a long word " * 12)

    shown = box.process_control("show", "job", tty=True, env={"COLUMNS": "80", "TERM": "dumb"}).stdout.splitlines()

    assert [line for line in shown if len(line) > 80] == []
    (line,) = [line for line in shown if line.split()[:1] == ["timeout"]]
    assert line.rstrip().endswith("built in")
