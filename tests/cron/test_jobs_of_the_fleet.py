"""Jobs of the fleet on one host: crontab, units, scheduler and ledger leave them out, and --scheduled refuses them."""

import re

import pytest

from kit.harness import Box

SCHEDULED = "command: /bin/true\nschedule: '* * * * *'\n"


def on_one_line(screen: str) -> str:
    """Return what a terminal shows, without styles and line ends."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", screen).split())


@pytest.fixture
def box(box: Box) -> Box:
    box.configure(fleet={"address": "127.0.0.1:7233"})
    box.job("planned", SCHEDULED)
    box.job("own", f"{SCHEDULED}run_on: local\n")
    return box


def test_a_scheduled_start_of_a_job_of_the_fleet_is_refused_and_one_by_hand_is_not(box: Box) -> None:
    refused = box.run("planned", "--scheduled")

    assert refused.exit_code == 78
    assert refused.stderr == (
        f"{box.job_directory}/planned.yaml: job 'planned' belongs to the fleet, which starts it at its planned times\n"
        "  hint: run cron-generate, which leaves it out; or add to the job: run_on: local\n"
    )
    assert box.run("planned").exit_code == 0
    assert box.run("own", "--scheduled").exit_code == 0


def test_the_crontab_has_a_comment_in_place_of_a_job_of_the_fleet(box: Box) -> None:
    lines = box.cron_generate().stdout.splitlines()

    assert f"# started by the fleet: {box.job_directory}/planned.yaml" in lines
    assert [line.split()[-1] for line in lines if line.startswith("* * * * * ") and "--scheduled" in line] == [
        str(box.configuration)
    ]
    assert not [line for line in lines if line.startswith("*") and " planned " in line]


def test_units_of_systemd_leave_them_out(box: Box) -> None:
    result = box.process_control("export", "systemd")

    assert "no units for jobs that the fleet starts: planned\n" in result.stderr
    assert "process-control-planned" not in result.stdout


def test_this_host_misses_none_of_their_planned_times(box: Box) -> None:
    box.run("own", "--scheduled")

    jobs = {job["job"]: job["planned"] for job in box.process_control("slots", "--count", "--json").json()["jobs"]}

    assert jobs.get("planned", 0) == 0


def test_without_an_address_run_on_means_nothing(box: Box) -> None:
    box.configure(fleet=None)

    assert box.run("planned", "--scheduled").exit_code == 0


def test_views_say_that_the_schedule_is_in_the_fleet(box: Box) -> None:
    (listed,) = box.process_control("list", "planned", "--json").json()["jobs"]
    shown = box.process_control("show", "planned", tty=True)
    status = box.process_control("status", "planned", tty=True)
    (timer,) = box.process_control("timers", "planned", "--json").json()["timers"]
    why = box.process_control("why", "planned")

    assert (listed["schedule"], listed["schedule_in_words"], listed["next"]) == (
        ["* * * * *"],
        "in the fleet: every minute",
        None,
    )
    words = "in the fleet: every minute; the next planned time: process-control why planned --fleet"
    assert words in on_one_line(shown.stdout)
    assert "in the fleet: every minute; next run: process-control why planned --fleet" in on_one_line(status.stdout)
    assert timer["why"] == "planned in the fleet"
    assert "The fleet plans it, and no host does" in why.stdout
    assert "process-control why planned --fleet" in why.stdout


def test_lint_looks_at_the_schedule_that_is_in_the_fleet(box: Box) -> None:
    box.job("planned", "command: /bin/true\nschedule: '30 2 * * *'\ntime_zone: Europe/Berlin\ncatch_up: latest\n")

    findings = box.process_control("lint", "--json").json()["findings"]

    whats = [each["what"] for each in findings if each["file"].endswith("/planned.yaml")]
    assert len(whats) == 1, findings
    assert whats[0].startswith("clock changes in Europe/Berlin: ")
