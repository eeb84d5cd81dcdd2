"""The units of systemd, word for word: what systemd reads starts the same command, and what it cannot do is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from kit.systemd import has_systemd_analyze, systemd_analyze
from process_control.errors import BadConfiguration, Fault
from process_control.exports.systemd import TimedJob, UnitManner, Units, command_line, units_of

MANNER = UnitManner(
    job_directory="/var/lib/process-control",
    user="root",
    run_job=("/usr/bin/env",),
    process_control=("/usr/bin/true",),
    configuration=None,
    host="db1",
    years=(2026, 2027),
)
BACKUP = TimedJob(slug="backup", schedule=("30 2 * * *",), time_zone="Europe/Berlin")


def units(*jobs: TimedJob, manner: UnitManner = MANNER) -> Units:
    return units_of(jobs, manner)


def texts(*jobs: TimedJob, manner: UnitManner = MANNER) -> dict[str, str]:
    return {unit.name: unit.text for unit in units(*jobs, manner=manner).units}


def why(job: TimedJob) -> tuple[str, str]:
    made = units(job)
    [left] = made.left_out
    assert made.units == ()
    return left.faults[0].what, left.faults[0].hint


# --- word for word ---------------------------------------------------------------------------------------------------


def test_a_job_is_these_two_units() -> None:
    assert texts(BACKUP) == {
        "process-control-backup.timer": """\
# Written by process-control export systemd from the jobs in /var/lib/process-control
# What is edited here is lost: edit backup.yaml, then export again
[Unit]
Description=Times of the job backup

[Timer]
OnCalendar=*-*-* 02:30:00 Europe/Berlin
# What systemd leaves out at clock changes, in UTC; export again before the end of
# 2027, when these lines end
OnCalendar=2026-03-29 01:00:00 UTC
OnCalendar=2027-03-28 01:00:00 UTC
AccuracySec=1us
# A planned time that was missed is for `catch_up` and `process-control recover`
Persistent=false

[Install]
WantedBy=timers.target
""",
        "process-control-backup.service": """\
# Written by process-control export systemd from the jobs in /var/lib/process-control
# What is edited here is lost: edit backup.yaml, then export again
[Unit]
Description=Job backup

[Service]
Type=oneshot
User=root
ExecStart=/usr/bin/env --scheduled=timer backup
# The time limits, and what becomes of the processes, are those of the job file
KillMode=process
TimeoutStartSec=infinity
Delegate=yes
""",
    }


def test_watch_gets_a_timer_where_it_is_wanted_and_looks_at_boot_where_jobs_are_caught_up_with() -> None:
    with_boot = units_of([], MANNER, watch=True, at_boot=True).units

    assert [unit.name for unit in with_boot] == ["process-control-watch.timer", "process-control-watch.service"]
    assert "OnCalendar=*-*-* *:*:00\nOnBootSec=5s\n" in with_boot[0].text
    assert "ExecStart=/usr/bin/true watch\n" in with_boot[1].text
    assert "OnBootSec" not in units_of([], MANNER, watch=True).units[0].text


def test_the_configuration_is_named() -> None:
    text = texts(BACKUP, manner=replace(MANNER, configuration="/srv/100 %/pc.yaml"))["process-control-backup.service"]

    assert 'ExecStart=/usr/bin/env --scheduled=timer backup --config "/srv/100 %%/pc.yaml"\n' in text


def test_a_disabled_job_and_one_without_a_schedule_have_no_units() -> None:
    made = units(replace(BACKUP, disabled=True), TimedJob(slug="by-hand"), TimedJob(slug="watch"))

    assert (made.units, made.left_out, made.disabled) == ((), (), ("backup",))


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_job_is_named_with_its_faults() -> None:
    fault = Fault("unknown key 'timout'", where="purge.yaml:7:1", hint="did you mean 'timeout'?")

    assert why(TimedJob(slug="purge", faults=(fault,))) == (fault.what, fault.hint)


@pytest.mark.parametrize("on_overlap", ["queue", "replace", "fail"])
def test_a_job_that_wants_a_start_while_it_runs_is_refused(on_overlap: str) -> None:
    assert why(replace(BACKUP, on_overlap=on_overlap)) == (
        f"a timer does not start a job that is still running, so on_overlap: {on_overlap} has no effect",
        "remove on_overlap, or let cron start the job",
    )


@pytest.mark.parametrize(
    ("job", "what", "hint"),
    [
        (
            replace(BACKUP, time_zone="CET"),
            "systemd may take the time zone 'CET' for a half of the year in the host's zone",
            "write a zone that is named by a place, such as Europe/Berlin, or UTC",
        ),
        (
            replace(BACKUP, slug="watch"),
            "its units would have the names of those of `process-control watch`",
            "rename it",
        ),
        (replace(BACKUP, slug="a b"), "is not a valid name for a job file", ""),
        (
            replace(BACKUP, schedule=("@reboot",)),
            "'@reboot' is not a time that cron can plan",
            "start it from a systemd unit with WantedBy=multi-user.target and ExecStart=run-job NAME",
        ),
    ],
    ids=["zone", "watch", "name", "reboot"],
)
def test_what_a_timer_cannot_do_is_refused_with_its_reason(job: TimedJob, what: str, hint: str) -> None:
    assert why(job) == (what, hint)


def test_one_refused_job_keeps_no_other_from_being_exported() -> None:
    made = units(BACKUP, replace(BACKUP, slug="queued", on_overlap="queue"))

    assert {unit.job for unit in made.units} == {"backup"}
    assert [left.slug for left in made.left_out] == ["queued"]


@pytest.mark.parametrize("word", ["/srv/a\nb", "/srv/\x1b", "/srv/$HOME"])
def test_a_program_that_no_unit_can_name_is_refused(word: str) -> None:
    with pytest.raises(BadConfiguration, match="which a unit of systemd cannot contain here"):
        command_line([word, "x"])


# --- systemd reads them ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not has_systemd_analyze(), reason="systemd-analyze is not installed here")
def test_systemd_verifies_all_units_without_a_word(tmp_path: Path) -> None:
    jobs = [
        BACKUP,
        TimedJob(slug="Both_days", schedule=("*/5 * 1,15 * mon", "@weekly")),
        TimedJob(slug="leap", schedule=("0 0 29 2 */2",), time_zone="America/Santiago"),
        TimedJob(slug="H-1", schedule=("H H(0-6) * * 1-5",), time_zone="Asia/Kolkata"),
    ]
    odd = replace(MANNER, configuration='/srv/a "b" \\ 100% $HOME;/pc.yaml', job_directory="/srv/jobs \\")
    for unit in units_of(jobs, odd, watch=True, at_boot=True).units:
        (tmp_path / unit.name).write_text(unit.text)

    verified = systemd_analyze("verify", "--man=no", *sorted(map(str, tmp_path.iterdir())))

    assert (verified.returncode, verified.stderr) == (0, "")
    assert len(list(tmp_path.iterdir())) == 10
