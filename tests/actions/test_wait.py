"""`wait` as a page or a scheduler calls it: how the runs ended is a value."""

from kit.harness import Box
from kit.runs import starts
from process_control.actions.wait import wait
from process_control.config.settings import Settings


def test_a_wait_returns_how_the_run_ended(box: Box, settings: Settings) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}; exit 3'")
    with box.start("job") as live:
        started.read_line()
        [too_long] = wait(settings, ["job"], seconds=0.1)
        go_on.write_line()
        awaited = wait(settings, ["job"], named=["job"])
        live.wait()

    assert (too_long.is_running, too_long.end) == (True, {})
    [ended] = awaited
    assert (ended.slug, ended.run_id, ended.is_running) == ("job", starts(box)[0]["run_id"], False)
    assert (ended.end["outcome"], ended.to_json()["exit_code"]) == ("failed", 3)


def test_of_jobs_that_do_not_run_only_those_that_are_named_are_told(box: Box, settings: Settings) -> None:
    box.job("job", "command: /bin/true")
    box.job("never", "command: /bin/true")
    box.run("job")

    assert wait(settings, ["job", "never"]) == []
    assert [each.end["outcome"] for each in wait(settings, ["job", "never"], named=["job", "never"])] == ["succeeded"]
