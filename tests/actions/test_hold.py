"""`hold`, `pause` and `release` as a page or a scheduler calls them: what became of each job is a value."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kit.harness import Box
from kit.runs import records
from process_control.actions.hold import hold
from process_control.actions.pause import pause
from process_control.actions.release import release
from process_control.actions.rights import Actor
from process_control.config.job_directory import InvalidJob
from process_control.core.job import Job
from process_control.core.moments import parse_iso

Jobs = Callable[[], list[Job | InvalidJob]]


def test_a_hold_says_what_became_of_each_job_and_who_did_it_is_recorded(box: Box, actor: Actor, jobs: Jobs) -> None:
    box.job("a", "command: /bin/true")
    box.job("b", "command: [")

    done = hold(actor, jobs(), note="the disk is full")
    again = hold(actor, jobs())

    assert [(each.slug, each.what, each.health.state.value, each.changed.is_change) for each in done] == [
        ("a", "held", "held", True),
        ("b", "held", "held", True),
    ]
    assert [each.what for each in again] == ["was held already"] * 2
    assert [(record["by"], record["detail"]) for record in records(box, "hold")] == [("ada", "the disk is full")] * 2
    assert box.run("a").exit_code == 75


def test_a_hold_names_the_run_that_it_leaves_alone(box: Box, actor: Actor, jobs: Jobs) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'")
    with box.start("job") as live:
        started.read_line()
        [done] = hold(actor, jobs())
        go_on.write_line()
        live.wait()

    assert done.live_run == records(box, "start")[0]["run_id"]


def test_a_pause_ends_by_itself_and_never_shortens_a_hold(box: Box, actor: Actor, jobs: Jobs) -> None:
    box.job("job", "command: /bin/true")

    before = datetime.now(UTC)
    [paused] = pause(actor, jobs(), seconds=3600, note="lunch")
    after = datetime.now(UTC)
    [held] = hold(actor, jobs())
    [not_shortened] = pause(actor, jobs(), seconds=60)
    since, until = parse_iso(paused.health.since), parse_iso(paused.health.release_at)

    assert since is not None
    assert until is not None
    for moment in (since, until - timedelta(seconds=3600)):
        assert before - timedelta(seconds=1) < moment <= after
    assert (held.what, held.health.release_at) == ("held still", None)
    assert (not_shortened.what, not_shortened.changed.is_change) == ("was held already", False)


def test_a_release_says_whether_anything_was_held(box: Box, actor: Actor, jobs: Jobs) -> None:
    box.job("job", "command: /bin/true")
    hold(actor, jobs())

    [released] = release(actor, jobs(), note="new disk")
    [again] = release(actor, jobs())

    assert (released.what, released.health.state.value) == ("released", "healthy")
    assert (again.what, again.changed.is_change) == ("was not held", False)
    assert again.to_json()["done"] == "was not held"
    assert box.run("job").exit_code == 0
