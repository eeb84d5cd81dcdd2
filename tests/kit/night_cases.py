"""The incidents of the drill: each as it happens on a host, the question in the morning, and the true cause."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.harness import SERVICE_USER, Box, command_line, until
from kit.night import Night

BACKUP = 'command: echo copied\nschedule: "30 2 * * *"\n'
SYNC = 'command: echo done\nschedule: "0,30 * * * *"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """`truth`: words that the answer has to have. `second`: the command that leads on, when one is needed."""

    name: str
    happens: Callable[[Night], object]
    truth: str
    second: str | None
    asked: str
    time: str
    extra: str | None


INCIDENTS: list[Incident] = []


def incident(
    truth: str,
    *,
    second: str | None = None,
    asked: str = "Tue 03:05",
    time: str = "02:30",
    extra: str | None = None,
) -> Callable[[Callable[[Night], object]], object]:
    def decorate(happens: Callable[[Night], object]) -> object:
        INCIDENTS.append(
            Incident(
                name=happens.__name__, happens=happens, truth=truth, second=second, asked=asked, time=time, extra=extra
            )
        )
        return happens

    return decorate


def usual(night: Night, text: str = BACKUP, *, ran: str = "Mon 02:30") -> None:
    """Two jobs that have run as planned."""
    night.box.job("backup", text)
    night.box.job("sync", SYNC)
    night.file_seen("Mon 01:10")
    night.runs("backup", ran)


def berlin(night: Night) -> None:
    """The host is there."""
    night.zone = "Europe/Berlin"
    night.box.configure(default_job_config={"time_zone": night.zone})


def fill(directory: Path) -> Path:
    """Fill the disk to the last byte, with what the newest journal file has reserved; return what to remove."""
    newest = max((directory / "journal").iterdir())
    with newest.open("ab") as file:
        size = os.fstat(file.fileno())
        file.write(b"\n" + b" " * max(0, size.st_blocks * 512 - size.st_size - 1))
    filler = directory / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4k"], check=False, capture_output=True)
    return filler


def in_a_checkout(box: Box) -> Callable[..., object]:
    """Make the job directory a checkout; return what commits to it."""
    settings = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false")

    dates = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2025-11-17T12:00:00Z")

    def git(*words: str) -> None:
        command = ["git", "-C", str(box.job_directory), *settings, *words]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **dates})

    def commit(message: str) -> None:
        git("add", "-A")
        git("commit", "-q", "-m", message)

    git("init", "-q")
    return commit


# --- the host --------------------------------------------------------------------------------------------------------


@incident("no job was started, though sync was due too")
def cron_was_stopped_for_four_hours(night: Night) -> None:
    usual(night)
    night.runs("sync", "Mon 22:30", "Tue 03:00")


@incident("the host was off: it left no record from Tue 02:00 to Tue 02:40")
def the_host_was_rebooted(night: Night) -> None:
    usual(night)
    night.runs("sync", "Tue 02:00")
    night.host_is_booted("Tue 02:40")
    night.runs("sync", "Tue 03:00")


@incident("the clock was set past it", asked="Tue 05:45")
def the_clock_was_stepped(night: Night) -> None:
    usual(night)
    night.runs("sync", "Tue 02:00")
    night.clock_is_set(3 * 3600)
    night.runs("sync", "Tue 05:30")


@incident("No space left on device")
def the_disk_was_full(night: Night) -> None:
    night.box.mount_small(night.box.state_directory, kilobytes=600)
    night.box.state_directory.chmod(0o700)
    usual(night)
    night.runs("sync", "Tue 02:00")
    filler = fill(night.box.state_directory)
    night.runs("backup", "Tue 02:30")
    filler.unlink()
    night.runs("sync", "Tue 03:00")


@incident(
    "Late by exactly 1 h: cron may be in another time zone than the host", asked="Tue 04:05", time="2025-11-18T02:30"
)
def cron_was_in_the_old_time_zone(night: Night) -> None:
    """The host was moved to Berlin; its cron still takes 02:30 for that of UTC."""
    berlin(night)
    night.box.job("backup", BACKUP)
    night.box.job("sync", SYNC)
    night.file_seen("Mon 01:10")
    night.runs("sync", "Tue 01:30")
    night.runs("backup", "Tue 02:30")


@incident("a time planned in the hour that it skipped runs right after it", asked="2025-03-30T02:05", time="02:30")
def the_clock_skipped_its_hour(night: Night) -> None:
    berlin(night)
    night.box.job("backup", BACKUP)
    night.file_seen("2025-03-29T00:10")
    night.runs("backup", "2025-03-29T01:30", "2025-03-30T01:00")


# --- the file --------------------------------------------------------------------------------------------------------


@incident("unknown key 'comand'", second="process-control lint backup")
def an_edit_made_the_file_invalid(night: Night) -> None:
    usual(night)
    night.box.job("backup", BACKUP.replace("command", "comand"))
    night.file_seen("Tue 00:10")
    night.runs("sync", "Tue 02:00")
    night.runs("backup", "Tue 02:30")


@incident("the crontab was not generated since the job's file was added")
def the_crontab_was_not_generated(night: Night) -> None:
    night.box.job("sync", SYNC)
    night.generates("Mon 01:00")
    night.box.job("backup", BACKUP)
    night.file_seen("Mon 12:00")
    night.runs("sync", "Tue 02:00", "Tue 02:30")


@incident("Its file was removed at Mon 20:00, and is valid again since Tue 02:45")
def the_job_was_deleted_and_restored(night: Night) -> None:
    usual(night)
    night.generates("Mon 12:00")
    (night.box.job_directory / "backup.yaml").unlink()
    night.generates("Mon 20:00")
    night.runs("sync", "Tue 02:00", "Tue 02:30")
    night.box.job("backup", BACKUP)
    night.generates("Tue 02:45")
    night.runs("sync", "Tue 03:00")


@incident("job backup-db came at the same time", second="process-control why backup-db")
def the_job_was_renamed(night: Night) -> None:
    usual(night)
    night.generates("Mon 12:00")
    directory = night.box.job_directory
    (directory / "backup.yaml").rename(directory / "backup-db.yaml")
    night.generates("Mon 20:00")
    night.runs("backup-db", "Tue 02:30")


@incident("(commit")
def the_schedule_was_changed_yesterday(night: Night) -> None:
    commit = in_a_checkout(night.box)
    night.box.job("backup", BACKUP)
    commit("Back up")
    night.box.job("sync", SYNC)
    night.file_seen("Mon 01:10")
    night.runs("backup", "Mon 02:30")
    night.box.job("backup", BACKUP.replace("30 2", "0 5"))
    commit("Back up after the import")
    night.file_seen("Mon 17:20")
    night.runs("sync", "Tue 02:30")


@incident("owned by 'games'", second="chown root")
def the_file_had_the_wrong_owner(night: Night) -> None:
    usual(night)
    shutil.chown(night.box.job_directory / "backup.yaml", SERVICE_USER)
    night.file_seen("Tue 00:10")
    night.runs("sync", "Tue 02:00")
    night.runs("backup", "Tue 02:30")


@incident("backup.sh: no such file")
def its_command_was_missing(night: Night) -> None:
    usual(night, BACKUP.replace("echo copied", f"{night.box.root}/backup.sh"), ran="Tue 02:30")


@incident("secrets")
def its_secret_file_could_not_be_read(night: Night) -> None:
    secrets = night.box.root / "secrets.env"
    secrets.write_text("TOKEN=0123456789abcdef\n")
    secrets.chmod(0o600)
    usual(night, f"{BACKUP}environment_file: {secrets}\n")
    secrets.chmod(0o644)
    night.runs("backup", "Tue 02:30")


# --- people and runs -------------------------------------------------------------------------------------------------


@incident("by ann@", second="process-control release backup")
def a_colleague_held_it(night: Night) -> None:
    usual(night)
    night.somebody("Mon 23:10", "hold", "backup", "--note", "disk 2 is being replaced")
    night.runs("backup", "Tue 02:30")


@incident("disk quota exceeded", time="02:20", second="process-control logs --run")
def it_was_backing_off(night: Night) -> None:
    usual(night, "command: sh -c 'echo disk quota exceeded >&2; exit 3'\nschedule: '*/10 * * * *'\nbackoff: 30m\n")
    night.runs("backup", "Tue 02:10", "Tue 02:20")


@incident("since Mon 02:30")
def a_hung_run_had_its_lock(night: Night) -> None:
    night.box.job("sync", SYNC)
    started = night.box.fifo("started")
    night.box.job("backup", BACKUP.replace("echo copied", f"sh -c 'echo up > {started}; exec sleep 1000'"))
    night.file_seen("Mon 01:10")
    night.starts("backup", "Mon 02:30")
    started.read_line()
    night.runs("backup", "Tue 02:30")


@incident("still", second="process-control stop backup")
def a_survivor_was_in_its_way(night: Night) -> None:
    night.box.job("sync", SYNC)
    started = night.box.fifo("started")
    command = f"sh -c 'setsid sleep 1000 & echo $! > {started}; wait'"
    night.box.job("backup", BACKUP.replace("echo copied", command))
    night.file_seen("Mon 01:10")
    live = night.starts("backup", "Mon 02:30")
    survivor = int(started.read_line())
    until(lambda: command_line(survivor).startswith("sleep"), "the shell to become the program")
    night.runner_is_killed("backup", live)
    night.survivor(survivor)
    night.runs("backup", "Tue 02:30")


@incident("Data centre maintenance", extra="calendars")
def a_calendar_excluded_its_day(night: Night) -> None:
    calendar = night.box.root / "ops.ics"
    lines = (
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//ops//EN", "BEGIN:VEVENT", "UID:1", "DTSTAMP:20251101T000000Z",
        "DTSTART;VALUE=DATE:20251118", "SUMMARY:Data centre maintenance", "END:VEVENT", "END:VCALENDAR",
    )  # fmt: skip
    calendar.write_text("".join(f"{line}\r\n" for line in lines))
    calendar.chmod(0o644)
    night.box.configure(calendars={"ops": "ops.ics"})
    usual(night, f"{BACKUP}exclude: ops\n")
    night.runs("backup", "Tue 02:30")


@incident("its condition was not met: db2 is the primary")
def its_condition_was_not_met(night: Night) -> None:
    condition = night.box.root / "primary"
    condition.touch()
    usual(night, f"{BACKUP}only_if: sh -c 'test -e {condition} || {{ echo db2 is the primary; exit 1; }}'\n")
    condition.unlink()
    night.runs("backup", "Tue 02:30")


@incident("by hand")
def a_colleague_ran_it_for_that_time(night: Night) -> None:
    usual(night)
    night.runs("sync", "Mon 22:30")
    night.somebody("Tue 02:50", "run", "backup", "--slot", "02:30")
    night.somebody("Tue 02:50", "wait", "backup")
    night.runs("sync", "Tue 03:00")
