"""A power cut at any moment: after the boot nothing acknowledged is gone, no run is doubled, each lost one is told."""

import email
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.crash_images import Disk, Moment, booted_from, disk_of
from kit.harness import Box, Storm
from kit.mail_server import nobody_sends, wait_until_told
from kit.runs import ONE_SLOT, assert_each_start_has_one_end, ends, script, starts

pytestmark = pytest.mark.needs_root

RUN_JOB, PROCESS_CONTROL, TELLING = (
    "process_control.cli.run_job.main",
    "process_control.cli.main",
    "process_control.notify.deliver",
)


@pytest.fixture
def disk(box: Box) -> Iterator[Disk]:
    with disk_of(box) as disk:
        yield disk


@pytest.fixture
def mails(box: Box) -> Path:
    """Have mail taken by a program that keeps it outside of the disk; the file where it keeps it."""
    path = box.root / "mails"
    path.touch()
    mailer = script(box, "sendmail", f"cat >> {path}; echo '=== end' >> {path}")
    box.configure(failmail={"to_address": "ops@example.org", "from_address": "pc@example.org", "sendmail": str(mailer)})
    return path


def messages(mails: Path) -> list[Any]:
    return [email.message_from_string(text) for text in mails.read_text().split("=== end\n") if text.strip()]


def test_a_hold_that_was_acknowledged_stays(box: Box, disk: Disk) -> None:
    """Of a job that never ran: its directory, its block and its health are all new."""
    box.job("nightly", f"command: touch {box.root}/ran\n{ONE_SLOT}")

    held = box.process_control("hold", "nightly", "--note", "do not run")

    with booted_from(box, disk.cut_now()) as after:
        by_hand, scheduled = after.run("nightly"), after.run("--scheduled", "nightly")
        assert (held.exit_code, by_hand.exit_code, scheduled.exit_code) == (0, 75, 0)
        assert ": do not run" in by_hand.stderr
        assert not (box.root / "ran").exists()


def test_a_hold_by_verdict_stays(box: Box, disk: Disk) -> None:
    box.job("migrate", f"command: sh -c 'exit 78'\nverdicts: [{{exit_code: 78, verdict: hold}}]\n{ONE_SLOT}")

    box.run("migrate")

    with booted_from(box, disk.cut_now()) as after:
        assert after.run("migrate").exit_code == 75


def test_a_run_that_the_power_cut_ended_is_lost_counted_and_mailed_once(box: Box, disk: Disk, mails: Path) -> None:
    """Its block was in memory only; the one on the disk tells of the run before."""
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("pay", "command: 'true'\n" + ONE_SLOT)
    box.run("pay")
    disk_of_the_last_hour = disk.cut_now()
    box.job(
        "pay", f"command: sh -c 'echo up > {started}; read line < {go_on}'\n{ONE_SLOT}\nhold: {{after_failures: 1}}"
    )
    with box.start("--scheduled", "pay") as live:
        started.read_line()
        image = disk.cut_now()
        go_on.write_line()
        live.wait()
    assert disk_of_the_last_hour.exists()

    with booted_from(box, image) as after:
        codes = [after.run(*words).exit_code for words in (["pay"], ["--scheduled", "pay"], ["pay"])]
        wait_until_told(after)
        assert codes == [75, 0, 75]
        assert [(end["outcome"], end["reason"]) for end in ends(after)] == [("succeeded", None), ("lost", "host_down")]
        assert after.health("pay")["state"] == "held"
    (mail,) = messages(mails)
    assert ": pay lost and is held: the host went down" in mail["Subject"]


def test_a_second_power_cut_right_after_the_boot_loses_nothing_and_tells_nothing_twice(
    box: Box, disk: Disk, mails: Path
) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    for slug in ("told", "untold"):
        box.job(slug, f"command: sh -c 'echo up > {started}; read line < {go_on}'")
    with box.start("told") as one, box.start("untold") as other:
        started.read_line(), started.read_line()
        image = disk.cut_now()
        go_on.write_line(), go_on.write_line()
        one.wait(), other.wait()
    for slug in ("told", "untold"):
        box.job(slug, "command: 'true'")

    with booted_from(box, image) as after:
        after.run("told")
        wait_until_told(after)
        again = image.with_name("again.img")
        shutil.copyfile(image, again)
    with booted_from(box, again) as after:
        after.run("told")
        after.run("untold")
        wait_until_told(after)
        found = [(end["job"], end["outcome"]) for end in ends(after)]
        assert [slug for slug, outcome in found if outcome == "lost"] == ["told", "untold"]
    told = Counter(message["Message-ID"] for message in messages(mails) if " lost: " in message["Subject"])
    assert list(told.values()) == [1, 1]


def test_a_lost_run_of_another_job_under_the_same_lock_is_told_too(box: Box, disk: Disk) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("one", f"command: sh -c 'echo up > {started}; read line < {go_on}'\nlock: both")
    box.job("other", "command: 'true'\nlock: both")
    with box.start("one") as live:
        started.read_line()
        image = disk.cut_now()
        go_on.write_line()
        live.wait()

    with booted_from(box, image) as after:
        assert after.run("other").exit_code == 0
        assert [end["outcome"] for end in ends(after, "one")] == ["lost"]


def test_mail_that_was_spooled_leaves_with_a_run_of_any_job(box: Box, disk: Disk, mails: Path) -> None:
    """Once its time has come, as the durable mark `due` says: a minute after the news, or at once."""
    box.job("bad", "command: 'false'")
    box.job("good", "command: 'true'")
    box.run("good")
    with nobody_sends(box):
        box.run("bad")

    with booted_from(box, disk.cut_now()) as after:
        a_minute_later(after)
    assert len(messages(mails)) == 1


def test_a_recovery_after_the_boot_is_mailed(box: Box, disk: Disk, mails: Path) -> None:
    """The mark of an incident is as durable as the news of it."""
    box.job("job", f"command: test -e {box.root}/well")
    box.run("job")
    wait_until_told(box)
    (box.root / "well").touch()

    with booted_from(box, disk.cut_now()) as after:
        after.run("job")
        wait_until_told(after)
    assert len(messages(mails)) == 2


def test_the_log_of_a_run_with_a_recorded_end_is_whole(box: Box, disk: Disk) -> None:
    box.job("job", "command: seq 1 20000")

    box.run("job")

    with booted_from(box, disk.cut_now()) as after:
        assert after.log_bytes("job") == b"".join(b"%d\n" % number for number in range(1, 20001))


# --- at every moment -------------------------------------------------------------------------------------------------

PROOF = "echo $PROCESS_CONTROL_JOB $PROCESS_CONTROL_RUN_ID $PROCESS_CONTROL_SCHEDULED_AT >> {proof}"
JOBS = ("held", "paused", "good", "bad", "loud")
SCHEDULED = ["--scheduled"]
STORY: tuple[tuple[str, list[str]], ...] = (
    (PROCESS_CONTROL, ["hold", "held", "--note", "do not run"]),
    (RUN_JOB, [*SCHEDULED, "good"]),
    (PROCESS_CONTROL, ["pause", "paused", "--for", "2h"]),
    (RUN_JOB, [*SCHEDULED, "bad"]),
    (TELLING, []),
    (RUN_JOB, ["good"]),
    (PROCESS_CONTROL, ["release", "held"]),
    (RUN_JOB, [*SCHEDULED, "loud"]),
    (PROCESS_CONTROL, ["hold", "held"]),
    (RUN_JOB, ["loud"]),
)
"""What is acknowledged when the command has ended. The act of a moment is the number of what is not yet."""
HOLD, BAD, TELL, RELEASE, HOLD_AGAIN = 0, 3, 4, 6, 8


@pytest.mark.long
@pytest.mark.fault("Power cut at any moment", small=5, full=300, wanted="nothing acknowledged gone, no run doubled")
def test_after_a_power_cut_at_any_moment_nothing_acknowledged_is_gone_and_no_run_is_doubled(
    make_box: Callable[..., Box], storm: Storm
) -> None:
    chance = random.Random(11)
    waiting: list[Moment] = []
    told: dict[Path, bytes] = {}
    lost = 0
    box = make_box()
    files = write_story(box)
    with disk_of(box) as disk:
        for _ in storm.rounds():
            if not waiting:
                waiting = moments_of_the_story(box, disk, files, chance)
                told = {path: path.read_bytes() for path in files.values()}
                chance.shuffle(waiting)
            moment = waiting.pop()
            for path, content in told.items():
                path.write_bytes(content[: moment.sizes[str(path)]])
            lost += ask(box, moment, files)
            moment.forget()
    storm.found(f"{storm.size} moments: nothing gone, no run twice, {lost} lost runs, each told once")


def write_story(box: Box) -> dict[str, Path]:
    files = {"proof": box.root / "proof", "mails": box.root / "mails"}
    for path in files.values():
        path.touch()
    mailer = script(box, "sendmail", f"cat >> {files['mails']}; echo '=== end' >> {files['mails']}")
    box.configure(failmail={"to_address": "ops@example.org", "from_address": "pc@example.org", "sendmail": str(mailer)})
    for slug, code in (("held", 0), ("paused", 0), ("good", 0), ("bad", 3)):
        job = script(box, slug, f"{PROOF.format(proof=files['proof'])}; exit {code}")
        box.job(slug, f"command: {job}\n{ONE_SLOT}\nhold: {{after_failures: 1}}")
    loud = script(box, "loud", f"{PROOF.format(proof=files['proof'])}; seq 1 9999")
    box.job("loud", f"command: {loud}\n{ONE_SLOT}")
    return files


def moments_of_the_story(box: Box, disk: Disk, files: dict[str, Path], chance: random.Random) -> list[Moment]:
    """Tell the story on a disk that is empty, with moments at which all is written back; return its moments."""
    disk.empty()
    for path in files.values():
        path.write_bytes(b"")
    found = []
    watched = tuple(files.values())
    for act, (module, words) in enumerate(STORY):
        sync_at = chance.choice([0, 0, chance.randrange(1, 12)])
        run_directory = box.state_directory / "run"
        run_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if module == TELLING:
            found += disk.copying(box, module, act=act, watched=watched, sync_at=sync_at)
        else:
            with nobody_sends(box):
                found += disk.copying(box, module, *words, act=act, watched=watched, sync_at=sync_at)
    return found


def ask(box: Box, moment: Moment, files: dict[str, Path]) -> int:
    """Boot from the image, have every job run by schedule and by hand, and compare; return how many runs were lost."""
    before = files["proof"].read_text()
    with booted_from(box, moment.image) as after:
        by_schedule = {slug: after.run(*SCHEDULED, slug, via="stub").exit_code for slug in JOBS}
        by_hand = {slug: after.run(slug, via="stub").exit_code for slug in JOBS}
        a_minute_later(after)
        where = (moment, by_schedule, by_hand)
        ran = [line.split() for line in files["proof"].read_text().splitlines()]
        new = Counter(words[0] for words in ran[len(before.splitlines()) :])

        slots = Counter(words[0] for words in ran if len(words) == 3)
        assert not [slug for slug, times in slots.items() if times > 1], where
        assert_each_start_has_one_end(after)
        assert {words[1] for words in ran} <= {start["run_id"] for start in starts(after)}, where
        assert_holds(after, moment, new, by_hand)
        assert_ends_and_logs(after, moment, ran[: len(before.splitlines())])
        told = Counter(message["Message-ID"] for message in messages(files["mails"]))
        for end in ends(after):
            if end["outcome"] in ("failed", "lost"):
                times = [count for name, count in told.items() if end["run_id"] in name]
                assert times == [1] or (times == [2] and moment.act == TELL), explain(after, moment, files)
        return sum(end["outcome"] == "lost" for end in ends(after))


def a_minute_later(after: Box) -> None:
    """Have a run tell what waits in the spool until its time has come."""
    wait_until_told(after)
    due = after.state_directory / "spool/due"
    if due.exists():
        os.utime(due, (0, 0))
        after.job("late", "command: 'true'")
        after.run("late")
        wait_until_told(after)


def explain(after: Box, moment: Moment, files: dict[str, Path]) -> str:
    """Return what is on the disk, for whoever has to find out why."""
    spooled = [str(path) for path in (after.state_directory / "spool").rglob("*")]
    return "\n".join(
        [str(moment), *map(str, after.journal()), *spooled, *(path.read_text() for path in files.values())]
    )


def assert_holds(after: Box, moment: Moment, new: Counter[str], by_hand: dict[str, int]) -> None:
    """What a person was told is held is held, also by a run that failed; what was released runs."""
    if HOLD < moment.act < RELEASE or moment.act > HOLD_AGAIN:
        assert (new["held"], by_hand["held"]) == (0, 75), moment
    if RELEASE < moment.act < HOLD_AGAIN:
        assert (new["held"] > 0, by_hand["held"]) == (True, 0), moment
    if moment.act > 2:
        assert (new["paused"], by_hand["paused"]) == (0, 75), moment
    assert by_hand["bad"] == 75, moment  # it failed, or it was lost, once
    assert after.health("bad")["state"] == "held"
    if moment.act > BAD:
        assert new["bad"] == 0


def assert_ends_and_logs(after: Box, moment: Moment, ran: list[list[str]]) -> None:
    """A run whose command has returned has the end that it had, and its whole log."""
    known = {end["run_id"]: end for end in ends(after)}
    number = 0
    for act, (module, words) in enumerate(STORY[: moment.act]):
        if module != RUN_JOB:
            continue
        end = known[ran[number][1]]
        number += 1
        assert end["outcome"] == ("failed" if act == BAD else "succeeded"), (moment, end)
        log = after.output_directory / Path(*Path(end["log"]).parts[-2:])
        assert log.stat().st_size == end["stdout_bytes"], (moment, end, words)
