"""A scheduler that died is one trouble of the host, found by a look of cron, which does nothing while it lives."""

import json
import os
import signal

from kit.looks import Looks, looks, posted
from kit.plays_scheduler import plays_scheduler
from kit.runs import records

__all__ = ["looks"]

TRUE = "command: /bin/true\nstart_within: 3m"


def cron_d(looks: Looks) -> None:
    (looks.box.root / "cron.d").mkdir()
    looks.box.configure(output_crontab=str(looks.box.root / "cron.d" / "pc"))


def test_it_is_one_dead_trigger_that_names_what_was_missed_until_a_start_comes(looks: Looks) -> None:
    cron_d(looks)
    looks.box.job("one", f"{TRUE}\n{looks.planned(2, 14)}")
    looks.box.cron_generate("--none")
    with plays_scheduler(looks.box.configuration) as scheduler:
        scheduler.kill()

    looks.look(1)
    for minute in (2, 4, 6, 8, 10, 12):
        looks.pass_by(2)
        looks.look(minute)
    assert len(posted(looks.box)) == 2
    looks.box.cron_generate("--all", env=looks.clock(13))  # cron takes over
    looks.start("one", 14)
    looks.look(14.5)

    opened, missed, over = posted(looks.box)
    assert (opened["what"], opened["jobs"]) == ("trigger_dead", {})
    assert opened["sentence"].startswith(f"the scheduler (pid {scheduler.pid}) died: it was last seen at ")
    assert opened["sentence"].endswith("; to start it again: process-control scheduler")
    assert (missed["what"], missed["jobs"]) == ("trigger_dead", {"one": 1})
    assert missed["sentence"].startswith("1 planned times of 1 jobs were missed: the scheduler died: it was last seen")
    assert (over["what"], over["cause"]) == ("over", "trigger_dead")


def test_one_that_is_back_at_the_next_look_is_none(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(300)}")
    with plays_scheduler(looks.box.configuration) as scheduler:
        scheduler.kill()
    looks.look(1)
    with plays_scheduler(looks.box.configuration):
        pass  # it looks, and is alive
    looks.pass_by(1)

    looks.look(2)

    assert posted(looks.box) == []


def test_a_crontab_that_leaves_the_jobs_to_nobody_is_a_dead_trigger_after_some_minutes(looks: Looks) -> None:
    cron_d(looks)
    looks.box.job("one", f"{TRUE}\n{looks.planned(300)}")
    looks.box.cron_generate("--none")

    for minute in (0, 2, 4, 6):
        looks.look(minute)
        looks.pass_by(2)

    (event,) = posted(looks.box)
    assert event["what"] == "trigger_dead"
    assert event["sentence"].startswith(f"nothing starts the jobs: {looks.box.root}/cron.d/pc leaves them to another")


def test_the_ledger_names_the_schedulers_death(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(2)}")
    with plays_scheduler(looks.box.configuration) as scheduler:
        scheduler.kill()

    slots = looks.box.process_control("slots", "one", "--since", looks.iso(0), "--json", env=looks.clock(9)).json()
    why = looks.box.process_control("why", "one", looks.iso(2), env=looks.clock(9)).stdout

    [slot] = slots["slots"]
    assert (slot["fate"], slot["cause"]) == ("missed", "trigger_dead")
    assert slot["evidence"][0]["what"].startswith("the scheduler died: it was last seen at ")
    assert "Whether the scheduler runs now, and starts the jobs: process-control doctor" in " ".join(why.split())


def test_the_ledger_says_that_it_was_stopped_or_drained_and_by_whom(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(2)}")
    with plays_scheduler(looks.box.configuration) as scheduler:
        scheduler.drain("ann")
        drained = _why_missed(looks)
        scheduler.end()
    stopped = _why_missed(looks)

    assert drained.startswith("the scheduler started nothing more: it drained from 2")
    assert drained.endswith("Z on, by order of ann")
    assert stopped.startswith("the scheduler was stopped at 2")
    assert stopped.endswith("Z, and nothing was started after that")


def _why_missed(looks: Looks) -> str:
    """Return the evidence for the planned time of the job, seven minutes after it."""
    slots = looks.box.process_control("slots", "one", "--since", looks.iso(0), "--json", env=looks.clock(9)).json()
    [slot] = slots["slots"]
    assert (slot["fate"], slot["cause"]) == ("missed", "trigger_dead")
    return str(slot["evidence"][0]["what"])


def test_while_it_lives_and_looks_the_look_of_cron_does_nothing(looks: Looks) -> None:
    box = looks.box
    textfile = box.root / "metrics.prom"
    box.configure(metrics={"textfile": str(textfile)})
    box.job("one", f"{TRUE}\n{looks.planned(300)}")
    with plays_scheduler(box.configuration) as scheduler:
        before = looks.note.read_bytes()
        box.job("bad", "comand: /bin/true")
        result = box.process_control("watch")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
        assert looks.note.read_bytes() == before
        assert not textfile.exists()
        scheduler.kill()

    box.process_control("watch")

    assert looks.note.read_bytes() != before
    assert textfile.exists()
    assert records(box, "version", "bad")


def test_one_that_is_alive_and_does_not_look_is_looked_for(looks: Looks) -> None:
    looks.box.job("one", f"{TRUE}\n{looks.planned(300)}")
    with plays_scheduler(looks.box.configuration) as scheduler:
        os.kill(scheduler.pid, signal.SIGSTOP)
        looks.pass_by(4)
        aged = json.loads(looks.note.read_text())

        looks.look(4)

        assert json.loads(looks.note.read_text())["up"] > aged["up"]
    assert [event["event"] for event in looks.box.journal() if event["event"] == "gap"] == ["gap"]
