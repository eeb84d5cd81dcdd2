"""Green is true: `status` and `check` say when cron does not start the jobs as their files say."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.desk import Desk
from kit.harness import PROJECT
from kit.old_versions import seen_days_ago

NOW = datetime.now(UTC)
BACKUP = 'command: /bin/true\nschedule: "30 2 * * *"'


@pytest.fixture
def crontab(desk: Desk) -> Path:
    """A target in a cron.d of its own, and a program that its lines call."""
    (desk.root / "cron.d").mkdir()
    path = desk.root / "cron.d" / "process-control"
    runner = desk.root / "run-job"
    runner.symlink_to("/bin/true")
    desk.configure(output_crontab=str(path), runner_path=str(runner), syslog={"address": str(desk.root / "syslog")})
    desk.job("backup", BACKUP)
    return path


def said(desk: Desk, *words: str) -> str:
    """Return what `status` says besides its rows; `check` and the JSON have to say the same."""
    told = desk.process_control("status", *words).stderr
    if not words:
        (desk.root / "cron").touch()
        lines = told.splitlines()
        check = desk.process_control("check", "--json").json()
        assert [trouble["why"] for trouble in check["troubles"] if trouble["job"] == "cron"] == lines
        assert check["exit_code"] == (1 if lines else 0)
        assert desk.json("status", "--json")["alerts"] == lines
    return told


def test_a_crontab_that_was_never_written_is_told(desk: Desk, crontab: Path) -> None:
    assert said(desk) == (
        f"nothing starts the jobs: {crontab} does not exist, and no scheduler is running; "
        "choose one: cron-generate, or process-control up\n"
    )


def test_without_a_crontab_nothing_is_told_where_nothing_is_planned_or_timers_start_the_jobs(
    desk: Desk, crontab: Path
) -> None:
    desk.state.run("backup", NOW - timedelta(hours=1), trigger="timer")
    by_timers = said(desk)
    (desk.jobs / "backup.yaml").unlink()
    desk.job("by-hand")
    without_schedules = said(desk)
    desk.configure(output_crontab="console")
    desk.job("backup", BACKUP)

    assert [by_timers, without_schedules, said(desk)] == ["", "", ""]


def test_a_crontab_that_fits_says_only_what_no_crontab_can_have_and_of_one_job_nothing_is_said(
    desk: Desk, crontab: Path
) -> None:
    desk.job("tokyo", f"{BACKUP}\ntime_zone: Asia/Tokyo")
    desk.cron_generate()

    fits = said(desk)
    (desk.state.directory / "crontab.json").unlink()
    without_its_fingerprint = said(desk)
    crontab.unlink()

    assert fits == without_its_fingerprint
    assert fits.startswith("tokyo is not in the crontab: cron only knows the host's time zone")
    assert said(desk, "backup") == ""


@pytest.mark.parametrize("change", ["a new job", "another schedule", "a job that went", "another runner", "by hand"])
def test_a_crontab_that_does_not_fit_the_files_is_told_until_it_does(desk: Desk, crontab: Path, change: str) -> None:
    desk.job("other", BACKUP)
    desk.cron_generate()
    if change == "a new job":
        desk.job("forgotten", BACKUP)
    elif change == "another schedule":
        desk.job("backup", BACKUP.replace("30", "40"))
    elif change == "a job that went":
        (desk.jobs / "other.yaml").unlink()
    elif change == "another runner":
        (desk.root / "runner").symlink_to("/bin/true")
        desk.configure(output_crontab=str(crontab), runner_path=str(desk.root / "runner"))
    else:
        crontab.write_text(crontab.read_text().replace("30 2", "31 2"))

    before = said(desk)
    desk.cron_generate()

    assert before == (
        f"{crontab} does not match the job files; to compare: cron-generate --check; to update it: cron-generate\n"
    )
    assert said(desk) == ""


def test_lines_that_call_what_is_gone_are_told(desk: Desk, crontab: Path) -> None:
    desk.cron_generate()
    (desk.root / "run-job").unlink()

    assert said(desk) == (
        f"the lines of {crontab} call {desk.root}/run-job, which no longer exists; write them again: cron-generate\n"
    )


ON_A_HOST = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system
mount -t tmpfs none /var/spool/cron && mkdir /var/spool/cron/crontabs
mount --bind {root}/cron.d /etc/cron.d && mount --bind /dev/null /etc/crontab
{status}
{generate}
cron
until [ -s /run/crond.pid ]; do sleep 0.01; done
echo "cron runs" >&2
{status}
"""


@pytest.mark.needs_root
def test_on_a_host_a_cron_that_does_not_run_is_told(desk: Desk, crontab: Path) -> None:
    """In a pid namespace of its own there is no cron of anybody else."""
    desk.cron_generate()
    isolate = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*isolate, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    called = f"{sys.executable} -m process_control.cli"
    status = f"{called}.main --config {desk.configuration} status > /dev/null"
    generate = f"{sys.executable} -c 'from process_control.cli.verbs.cron_generate import main; main()'"

    done = subprocess.run(
        [*isolate, "sh", "-ec", ON_A_HOST.format(root=desk.root, status=status, generate=generate)],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PROCESS_CONTROL_CONFIG": str(desk.configuration)},
        capture_output=True,
        text=True,
        check=False,
    )

    trouble = "cron is not running, so no job starts by itself: systemctl start cron\n"
    assert done.stderr == f"{trouble}{trouble}cron runs\n"


# --- crontabs of users ------------------------------------------------------------------------------------------------

WITH_A_SPOOL = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system
mount -t tmpfs none /var/spool/cron && mkdir /var/spool/cron/crontabs
mount --bind /dev/null /etc/crontab
status() {{ echo "- $1" >&2; {status}; }}
install() {{ {generate} --output {root}/crontab; crontab {root}/crontab; }}
status none
echo "1 1 * * * /bin/true" | crontab -
status "of somebody else"
install
status "cron is down"
cron
until [ -s /run/crond.pid ]; do sleep 0.01; done
status "all is well"
echo 'name: Forgotten\ncommand: /bin/true\nschedule: "1 2 * * *"' > {jobs}/forgotten.yaml
status "a new job"
(echo "PATH=/bin"; crontab -l) | crontab -
status "a new job, and a line of the user"
rm {jobs}/forgotten.yaml
status "a line of the user"
install
rm {root}/run-job
status "a program that is gone"
crontab -r
status removed
"""


@pytest.mark.needs_root
@pytest.mark.parametrize("output_crontab", ["console", "a file"])
def test_of_a_crontab_that_was_installed_by_the_program_crontab_the_same_is_told(
    desk: Desk, crontab: Path, output_crontab: str
) -> None:
    target = output_crontab if output_crontab == "console" else str(desk.root / "crontab")
    desk.configure(
        output_crontab=target, runner_path=str(desk.root / "run-job"), syslog={"address": str(desk.root / "syslog")}
    )
    isolate = ["unshare", "--mount", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*isolate, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    status = f"{sys.executable} -m process_control.cli.main --config {desk.configuration} status > /dev/null"
    generate = f"{sys.executable} -c 'from process_control.cli.verbs.cron_generate import main; main()'"

    done = subprocess.run(
        [
            *isolate,
            "sh",
            "-ec",
            WITH_A_SPOOL.format(root=desk.root, jobs=desk.jobs, status=status, generate=generate),
        ],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PROCESS_CONTROL_CONFIG": str(desk.configuration)},
        capture_output=True,
        text=True,
        check=False,
    )

    differs = "the crontab of root does not match the job files; to update it: "
    gone = f"the lines of the crontab of root call {desk.root}/run-job, which no longer exists; "
    again = "cron-generate --output ~/crontab; crontab ~/crontab"
    nobody = (
        "nothing starts the jobs: neither cron nor a scheduler does; choose one: cron-generate, or process-control up"
    )
    assert done.stderr.splitlines() == [
        "- none",
        nobody,
        "- of somebody else",
        nobody,
        "- cron is down",
        "cron is not running, so no job starts by itself: systemctl start cron",
        "- all is well",
        "- a new job",
        f"{differs}{again}",
        "- a new job, and a line of the user",
        f"{differs}put what `cron-generate --output console` prints in place of its lines: crontab -e",
        "- a line of the user",
        "- a program that is gone",
        f"{gone}to write them again: {again}",
        "- removed",
        nobody,
    ]


# --- late ------------------------------------------------------------------------------------------------------------

HOURLY = 'command: /bin/true\nschedule: "0 * * * *"'


@pytest.mark.needs_utc
def test_a_job_whose_planned_time_passed_without_a_run_is_late(desk: Desk) -> None:
    desk.job("late", HOURLY)
    seen_days_ago(desk.configuration, "late")
    desk.job("late-since-its-last-run", HOURLY)
    seen_days_ago(desk.configuration, "late-since-its-last-run")
    desk.job("disabled", f"{HOURLY}\ndisabled: true")
    seen_days_ago(desk.configuration, "disabled")
    desk.job("new", HOURLY)
    desk.state.run("late-since-its-last-run", NOW - timedelta(hours=5))

    for _ in range(2):  # the second look has the schedules in its cache
        rows = {line[0]: (line[1], line[9]) for line in desk.lines("status")}

        assert [slug for slug, (state, _) in rows.items() if state == "late"] == ["late", "late-since-its-last-run"]
        assert rows["late"][1].startswith("no run for the planned time ")
        assert rows["late"][1].endswith(":00: is cron running?")
        assert rows["new"] == ("never ran", "")
    told = {job["job"]: job["late"] for job in desk.json("status", "--json")["jobs"]}
    assert (told["new"], told["disabled"]) == (None, None)
    assert told["late"] == told["late-since-its-last-run"]
    assert datetime.fromisoformat(told["late"]).minute == 0


def test_a_job_that_never_ran_says_why_its_last_start_was_skipped(desk: Desk) -> None:
    desk.job("nightly", HOURLY)
    desk.state.skip("nightly", NOW - timedelta(minutes=5), reason="overlap", detail="still runs")

    [[_, state, *_, why]] = desk.lines("status")

    assert (state, why) == ("never ran", "its last start was skipped: still runs")
