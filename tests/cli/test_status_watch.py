"""`status --watch`: the screen in place, kept up to date, until q or Control-C."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.commands import Live
from kit.desk import Desk
from kit.harness import Box
from process_control.cli.print.live_screen import ENTER, HOME, LEAVE
from process_control.config.settings import load_settings
from process_control.history.index.index import Index
from process_control.state.past_runs import open_index
from process_control.views import live_statuses as live_module
from process_control.views.live_statuses import ALL_AGAIN_SECONDS, LiveStatuses
from process_control.views.selected_jobs import select_jobs

NOW = datetime.now(UTC)
DAILY = "command: 'true'\nschedule: '30 2 * * *'"


def watched(box: Box, *words: str, **how: Any) -> Live:
    command = [str(box.product.process_control), "status", *words]
    return box.start_command(command, tty=True, env={"TERM": "xterm"}, **how)


def test_a_change_is_seen_on_the_next_screen_and_q_ends_it(box: Box) -> None:
    box.job("backup", DAILY)
    box.run("backup")

    with watched(box, "--watch", "0.3") as live:
        live.wait_for_line("every 0.3 s; q ends")
        before = live.seen()
        box.process_control("hold", "backup", "--note", "the disk is full")
        live.wait_for_line("the disk is full")
        live.type(b"q")
        result = live.wait()

    assert result.exit_code == 0
    assert "1 ok" in before
    assert before.startswith(ENTER)
    assert result.stdout.rstrip().endswith(LEAVE)


def test_control_c_ends_it_with_130_and_leaves_the_terminal_as_it_was(box: Box) -> None:
    box.job("backup", DAILY)

    with watched(box, "--watch") as live:
        live.wait_for_line("every 2 s; q ends")
        live.type(b"\x03")
        result = live.wait()

    assert result.exit_code == 130
    assert LEAVE in result.stdout


def test_one_job_is_shown_at_length_and_no_line_is_too_much(box: Box) -> None:
    box.job("backup", "command: sh -c 'seq 100; echo the last line'")
    box.run("backup")

    with watched(box, "--watch", "backup") as live:
        live.wait_for_line("every 2 s; q ends")
        live.type(b"q")
        screen = live.wait().stdout

    _, *frames = screen.split(HOME)  # a slow host has drawn another one before it sees the key
    assert {"backup" in frame and frame.count("\n") <= 24 for frame in frames} == {True}


@pytest.mark.parametrize("words", [["--watch"], ["--watch", "5", "backup"], ["--watch", "--json"]])
def test_in_a_pipe_it_is_refused(box: Box, words: list[str]) -> None:
    result = box.process_control("status", *words)

    assert result.exit_code == 2
    assert "without --watch it prints the state once" in result.stderr + result.stdout or "--json" in words


def test_a_time_that_makes_no_sense_is_refused(box: Box) -> None:
    with watched(box, "--watch", "0.01") as live:
        result = live.wait()

    assert result.exit_code == 2
    assert "--watch 0.01: not between 0.2 s and 1 h" in result.stdout


# --- what is read again ----------------------------------------------------------------------------------------------


def live_statuses(desk: Desk) -> LiveStatuses:
    settings = load_settings(str(desk.configuration), dict(os.environb))
    return LiveStatuses(settings, lambda: select_jobs(settings, []), open_index)


def test_only_the_jobs_that_something_happened_to_are_read_again(desk: Desk) -> None:
    for slug in ("one", "two"):
        desk.job(slug)
        desk.state.run(slug, NOW - timedelta(hours=1))
    live = live_statuses(desk)
    first = {status.slug: status for status in live.look(NOW)[0]}
    nothing = {status.slug: status for status in live.look(NOW)[0]}
    desk.state.failure("two", NOW)
    after = {status.slug: status for status in live.look(NOW)[0]}

    assert all(nothing[slug] is first[slug] for slug in first)
    assert after["one"] is first["one"]
    assert (first["two"].state, after["two"].state) == ("ok", "failing")


def test_many_jobs_are_read_some_at_a_time_and_all_are_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    slugs = ["a", "b", "c", "d", "e"]
    for slug in slugs:
        desk.job(slug)
    desk.state.failure("d", NOW)
    whole = [status.slug for status in live_statuses(desk).look(NOW)[0]]
    monkeypatch.setattr(live_module, "MAX_AT_ONCE", 2)

    assert [status.slug for status in live_statuses(desk).look(NOW)[0]] == whole == ["d", "a", "b", "c", "e"]


def test_after_a_look_that_failed_all_is_read_again(desk: Desk) -> None:
    desk.job("one")
    settings = load_settings(str(desk.configuration), dict(os.environb))
    faults = [OSError("the disk does not answer")]

    def opened(path: str) -> Index:
        if faults:
            raise faults.pop()
        return open_index(path)

    live = LiveStatuses(settings, lambda: select_jobs(settings, []), opened)
    with pytest.raises(OSError, match="does not answer"):
        live.look(NOW)

    assert [status.slug for status in live.look(NOW)[0]] == ["one"]


def test_a_new_job_and_one_edited_in_place_are_seen(desk: Desk) -> None:
    path = desk.job("one")
    live = live_statuses(desk)
    live.look(NOW)
    desk.job("two")
    with_two = {status.slug for status in live.look(NOW)[0]}
    path.write_text("comand: x\n")
    later = NOW + timedelta(seconds=ALL_AGAIN_SECONDS)
    states = {status.slug: status.state for status in live.look(later)[0]}

    assert with_two == {"one", "two"}
    assert states["one"] == "invalid"


def test_a_runner_that_was_killed_is_seen_without_a_line(desk: Desk) -> None:
    desk.job("one")
    start = desk.state.start("one", NOW, alive=True)
    desk.state.block(start)
    live = live_statuses(desk)
    [running], _ = live.look(NOW)
    desk.state.block({**start, "pid": 99_999_999})
    [lost], _ = live.look(NOW)

    assert running.state == "running"
    assert lost.running is None
