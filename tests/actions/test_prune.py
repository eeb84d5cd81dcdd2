"""`prune` as a page or a scheduler calls it: what was removed is a value, and a live run keeps its log."""

from kit.harness import Box
from process_control.actions.prune import prune
from process_control.config.settings import load_settings


def test_a_prune_says_what_it_removed_and_leaves_the_log_of_a_live_run(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.configure(retention={"runs": 1})
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\nname: a job")
    settings = load_settings(str(box.configuration), {})
    with box.start("job") as live:
        started.read_line()
        [of_live] = box.logs("job")
        older = [of_live.with_name(f"job-2026010{day}-000000-{'0' * 16}.log") for day in (1, 2)]
        for path in older:
            path.write_bytes(b"old")
        would = prune(settings, dry_run=True)
        done = prune(settings)
        kept = box.logs("job")
        go_on.write_line()
        live.wait()

    assert [removal.path for removal in would.logs] == [removal.path for removal in done.logs]
    assert of_live in kept
    assert not older[0].exists()
    assert done.faults == []
