"""Jobs of the fleet on one host: crontab, units, scheduler and ledger leave them out, and --scheduled refuses them."""

import pytest

from kit.harness import Box

SCHEDULED = "command: /bin/true\nschedule: '* * * * *'\n"


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
