"""Real set-ups for `why`: each cause and each reason that it can name, and the question that an operator would ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kit.builders import iso
from kit.past import DAY, OTHER, Past, hour, yesterday

AT_NIGHT = f"30 {hour(2)} * * *"
JOB = f'command: echo hi\nschedule: "{AT_NIGHT}"'
SLOT = yesterday(hour(2))
BEFORE = SLOT - 2 * DAY
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Case:
    """`happens` sets it up and returns what ends it, if anything has to."""

    name: str
    question: tuple[str, ...]
    happens: Callable[[Past], Callable[[], object] | None]

    def words(self) -> list[str]:
        """Return the question; with `{slot}` it is about that time."""
        return [word.format(slot=SLOT) for word in self.question]


CASES: list[Case] = []


def case(*question: str) -> Callable[[Callable[[Past], Callable[[], object] | None]], object]:
    def decorate(function: Callable[[Past], Callable[[], object] | None]) -> object:
        CASES.append(Case(function.__name__, question, function))
        return function

    return decorate


def planned(past: Past, text: str = JOB, **version: object) -> None:
    """The job's file, and a version of it from before."""
    past.box.job("backup", text)
    past.version(BEFORE, **version)  # type: ignore[arg-type]


def others_ran(past: Past, *times: datetime) -> None:
    for at in times:
        past.start_of("other", at)


# --- a time of the past ----------------------------------------------------------------------------------------------


@case("backup", "yesterday")
def the_host_was_off(past: Past) -> None:
    planned(past)
    past.start_of("other", SLOT - timedelta(hours=3, minutes=20))
    past.new_boot(SLOT + timedelta(hours=3, minutes=32))
    others_ran(past, SLOT + timedelta(hours=3, minutes=35))


@case("backup", "yesterday")
def cron_was_stopped(past: Past) -> None:
    planned(past)
    past.box.job("other", f'command: echo hi\nschedule: "{OTHER}"')
    past.version(BEFORE, "other", schedule=OTHER)
    others_ran(past, SLOT - HOUR, SLOT + 3 * HOUR)


@case("backup", "yesterday")
def nothing_shows_why(past: Past) -> None:
    planned(past)
    others_ran(past, SLOT - HOUR, SLOT + 3 * HOUR)


@case("backup", "yesterday")
def others_were_started(past: Past) -> None:
    planned(past)
    others_ran(past, SLOT - HOUR, SLOT + MINUTE)


@case("backup", "yesterday")
def the_file_is_invalid(past: Past) -> None:
    past.box.job("backup", "comand: echo hi")
    past.version(BEFORE)
    past.version(SLOT - HOUR, state="invalid", detail="unknown key 'comand'")
    others_ran(past, SLOT, SLOT + HOUR)


@case("backup", "yesterday")
def the_file_was_invalid(past: Past) -> None:
    planned(past)
    past.version(SLOT - HOUR, state="invalid", detail="unknown key 'comand'")
    past.version(SLOT + HOUR)
    others_ran(past, SLOT, SLOT + 2 * HOUR)


@case("backup", "yesterday")
def the_start_was_refused(past: Past) -> None:
    planned(past)
    detail = "jobs/backup.yaml: others may write it (mode 0666)"
    past.write(SLOT, event="refusal", job="backup", trigger="cron", scheduled_at=iso(SLOT), reason="refused",
               exit_code=77, detail=detail, by="root")  # fmt: skip


@case("backup", "yesterday")
def its_start_was_killed(past: Past) -> None:
    planned(past)
    past.write(SLOT, event="refusal", job="backup", trigger="cron", scheduled_at=iso(SLOT),
               reason="runner_killed_before_start", detail="pid 4711 was killed", by="root")  # fmt: skip


@case("backup", "yesterday")
def the_crontab_had_no_line(past: Past) -> None:
    past.write(BEFORE - DAY, event="crontab", job="other", change="added", crontab="/etc/cron.d/pc", line="x")
    planned(past)
    others_ran(past, SLOT, SLOT + HOUR)


@case("backup", "yesterday")
def the_clock_was_set(past: Past) -> None:
    planned(past)
    others_ran(past, SLOT - HOUR)
    past.began += 4 * HOUR - timedelta(minutes=1)
    others_ran(past, SLOT + 3 * HOUR)


@case("backup", "yesterday")
def it_was_held_by_a_colleague(past: Past) -> None:
    planned(past)
    health = {"state": "held", "since": iso(SLOT - HOUR), "by": "ann@db1", "why": "the disk is being replaced"}
    past.write(SLOT - HOUR, event="hold", job="backup", by="ann@db1", detail="the disk is being replaced",
               kind="by_hand", health=health)  # fmt: skip
    past.state.health("backup", **health)


@case("backup", "yesterday")
def it_was_held_and_released(past: Past) -> None:
    planned(past)
    past.write(SLOT - HOUR, event="hold", job="backup", by="ann@db1", detail="the disk is being replaced")
    past.write(SLOT + HOUR, event="release", job="backup", by="ann@db1", detail="new disk")


@case("backup", "yesterday")
def it_was_backing_off(past: Past) -> None:
    planned(past)
    until = iso(SLOT + HOUR)
    past.skip(SLOT, "backoff", f"2 failures in a row, backing off until {until} (run 1m8g35q0yqfpanxy: exited with 3)")


@case("backup", "yesterday")
def its_lock_was_held(past: Past) -> None:
    planned(past)
    log = past.state.log("backup", (0.1, "o", b"still copying\n"), at=SLOT - HOUR)
    run_id = past.start_of("backup", SLOT - DAY, seconds=90000, log=log)
    past.skip(SLOT, "overlap", f"run {run_id} since {iso(SLOT - DAY)} (pid 4711)")


@case("backup", "yesterday")
def its_start_came_too_late(past: Past) -> None:
    planned(past)
    past.skip(SLOT, "too_late", "3600 s after its planned time, start_within is 600 s", unplanned=True)


@case("backup", "yesterday")
def its_condition_was_not_met(past: Past) -> None:
    planned(past)
    past.skip(SLOT, "condition", "exit code 1: this host is the standby")


@case("backup", "yesterday")
def its_day_is_excluded(past: Past) -> None:
    planned(past, exclude=[f"{SLOT:%Y-%m-%d}"])


@case("backup", "yesterday")
def it_was_disabled(past: Past) -> None:
    planned(past, JOB + "\ndisabled: true", disabled=True)


@case("backup", "yesterday")
def it_was_marked(past: Past) -> None:
    planned(past)
    past.write(SLOT + HOUR, event="mark", job="backup", scheduled_at=iso(SLOT), by="ann@db1", note="done by hand")


@case("backup", "yesterday")
def it_failed(past: Past) -> None:
    planned(past)
    log = past.state.log("backup", (0.1, "e", b"no space left\n"), at=SLOT)
    past.start_of("backup", SLOT, seconds=12.5, outcome="failed", reason="exit_code", exit_code=3,
                  detail="exited with 3", log=log)  # fmt: skip


@case("backup", "yesterday")
def it_was_lost(past: Past) -> None:
    planned(past)
    past.start_of("backup", SLOT, outcome="lost", reason="host_down", exit_code=None, detail="the host went down")


@case("backup", "yesterday")
def it_ran_late(past: Past) -> None:
    planned(past)
    log = past.state.log("backup", (0.1, "o", b"copied\n"), at=SLOT)
    past.start_of("backup", SLOT, late_seconds=185.0, late_parts={"trigger": 3.0, "lock": 182.0}, log=log)


@case("backup", "yesterday")
def its_file_was_removed(past: Past) -> None:
    past.version(BEFORE)
    past.version(SLOT + HOUR, state="gone")
    others_ran(past, SLOT)


@case("backup", "{slot:%Y-%m-%dT%H:%M}")
def its_schedule_was_changed_before(past: Past) -> None:
    past.box.job("backup", f'command: echo hi\nschedule: "0 {hour(5)} * * *"')
    past.version(BEFORE, schedule=f"0 {hour(1)} * * *")
    past.version(SLOT - MINUTE, schedule=f"0 {hour(5)} * * *", commit="c0ffee0123456789", author="Ann", dirty=False)
    others_ran(past, SLOT)


@case("backup", "2020-01-01")
def before_the_records_begin(past: Past) -> None:
    planned(past)


@case("backup", "2099-01-01")
def a_time_to_come(past: Past) -> None:
    planned(past)


# --- now -------------------------------------------------------------------------------------------------------------


@case("backup")
def no_start_came_yet(past: Past) -> None:
    past.box.job("backup", 'command: echo hi\nschedule: "* * * * *"')
    past.version(datetime.now(UTC) - 5 * MINUTE, schedule="* * * * *")


@case("backup")
def it_is_running(past: Past) -> Callable[[], object]:
    started, go_on = past.box.fifo("started"), past.box.fifo("go_on")
    past.box.job("backup", f"command: sh -c 'echo up > {started}; read line < {go_on}'\nkill_grace: 1s")
    for day in (3, 4, 5):
        past.start_of("backup", SLOT - day * DAY, seconds=600)  # so long no host stands still
    live = past.box.start("backup")
    started.read_line()
    return live.close


@case("backup")
def another_job_has_its_lock(past: Past) -> Callable[[], object]:
    started, go_on = past.box.fifo("started"), past.box.fifo("go_on")
    past.box.job("dump", f"command: sh -c 'echo up > {started}; read line < {go_on}'\nlock: db\nkill_grace: 1s")
    past.box.job("backup", JOB + "\nlock: db")
    live = past.box.start("dump")
    started.read_line()
    return live.close


@case("backup")
def held_and_invalid_at_once(past: Past) -> None:
    past.box.job("backup", JOB)
    past.box.process_control("hold", "backup", "--note", "wait for the new disk")
    past.box.job("backup", "comand: echo hi")


@case("backup")
def disabled_in_its_file(past: Past) -> None:
    past.box.job("backup", JOB + "\ndisabled: true")


@case("backup")
def backing_off(past: Past) -> None:
    past.box.job("backup", f"command: sh -c 'exit 3'\nschedule: \"{AT_NIGHT}\"\nbackoff: 5m")
    until = iso(datetime.now(UTC) + 4 * MINUTE)
    past.state.health("backup", "failing", since=iso(SLOT), failures_in_row=2, backoff_until=until,
                      run_id="1m8g35q0yqfpanxy", why="exited with 3")  # fmt: skip


@case("backup")
def without_a_schedule(past: Past) -> None:
    past.box.job("backup", "command: echo hi")


@case("backup")
def no_crontab_was_written(past: Past) -> None:
    planned(past)


@case("backup")
def its_health_cannot_be_read(past: Past) -> None:
    past.box.job("backup", JOB)
    past.state.health("backup", "nonsense")


@case("gone")
def a_job_of_the_past(past: Past) -> None:
    past.box.job("backup", JOB)
    past.start_of("gone", SLOT)
