"""`export systemd`: units printed, compared and installed; each change is logged, and nothing of others is touched."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.desk import Desk
from kit.harness import SERVICE_USER, Box, Result
from kit.syslog_listener import Listener

pytestmark = pytest.mark.needs_utc
BACKUP = "command: /bin/true\nschedule: '30 2 * * *'"
TIMER, SERVICE = "process-control-backup.timer", "process-control-backup.service"
RM = "  hint: to leave them to the timers: rm"
HINT = "  hint: move it away, or rename the job\n"


@pytest.fixture
def units(desk: Desk) -> Path:
    """A directory of units, with one of somebody else."""
    desk.configure(syslog={"address": str(desk.root / "syslog")})
    directory = desk.root / "units"
    directory.mkdir()
    (directory / "process-control-other.timer").write_text("[Timer]\nOnCalendar=hourly\n")
    return directory


def export(desk: Desk, units: Path, *flags: str) -> list[str]:
    """Return what is printed, with the names of units only."""
    result = desk.process_control("export", "systemd", "--output", str(units), *flags)
    assert result.exit_code == 0, result
    return [line.replace(f"{units}/", "") for line in result.stdout.splitlines()]


def names(units: Path) -> set[str]:
    return {path.name for path in units.iterdir()} - {"process-control-other.timer"}


def test_without_flags_the_units_are_printed_and_nothing_is_written(desk: Desk) -> None:
    desk.job("backup", BACKUP)

    result = desk.process_control("export", "systemd")

    assert (result.stderr, result.exit_code) == ("", 0)
    first = f"# Written by process-control export systemd from the jobs in {desk.jobs}"
    assert [line for line in result.stdout.splitlines() if line.startswith("# ")][:2] == [f"# {TIMER}", first]
    assert "\nOnCalendar=*-*-* 02:30:00\n" in result.stdout
    assert f"--scheduled=timer backup --config {desk.configuration}\n" in result.stdout


def test_units_are_written_once_and_what_others_wrote_stays(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)

    assert export(desk, units) == [f"added {SERVICE}", f"added {TIMER}"]
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in units.iterdir()}
    again = desk.process_control("export", "systemd", "--output", str(units))

    assert (again.stdout, again.stderr) == ("", f"{units} is up to date\n")
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in units.iterdir()} == before
    assert {oct(path.stat().st_mode) for path in units.iterdir() if path.name in (TIMER, SERVICE)} == {"0o100644"}


def test_diff_shows_what_apply_would_do_and_says_it_by_its_exit_code(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    export(desk, units)
    desk.job("backup", BACKUP.replace("30 2", "40 2"))

    differs = desk.process_control("export", "systemd", "--output", str(units), "--diff")
    dry = export(desk, units, "--apply", "--dry-run")
    applied = export(desk, units, "--apply")
    same = desk.process_control("export", "systemd", "--output", str(units), "--diff")

    lines = differs.stdout.splitlines()
    assert lines[:2] == [f"--- {units / TIMER}", f"+++ {units / TIMER}"]
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert changed == ["-OnCalendar=*-*-* 02:30:00", "+OnCalendar=*-*-* 02:40:00"]
    assert differs.exit_code == 1
    assert dry == [f"would change {TIMER}"]
    assert applied == [
        f"changed {TIMER}",
        "to be called on that host:",
        "systemctl daemon-reload",
        f"systemctl enable --now {TIMER}",
    ]
    assert (same.stdout, same.stderr, same.exit_code) == ("", "nothing would change\n", 0)


def test_units_of_jobs_that_are_gone_are_removed_but_not_when_jobs_are_named(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("purge", BACKUP)
    export(desk, units)
    (desk.jobs / "purge.yaml").unlink()

    assert export(desk, units, "backup") == []
    assert export(desk, units, "--apply") == [
        "removed process-control-purge.timer",
        "removed process-control-purge.service",
        "to be called on that host:",
        "systemctl disable --now process-control-purge.timer",
        "systemctl daemon-reload",
        f"systemctl enable --now {TIMER}",
    ]
    assert names(units) == {TIMER, SERVICE}


def test_a_unit_of_somebody_else_in_the_place_of_ours_is_never_replaced(desk: Desk, units: Path) -> None:
    desk.job("other", BACKUP)

    result = desk.process_control("export", "systemd", "--output", str(units))

    assert (result.stderr, result.exit_code) == (
        f"{units}/process-control-other.timer: is not of these job files, so it is not replaced\n{HINT}",
        77,
    )
    assert names(units) == set()


def test_a_masked_unit_of_no_job_stays_and_stops_nothing(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    for name in ("process-control-gone.timer", "process-control-watch.timer"):
        (units / name).symlink_to("/dev/null")  # as `systemctl mask` does
    (units / "process-control-odd.service").mkdir()

    assert export(desk, units) == [f"added {SERVICE}", f"added {TIMER}"]
    assert (units / "process-control-gone.timer").is_symlink()


def test_a_masked_unit_of_a_job_is_not_replaced(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    (units / TIMER).symlink_to("/dev/null")

    assert desk.process_control("export", "systemd", "--output", str(units)).exit_code == 77
    assert (units / TIMER).is_symlink()


def test_a_unit_that_anybody_may_write_is_written_anew(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    export(desk, units)
    (units / SERVICE).chmod(0o666)

    differs = desk.process_control("export", "systemd", "--output", str(units), "--diff")

    assert (differs.stdout, differs.exit_code) == (f"{units / SERVICE}: its mode was 0666\n", 1)
    assert export(desk, units) == [f"changed {SERVICE}"]
    assert (units / SERVICE).stat().st_mode & 0o777 == 0o644


def test_a_job_that_a_timer_cannot_run_is_named_and_the_others_are_written(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("queued", f"{BACKUP}\non_overlap: queue")
    desk.job("idle", f"{BACKUP}\ndisabled: true")
    desk.job("broken", "command: /bin/true\ntimout: 3")

    result = desk.process_control("export", "systemd", "--output", str(units))

    assert result.exit_code == 1
    assert "broken.yaml:3:1: unknown key 'timout'" in result.stderr
    assert "queued.yaml: a timer does not start a job that is still running" in result.stderr
    assert result.stderr.endswith("no units for disabled jobs: idle\n")
    assert names(units) == {TIMER, SERVICE}


def test_what_differs_at_clock_changes_is_said(desk: Desk) -> None:
    desk.job("backup", f"{BACKUP}\ntime_zone: Europe/Berlin")

    assert desk.process_control("export", "systemd").stderr == (
        "systemd leaves out planned times at clock changes; the timers have them as moments in UTC, see there: backup\n"
    )


def test_watch_has_a_timer_where_the_crontab_would_have_its_line(desk: Desk, units: Path) -> None:
    desk.job("backup", f"{BACKUP}\ncatch_up: latest")

    export(desk, units)

    assert names(units) == {TIMER, SERVICE, "process-control-watch.timer", "process-control-watch.service"}


def test_units_of_watch_that_somebody_else_installed_stay(desk: Desk, units: Path) -> None:
    desk.job("backup", f"{BACKUP}\ncatch_up: latest")
    (units / "process-control-watch.timer").write_text("[Timer]\nOnCalendar=minutely\n")

    export(desk, units)

    assert (units / "process-control-watch.timer").read_text() == "[Timer]\nOnCalendar=minutely\n"


def test_each_changed_unit_is_in_the_journal_and_in_the_syslog(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    with Listener(desk.root / "syslog") as syslog:
        export(desk, units)
        desk.job("backup", BACKUP.replace("30", "40"))
        export(desk, units)
        (desk.jobs / "backup.yaml").unlink()
        export(desk, units)
        lines = syslog.lines()

    events = desk.json("audit", "--event", "unit", "--json")["events"]
    assert [(each["job"], each["change"], Path(each["unit"]).name) for each in events] == [
        ("backup", "added", SERVICE),
        ("backup", "added", TIMER),
        ("backup", "changed", TIMER),
        ("backup", "removed", TIMER),
        ("backup", "removed", SERVICE),
    ]
    assert (events[2]["was"], events[2]["line"]) == ("OnCalendar=*-*-* 02:30:00", "OnCalendar=*-*-* 02:40:00")
    assert all(each["by"] and each["host"] == os.uname().nodename for each in events)
    assert [line.text.partition(",")[0] for line in lines] == [
        "backup: service of systemd added",
        "backup: timer of systemd added",
        "backup: timer of systemd changed",
        "backup: timer of systemd removed",
        "backup: service of systemd removed",
    ]
    assert lines[2].facts["line"] == "OnCalendar=*-*-* 02:40:00"


@pytest.mark.parametrize("flags", [["--diff", "--apply"], ["--diff", "--dry-run"]])
def test_flags_that_contradict_each_other_are_refused(desk: Desk, flags: list[str]) -> None:
    assert desk.process_control("export", "systemd", *flags).exit_code == 2


def test_a_directory_that_is_not_there_is_not_made(desk: Desk) -> None:
    desk.job("backup", BACKUP)

    result = desk.process_control("export", "systemd", "--output", str(desk.root / "none"))

    assert (result.stderr, result.exit_code) == (
        f"{desk.root}/none: the directory does not exist\n  hint: make it\n",
        78,
    )


def test_a_crontab_that_starts_the_jobs_too_is_named(desk: Desk, units: Path) -> None:
    desk.job("backup", BACKUP)
    crontab = desk.root / "crontab"
    desk.configure(output_crontab=str(crontab))
    desk.cron_generate()

    result = desk.process_control("export", "systemd", "--output", str(units), "--apply")

    assert (result.stderr, result.exit_code) == (
        f"{crontab} starts jobs too: the later start of a planned time does nothing\n{RM} {crontab}\n",
        0,
    )


# --- where systemd is process 1 --------------------------------------------------------------------------------------


@pytest.fixture
def on_systemd(box: Box) -> Box:
    """A box that sees an empty /etc/systemd/system, what systemd leaves in /run, and a `systemctl` that notes calls."""
    mount_namespaces.needed()
    (box.root / "system").mkdir()
    systemctl = box.root / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(
        f'#!/bin/sh\necho "$@" >> {box.root}/called\nls {box.root}/system | wc -l >> {box.root}/called\n'
    )
    systemctl.chmod(0o755)
    box.job("backup", f"name: x\n{BACKUP}\n")
    return box


def apply(box: Box) -> tuple[str, str, int]:
    result = in_systemd(box, "export", "systemd", "--apply")
    return result.stdout, result.stderr, result.exit_code


def in_systemd(box: Box, *words: str) -> Result:
    script = (
        f"mkdir -p /etc/systemd/system; mount --bind {box.root}/system /etc/systemd/system\n"
        "mount -t tmpfs none /run; mkdir -p /run/systemd/system\n"
        f'PATH={box.root}/bin:$PATH exec "$@"'
    )
    command = [str(box.product.process_control), *words]
    return box.command([*mount_namespaces.IN_ONE, "sh", "-ec", script, "sh", *command])


@pytest.mark.needs_root
def test_systemd_is_called_where_it_is_process_1(on_systemd: Box) -> None:
    added = apply(on_systemd)
    (on_systemd.job_directory / "backup.yaml").unlink()
    removed = apply(on_systemd)

    path = "/etc/systemd/system"
    assert added == (f"added {path}/{SERVICE}\nadded {path}/{TIMER}\n", "", 0)
    assert removed == (f"removed {path}/{TIMER}\nremoved {path}/{SERVICE}\n", "", 0)
    # In each case how many units were there at that moment.
    assert (on_systemd.root / "called").read_text().splitlines() == [
        "daemon-reload", "2", f"enable --now {TIMER}", "2", f"disable --now {TIMER}", "2", "daemon-reload", "0",
    ]  # fmt: skip


NOT_RUNNING = "cron is not running"
ENABLED = f"timers.target.wants/{TIMER}"


@pytest.mark.needs_root
@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Tokyo"])
def test_before_its_first_run_a_job_with_an_enabled_timer_is_as_good_as_started(
    on_systemd: Box, time_zone: str
) -> None:
    box, crontab = on_systemd, on_systemd.root / "cron.d" / "pc"
    crontab.parent.mkdir()
    box.configure(output_crontab=str(crontab))
    box.job("backup", f"name: x\n{BACKUP}\ntime_zone: {time_zone}\n")
    if time_zone != "UTC":  # else there is no crontab at all
        box.cron_generate()

    def asked() -> tuple[list[str], bool, list[str]]:
        doctor = in_systemd(box, "doctor", "--json").json()["findings"]
        why = in_systemd(box, "why", "backup", "--json").json()["now"]["blocked_by"]
        alerts = in_systemd(box, "status", "--json").json()["alerts"]
        wrong = [each["what"] for each in doctor if each["check"] == "cron" and each["state"] == "bad"]
        return (
            [what for what in wrong if not what.startswith(NOT_RUNNING)],
            any(each["reason"] in ("not_in_crontab", "crontab") for each in why),
            [alert for alert in alerts if not alert.startswith(NOT_RUNNING)],
        )

    before = asked()
    apply(box)
    (box.root / "system" / "timers.target.wants").mkdir()
    installed = asked()
    (box.root / "system" / ENABLED).symlink_to(f"/etc/systemd/system/{TIMER}")
    enabled = asked()
    (box.root / "system" / TIMER).unlink()
    (box.root / "system" / TIMER).symlink_to("/dev/null")  # as `systemctl mask` does
    masked = asked()

    assert (len(before[0]), before[1], len(before[2])) == (1, True, 1)
    assert [installed, masked] == [before] * 2
    assert enabled == ([], False, [])


@pytest.mark.needs_root
def test_a_systemctl_that_fails_is_reported_and_the_units_stay(on_systemd: Box) -> None:
    (on_systemd.root / "bin" / "systemctl").write_text("#!/bin/sh\necho Access denied >&2; exit 4\n")

    _, stderr, exit_code = apply(on_systemd)

    assert exit_code == 1
    assert stderr == (
        "the units are written, but systemd was not informed: systemctl daemon-reload: Access denied\n"
        "  hint: systemctl daemon-reload; systemctl enable --now process-control-backup.timer\n"
    )
    assert {path.name for path in (on_systemd.root / "system").iterdir()} == {TIMER, SERVICE}


@pytest.mark.needs_root
def test_what_a_systemctl_that_failed_has_left_is_made_up_for_by_the_next_call(on_systemd: Box) -> None:
    systemctl, called = on_systemd.root / "bin" / "systemctl", on_systemd.root / "called"
    works = systemctl.read_text()
    systemctl.write_text("#!/bin/sh\nexit 4\n")
    assert apply(on_systemd)[2] == 1
    systemctl.write_text(works)

    again = apply(on_systemd)

    assert again == ("", "/etc/systemd/system is up to date\n", 0)
    assert called.read_text().splitlines() == ["daemon-reload", "2", f"enable --now {TIMER}", "2"]
    called.unlink()
    (on_systemd.job_directory / "backup.yaml").unlink()
    systemctl.write_text("#!/bin/sh\nexit 4\n")
    kept = apply(on_systemd)
    systemctl.write_text(works)
    removed = apply(on_systemd)
    assert (kept[0], kept[2]) == ("", 1)
    assert (len(removed[0].splitlines()), removed[2]) == (2, 0)
    assert called.read_text().splitlines()[0] == f"disable --now {TIMER}"


@pytest.mark.needs_root
def test_the_units_start_the_jobs_as_the_service_user_and_the_journal_stays_its_own(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", f"name: x\n{BACKUP}\n")
    (box.root / "units").mkdir()

    result = box.process_control("export", "systemd", "--output", str(box.root / "units"))

    assert result.exit_code == 0, result
    assert f"\nUser={SERVICE_USER}\n" in (box.root / "units" / SERVICE).read_text()
    assert {path.owner() for path in (box.state_directory / "journal").iterdir()} == {SERVICE_USER}
    assert (box.root / "units" / SERVICE).owner() == "root"


def test_what_the_service_starts_is_a_run_by_a_timer(box: Box) -> None:
    box.job("backup", "name: x\ncommand: 'true'\nschedule: '* * * * *'\n")
    box.run("backup")  # its version is known since before the planned time
    text = box.process_control("export", "systemd").stdout
    [command] = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]

    started = box.command(shlex.split(command))

    assert (started.exit_code, started.stderr) == (0, "")
    assert {record["trigger"] for record in box.journal() if "trigger" in record} == {"manual", "timer"}
