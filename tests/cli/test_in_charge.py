"""`status`, `check`, `doctor` and `why` judge what is in charge, and nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.test_crontab_condition import BACKUP, crontab
from kit import mount_namespaces
from kit.desk import Desk
from kit.harness import PROJECT
from kit.old_versions import seen_days_ago
from kit.plays_scheduler import plays_scheduler

__all__ = ["crontab"]

DIED = (
    r"the scheduler \(pid {pid}\) died: it was last seen at 2[\d:.TZ-]+; to start it again: process-control scheduler\n"
)
CHOOSE = "choose one: cron-generate, or process-control up"


def alerts(desk: Desk) -> list[str]:
    """Return what `status` and `check` say of all jobs; both say the same."""
    lines = desk.process_control("status").stderr.splitlines()
    check = desk.process_control("check", "--json").json()
    assert [trouble["why"] for trouble in check["troubles"] if trouble["job"] == "cron"] == lines
    assert desk.json("status", "--json")["alerts"] == lines
    return lines


def charge(desk: Desk) -> tuple[str, bool]:
    found = {json.dumps(desk.json(verb, "--json")["in_charge"]) for verb in ("status", "list")}
    assert len(found) == 1
    value = json.loads(found.pop())
    return value["trigger"], value["alive"]


def findings(desk: Desk, *checks: str) -> list[tuple[str, str, str | None]]:
    found = desk.process_control("doctor", "--json").json()["findings"]
    return [(each["check"], each["state"], each["remedy"]) for each in found if each["check"] in checks]


def test_with_the_scheduler_alive_no_crontab_is_missed(desk: Desk, crontab: Path) -> None:
    assert charge(desk) == ("nobody", False)
    with plays_scheduler(desk.configuration):
        assert alerts(desk) == []
        assert charge(desk) == ("scheduler", True)
        assert findings(desk, "scheduler", "cron", "cron_zone") == [("scheduler", "ok", None)]
        answer = desk.json("why", "backup", "--json")
        assert answer["now"]["blocked_by"] == []


def test_with_the_scheduler_alive_an_old_crontab_is_no_finding(desk: Desk, crontab: Path) -> None:
    desk.cron_generate()
    desk.job("more", BACKUP)

    with plays_scheduler(desk.configuration):
        under_the_scheduler = alerts(desk)

    assert under_the_scheduler == []


def test_a_scheduler_that_was_killed_is_said_to_have_died_with_what_starts_it_again(desk: Desk, crontab: Path) -> None:
    desk.cron_generate()
    with plays_scheduler(desk.configuration) as scheduler:
        scheduler.kill()

    died = DIED.format(pid=scheduler.pid)
    [alert] = alerts(desk)
    assert re.fullmatch(died, f"{alert}\n")
    assert charge(desk) == ("scheduler", False)
    assert findings(desk, "scheduler", "cron") == [("scheduler", "bad", "process-control scheduler")]
    [blocker] = desk.json("why", "backup", "--json")["now"]["blocked_by"]
    assert blocker["reason"] == "scheduler_dead"
    assert blocker["remedy"] == f"process-control scheduler --config {desk.configuration}"


def test_since_is_its_last_look(desk: Desk, crontab: Path) -> None:
    with plays_scheduler(desk.configuration) as scheduler:
        note = desk.root / "state" / "scheduler.json"
        since = desk.json("status", "--json")["in_charge"]["since"]
        before = note.stat().st_mtime_ns
        scheduler.look()
        assert note.stat().st_mtime_ns > before
        scheduler.kill()

    died = desk.json("status", "--json")["in_charge"]["since"]
    assert since < died
    assert json.loads((desk.root / "state" / "watch.json").read_text())["at"] == died


def test_after_its_end_cron_is_in_charge_or_nobody(desk: Desk, crontab: Path) -> None:
    with plays_scheduler(desk.configuration) as scheduler:
        scheduler.end()
    nobody = alerts(desk)
    desk.cron_generate()

    assert nobody == [f"nothing starts the jobs: {crontab} does not exist, and no scheduler is running; {CHOOSE}"]
    assert (alerts(desk), charge(desk)) == ([], ("cron", True))


def test_where_cron_reads_no_file_nobody_is_said_to_be_in_charge_after_the_schedulers_end(desk: Desk) -> None:
    desk.job("backup", BACKUP)
    before = desk.process_control("status").stderr
    with plays_scheduler(desk.configuration) as scheduler:
        scheduler.end()

    assert before == ""
    assert alerts(desk) == [f"nothing starts the jobs: neither cron nor a scheduler does; {CHOOSE}"]


def test_a_job_that_is_late_asks_for_what_is_in_charge(desk: Desk, crontab: Path) -> None:
    desk.job("late", 'command: /bin/true\nschedule: "0 * * * *"')
    seen_days_ago(desk.configuration, "late")
    rows = {line[0]: line for line in (row.split("\t") for row in desk.process_control("status").stdout.splitlines())}
    with plays_scheduler(desk.configuration):
        under = {line[0]: line for line in desk.lines("status")}

    assert rows["late"][-1].endswith(": is cron running?")
    assert under["late"][-1].endswith(": is the scheduler running?")


@pytest.mark.needs_root
def test_where_the_unit_is_installed_systemd_starts_it_again(desk: Desk, crontab: Path) -> None:
    with plays_scheduler(desk.configuration) as scheduler:
        scheduler.kill()
    script = (
        "mount -t tmpfs none /run && mkdir -p /run/systemd/system && mount -t tmpfs none /etc/systemd/system && "
        "touch /etc/systemd/system/process-control.service && exec "
    )
    mount_namespaces.needed()

    done = subprocess.run(
        [*mount_namespaces.IN_ONE, "sh", "-ec", f'{script} "$@"', "sh", sys.executable, "-m",
         "process_control.cli.main", "--config", str(desk.configuration), "status"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stderr.endswith("; to start it again: systemctl restart process-control\n"), done
