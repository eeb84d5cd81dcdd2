"""`watch` notices jobs without a success for too long, and runs whose runner and guard are gone."""

from kit.looks import Looks, looks, posted
from kit.runs import ends, kill_both
from run_job.test_watch import look

__all__ = ["looks"]


def test_a_stale_job_is_posted_once_and_again_after_the_next_success(looks: Looks) -> None:
    box = looks.box
    box.job("job", "command: /bin/true\nexpect: {success_every: 10m}")
    box.run("job", env=looks.clock(0))

    looks.look(0.5, 9, 11, 12, 20)
    box.run("job", env=looks.clock(20.5))
    looks.look(21, 25, 30, 31, 32)

    events = posted(box, "stale", "went_well")
    assert [event["what"] for event in events] == ["stale", "went_well", "stale"]
    assert len({event["key"] for event in events}) == 3
    assert events[0]["sentence"] == "stale: no run has succeeded for 11 min, success_every: 10 min"
    assert events[0]["at"][:16] == looks.iso(11)[:16]


def test_a_run_whose_runner_and_guard_were_killed_is_lost_at_the_next_look(looks: Looks) -> None:
    box = looks.box
    started = box.fifo("started")
    box.job("job", f"command: sh -c 'echo > {started}; exec sleep 1000'")
    look(box)
    with box.start("job"):
        started.read_line()
        look(box)
        assert ends(box) == []
        kill_both(box, "job")

    look(box)
    look(box)

    assert [end["outcome"] for end in ends(box)] == ["lost"]
    assert [(event["what"], event["end"]["outcome"]) for event in posted(box)] == [("failed", "lost")]


def test_a_run_in_progress_is_left_alone(looks: Looks) -> None:
    box = looks.box
    started, may_end = box.fifo("started"), box.fifo("may_end")
    box.job("job", f"command: sh -c 'echo > {started}; read line < {may_end}'")
    with box.start("job") as live:
        started.read_line()

        look(box)
        look(box)

        may_end.write_line("now")
        assert live.wait().exit_code == 0
    assert [end["outcome"] for end in ends(box)] == ["succeeded"]
