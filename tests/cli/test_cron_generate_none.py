"""`cron-generate --none`: the crontab leaves the jobs to another trigger, until `--all`."""

import re
from pathlib import Path

from cli.test_crontab_condition import BACKUP, crontab
from kit.desk import Desk
from kit.harness import TESTER
from kit.plays_scheduler import plays_scheduler

__all__ = ["crontab"]

NONE = "# none: another trigger starts the jobs"


def lines_of(crontab: Path) -> list[str]:
    return crontab.read_text().splitlines()


def test_it_has_the_header_the_line_none_and_that_of_watch(desk: Desk, crontab: Path) -> None:
    done = desk.cron_generate("--none")

    header, edited, none, watch = lines_of(crontab)
    assert (done.exit_code, done.stderr) == (0, "")
    assert header == f"# Written by cron-generate from the jobs in {desk.jobs}"
    assert edited.startswith("# What is edited here is lost")
    assert none == NONE
    assert re.fullmatch(rf"\* \* \* \* \* {TESTER} .* watch --config {desk.configuration}", watch)


def test_the_look_after_a_boot_stays_where_a_job_is_caught_up_with(desk: Desk, crontab: Path) -> None:
    desk.job("caught-up", f"{BACKUP}\ncatch_up: latest")

    desk.cron_generate("--none")

    assert [line.split()[0] for line in lines_of(crontab)[3:]] == ["*", "@reboot"]


def test_it_stays_so_until_all(desk: Desk, crontab: Path) -> None:
    desk.cron_generate("--none")
    none = crontab.read_bytes()
    desk.job("more", BACKUP)
    unchanged = desk.cron_generate("--check")
    plain = desk.cron_generate()
    stays = crontab.read_bytes()
    would = desk.cron_generate("--check", "--all")
    desk.cron_generate("--all")

    assert (unchanged.exit_code, unchanged.stdout, plain.exit_code) == (0, "", 0)
    assert stays == none
    assert would.exit_code == 1
    assert [line for line in lines_of(crontab) if line == NONE] == []
    assert len([line for line in lines_of(crontab) if " --scheduled " in line]) == 2
    assert desk.cron_generate("--check").exit_code == 0


def test_it_is_recorded_that_the_lines_went_and_came(desk: Desk, crontab: Path) -> None:
    desk.cron_generate()
    desk.cron_generate("--none")
    desk.cron_generate("--all")

    events = desk.json("audit", "--event", "crontab", "--json")["events"]
    assert [each["change"] for each in events if each["job"] == "backup"] == ["added", "removed", "added"]


def test_a_crontab_elsewhere_is_written_as_the_one_in_use(desk: Desk, crontab: Path) -> None:
    other = desk.root / "cron.d" / "other"
    desk.cron_generate("--none")

    desk.cron_generate("--output", str(other))

    assert NONE in lines_of(other)


def test_with_nobody_in_charge_status_says_so(desk: Desk, crontab: Path) -> None:
    desk.cron_generate("--none")

    alone = desk.process_control("status").stderr
    with plays_scheduler(desk.configuration):
        under_the_scheduler = desk.process_control("status").stderr

    assert alone == (
        f"nothing starts the jobs: {crontab} leaves them to another trigger, and none is running; "
        "choose one: cron-generate --all, or process-control up\n"
    )
    assert under_the_scheduler == ""


def test_all_takes_over_from_a_scheduler_that_died(desk: Desk, crontab: Path) -> None:
    desk.cron_generate("--none")
    with plays_scheduler(desk.configuration) as scheduler:
        desk.cron_generate("--all")
        assert desk.json("status", "--json")["in_charge"]["trigger"] == "scheduler"
        scheduler.kill()
    desk.cron_generate()
    assert desk.json("status", "--json")["in_charge"]["trigger"] == "scheduler"

    done = desk.cron_generate("--all")

    assert (done.exit_code, done.stderr) == (0, "")
    assert desk.json("status", "--json")["in_charge"]["trigger"] == "cron"
    sentences = [each["sentence"] for each in desk.json("audit", "--event", "scheduler", "--json")["events"]]
    assert sentences[1:] == ["the scheduler ended: it had died; cron-generate --all has handed its jobs over to cron"]
    assert desk.process_control("status").stderr == ""


def test_none_and_all_do_not_go_together(desk: Desk, crontab: Path) -> None:
    done = desk.cron_generate("--none", "--all")

    assert (done.exit_code, done.stderr.splitlines()[0]) == (2, "--none and --all do not go together")
    assert not crontab.exists()
