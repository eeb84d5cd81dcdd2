"""Chains under the scheduler: what follows a job follows it there too, for the same planned time, once."""

from kit.harness import Box, until
from kit.runs import ONE_SLOT, ends, skips, starts
from kit.schedulers import scheduler


def test_a_follower_runs_after_its_cause_for_the_same_planned_time(box: Box) -> None:
    box.job("load", f"command: /bin/true\n{ONE_SLOT}")
    box.job("report", "command: echo done\nafter: load")

    with scheduler(box) as live:
        until(lambda: ends(box, "report"), "the end of the follower")
        planned = live.ask("status")["scheduler"]["jobs"]

    (load,), (report,) = starts(box, "load"), starts(box, "report")
    assert planned == 1  # the follower has no planned times of its own
    assert (load["trigger"], report["trigger"]) == ("scheduler", "job")
    assert report["scheduled_at"] == load["scheduled_at"]


def test_a_follower_in_a_full_pool_waits_for_its_place(box: Box) -> None:
    box.configure(pools={"db": {"at_once": 1}})
    started, release = box.fifo("started"), box.fifo("release")
    box.job("load", f"command: /bin/true\n{ONE_SLOT}")
    box.job("other", f"command: sh -c 'echo x > {started}; read line < {release}'\npool: db\n{ONE_SLOT}")
    box.job("report", "command: /bin/true\npool: db\nafter: load")

    with scheduler(box):
        started.read_line()
        until(lambda: ends(box, "load"), "the end of the cause")
        until(lambda: "waits since" in box.process_control("status", "report").stdout, "the follower to wait")
        assert not starts(box, "report")
        release.write_line("")
        until(lambda: ends(box, "report"), "the end of the follower")

    assert [end["outcome"] for end in ends(box, "report")] == ["succeeded"]


def test_a_follower_of_a_failed_cause_is_skipped_and_says_why(box: Box) -> None:
    box.job("load", f"command: 'false'\n{ONE_SLOT}")
    box.job("report", "command: echo never\nafter: load")

    with scheduler(box):
        until(lambda: skips(box, "report"), "the follower to be skipped")

    (skip,) = skips(box, "report")
    assert skip["reason"] == "cause_missing"
    assert "load" in skip["detail"]
