"""`recover` as a page calls it: some at once, those of a job in their order, and none after a failure."""

from kit.harness import Box
from kit.outages import as_iso, hours_ago
from kit.runs import script
from process_control.actions.recover import FAILED, RUN, Fate, Progress, recover
from process_control.actions.start import How

SLOTS = [int(hours_ago(hour).timestamp()) for hour in (4, 3, 2, 1)]


def run(box: Box, wanted: list[tuple[str, list[int]]], *, at_once: int = 2) -> tuple[Progress, list[int]]:
    at_a_time: list[int] = []

    def fate_of(_: str, __: int) -> Fate:
        return "ran", "failed"

    done = recover(
        wanted,
        How(config=str(box.configuration)),
        at_once=at_once,
        fate_of=fate_of,
        on_progress=lambda progress: at_a_time.append(len(progress.running)),
    )
    return done, at_a_time


def test_each_slot_of_a_job_is_run_in_its_order_and_so_many_at_once(box: Box) -> None:
    note = script(box, "note.sh", f'echo "$PROCESS_CONTROL_SCHEDULED_AT" >> {box.root}/$PROCESS_CONTROL_JOB')
    for job in ("a", "b", "c"):
        box.job(job, f"command: {note}")
    until_b_has_run = script(box, "wait.sh", f"until [ -s {box.root}/b ]; do sleep 0.01; done")
    box.job("a", f"command: [{note}, {until_b_has_run}]")

    done, at_a_time = run(box, [(job, SLOTS) for job in ("a", "b", "c")])

    assert [result.done for result in done.results] == [RUN] * 12
    assert max(at_a_time) == 2
    for job in ("a", "b", "c"):
        assert (box.root / job).read_text().split() == [as_iso(hours_ago(hour)) for hour in (4, 3, 2, 1)]


def test_after_a_failure_the_rest_of_that_job_is_left(box: Box) -> None:
    box.job("bad", "command: sh -c 'exit 3'")
    box.job("good", "command: 'true'")

    done, _ = run(box, [("bad", SLOTS), ("good", SLOTS[:1])])

    assert sorted((result.job, result.done, result.exit_code) for result in done.results) == [
        ("bad", FAILED, 3),
        ("good", RUN, 0),
    ]
    assert done.left == [("bad", slot) for slot in SLOTS[1:]]
