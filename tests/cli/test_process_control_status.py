"""`list` and `status`: every job, worst first, the reason with it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kit.builders import NOON, iso
from kit.commands import Result
from kit.desk import Desk
from kit.harness import Box

HOUR = timedelta(hours=1)


def states(desk: Desk, *arguments: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in desk.lines("status", *arguments)]


# --- in a pipe -------------------------------------------------------------------------------------------------------


def test_a_row_tells_state_last_run_median_marks_and_why(desk: Desk) -> None:
    desk.job("purge")
    for hour in range(3):
        desk.state.run("purge", NOON + hour * HOUR, seconds=10.0 + hour)
    desk.state.failure("purge", NOON + 3 * HOUR, seconds=0.25)

    assert desk.lines("status") == [
        [
            "purge",
            "failing",
            "",
            "failed",
            "exit_code",
            iso(NOON + 3 * HOUR),
            "0.250",
            "11.000",
            "...F",
            "exited with 3",
        ]
    ]


def test_the_next_slot_is_told_as_utc(desk: Desk) -> None:
    desk.job("yearly", "command: /bin/true\nschedule: '30 12 1 1 *'\ntime_zone: Asia/Tokyo")

    [row] = desk.lines("status")

    tokyo = datetime.now(UTC) + timedelta(hours=9)
    year = tokyo.year + (tokyo >= datetime(tokyo.year, 1, 1, 12, 30, tzinfo=UTC))
    assert row[2] == f"{year}-01-01T03:30:00.000Z"


def test_the_worst_comes_first(desk: Desk) -> None:
    for slug in ("fine", "warned", "held", "failing", "never", "off", "busy", "ended"):
        desk.job(slug, "command: /bin/true\ndisabled: true" if slug == "off" else "command: /bin/true")
    desk.job("broken", "comand: x")
    desk.state.run("fine")
    desk.state.run("warned", outcome="warned", reason="leftovers")
    desk.state.health("held", "held", why="the disk is full")
    desk.state.failure("failing")
    desk.state.run("ended", outcome="failed", reason="stopped", detail="stopped on request")
    desk.state.block(desk.state.start("busy", alive=True))

    assert states(desk) == [
        ("failing", "failing"),
        ("broken", "invalid"),
        ("held", "held"),
        ("warned", "warned"),
        ("ended", "stopped"),
        ("busy", "running"),
        ("never", "never ran"),
        ("fine", "ok"),
        ("off", "disabled"),
    ]


def test_a_failing_job_that_runs_again_is_still_failing(desk: Desk) -> None:
    desk.job("purge")
    desk.state.failure("purge")
    desk.state.block(desk.state.start("purge", NOON + HOUR, alive=True))

    [row] = desk.lines("status")

    assert (row[1], row[3], row[8]) == ("failing", "failed", "F>")


def test_a_lost_run_makes_a_job_failing(desk: Desk) -> None:
    desk.job("purge")
    desk.state.run("purge")
    desk.state.start("purge", NOON + HOUR, boot_id="another")

    [row] = desk.lines("status")

    assert (row[1], row[3], row[4], row[8]) == ("failing", "lost", "host_down", ".L")
    assert row[9] == "the host went down or was restarted during the run"


def test_skips_are_marked_but_are_not_the_last_run(desk: Desk) -> None:
    desk.job("purge")
    desk.state.run("purge", outcome="warned", reason="stderr")
    for hour in range(30):
        desk.state.skip("purge", NOON + (hour + 1) * HOUR)

    [row] = desk.lines("status")

    assert (row[1], row[3], row[8]) == ("warned", "warned", "-" * 20)


def test_a_run_whose_start_could_not_be_recorded_is_seen_by_its_block(desk: Desk) -> None:
    desk.job("purge")
    start = desk.state.start("purge", alive=True)
    (desk.state.journal / "2026-03-10.jsonl").unlink()
    desk.state.block(start)

    [row] = desk.lines("status")

    assert (row[1], row[8]) == ("running", ">")


@pytest.mark.parametrize("health", ['{"state": "held"', "[]", '{"state": "fine"}'])
def test_a_health_file_that_makes_no_sense_counts_as_held(desk: Desk, health: str) -> None:
    desk.job("purge")
    desk.state.run("purge")
    desk.state.health("purge", "healthy")
    (desk.state.directory / "jobs" / "purge" / "health.json").write_text(health)

    [row] = desk.lines("status")

    assert row[1] == "held"
    assert "`process-control release` rebuilds it from the journal" in row[9]


def test_an_invalid_file_hides_no_other_and_tells_its_faults_on_one_line(desk: Desk) -> None:
    desk.job("broken", "name: Broken\ncomand: /bin/true\ntimeout: soon")
    desk.job("fine")

    broken, fine = desk.lines("status")

    assert (broken[:2], fine[:2]) == (["broken", "invalid"], ["fine", "never ran"])
    assert "broken.yaml:2:1: unknown key 'comand'; did you mean 'command'?" in broken[9]
    assert " | broken.yaml:3:10: " in broken[9]


@pytest.fixture
def tagged(desk: Desk) -> Desk:
    desk.job("backup-db", "command: /bin/true\ntags: [backup, db]")
    desk.job("backup-web", "command: /bin/true\ntags: backup")
    desk.job("purge")
    return desk


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        (["purge"], ["purge"]),
        (["backup-*"], ["backup-db", "backup-web"]),
        (["tag:db"], ["backup-db"]),
        (["tag:db", "purge", "purge"], ["backup-db", "purge"]),
        (["tag:backup", "*"], ["backup-db", "backup-web", "purge"]),
    ],
)
def test_jobs_are_chosen_by_slug_glob_and_tag(tagged: Desk, words: list[str], jobs: list[str]) -> None:
    assert [row[0] for row in tagged.lines("status", *words)] == jobs


NO_SUCH_JOB = {
    "purg": "no job 'purg' in {jobs}\n  hint: did you mean 'purge'?\n",
    "x*": "no job matches 'x*'\n  hint: `process-control list` lists them\n",
    "tag:x": "no job has the tag 'x'\n  hint: tags there are: backup, db\n",
}


@pytest.mark.parametrize(("word", "told"), NO_SUCH_JOB.items())
@pytest.mark.parametrize("verb", ["list", "status", "history", "logs"])
def test_a_word_that_names_no_job_is_told(tagged: Desk, verb: str, word: str, told: str) -> None:
    result = tagged.process_control(verb, word)

    assert (result.exit_code, result.stderr) == (66, told.format(jobs=tagged.jobs))


def test_texts_of_runs_cannot_break_a_line_or_steer_a_terminal(desk: Desk) -> None:
    desk.job("purge")
    desk.state.failure("purge", detail="a\nb\tc\x1b[2J\u202e")

    assert desk.lines("status")[0][9] == "a\\nb\\tc\\x1b[2J\\u202e"
    assert desk.lines("history")[0][14] == "a\\nb\\tc\\x1b[2J\\u202e"


def test_json_tells_everything_of_a_job(desk: Desk) -> None:
    desk.job("purge", "command: /bin/true\nschedule: '@daily'\ntags: db\nowner: dba@example.org\ndescription: See wiki")
    desk.state.failure("purge")
    desk.state.health("purge", "failing", failures_in_row=2)

    told = desk.json("status", "--json")

    [job] = told["jobs"]
    assert told["version"] == 1
    assert job["last"].pop("run_id")
    assert job["last"]["exit_code"] == 3
    assert job["next"] is not None
    assert {key: job[key] for key in job if key not in ("last", "next")} == {
        "job": "purge",
        "name": "The purge",
        "state": "failing",
        "why": "exited with 3",
        "alerts": [],
        "health": "failing",
        "failures_in_row": 2,
        "held": None,
        "slow_start": None,
        "backoff_until": None,
        "late": None,
        "stale": None,
        "incident": None,
        "silenced_until": None,
        "running": None,
        "recent": ["failed"],
        "median_seconds": None,
        "schedule": ["@daily"],
        "schedule_in_words": "at 00:00 every day",
        "disabled": False,
        "tags": ["db"],
        "owner": "dba@example.org",
        "description": "See wiki",
        "path": str(desk.jobs / "purge.yaml"),
    }


def test_json_tells_a_run_that_goes_on(desk: Desk) -> None:
    desk.job("purge")
    start = desk.state.start("purge", alive=True)
    desk.state.block(start)

    [job] = desk.json("status", "--json")["jobs"]

    assert job["running"]["run_id"] == start["run_id"]
    assert (job["running"]["outcome"], job["running"]["pid"]) == (None, os.getpid())


def test_list_is_by_name_with_the_schedule_in_words(tagged: Desk) -> None:
    tagged.job("nightly", "command: /bin/true\nschedule: ['30 2 * * *', '0 12 * * *']\ntime_zone: Europe/Berlin")

    assert tagged.lines("list") == [
        ["backup-db", "The backup-db", "never ran", "", "backup,db", ""],
        ["backup-web", "The backup-web", "never ran", "", "backup", ""],
        ["nightly", "The nightly", "never ran", "at 02:30 every day; at 12:00 every day (Europe/Berlin)", "", ""],
        ["purge", "The purge", "never ran", "", "", ""],
    ]


def test_garbled_lines_of_the_journal_are_told_on_stderr(desk: Desk) -> None:
    desk.job("purge")
    desk.state.run("purge")
    desk.state.write(b"garbage", day="2026-03-10")
    desk.state.run("purge", NOON + HOUR)

    result = desk.process_control("status", "--no-header")

    assert result.stdout.startswith("purge\tok\t")
    assert result.stderr == (f"{desk.state.journal}/2026-03-10.jsonl: ignored 1 unreadable line\n")


# --- on a terminal ---------------------------------------------------------------------------------------------------

RECENT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2, minutes=5)


@pytest.fixture
def at_terminal(desk: Desk, make_box: Callable[..., Box]) -> Callable[..., Result]:
    """Call process-control on a terminal of 80 by 24, for the jobs of the desk."""
    box = make_box()

    def call(*arguments: str, **environment: str) -> Result:
        env = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", **environment}
        return box.process_control("--config", str(desk.configuration), *arguments, tty=True, env=env)

    return call


def lines_of(result: Result) -> list[str]:
    return [line.rstrip() for line in result.stdout.split("\n")]


def test_on_a_terminal_the_reason_stands_below_the_job(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    desk.job("hello")
    desk.state.run("purge", RECENT - HOUR, seconds=190)
    desk.state.failure("purge", RECENT, seconds=1.234)
    desk.state.run("hello", RECENT, seconds=0.012)
    desk.state.health("purge", "failing", failures_in_row=2)

    result = at_terminal("status", NO_COLOR="1", TERM="dumb", COLUMNS="110")

    assert lines_of(result)[1:] == [
        "",
        "STATE      JOB    NAME       LAST      TOOK      MEDIAN  NEXT  LAST 20 RUNS",
        "✗ failing  purge  The purge  2 h ago  1.2 s  3 min 10 s        ▪✗",
        "      exited with 3; 2 failures in a row",
        "✓ ok       hello  The hello  2 h ago  12 ms       12 ms        ▪",
        "",
    ]
    assert lines_of(result)[0].startswith("1 failing, 1 ok   ")


def test_one_screen_holds_what_needs_a_look_and_counts_the_rest(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    for number in range(40):
        desk.job(f"job-{number:02}")
    desk.state.failure("job-39", RECENT)

    shown = lines_of(at_terminal("status", TERM="dumb"))

    assert len(shown) <= 24
    assert shown[3].startswith("✗ failing    job-39")
    assert shown[-2] == "not shown: 24 never ran (process-control status --all)"
    assert len(lines_of(at_terminal("status", "--all", TERM="dumb"))) > 40


def test_one_job_is_told_at_length_with_its_last_output(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job(
        "purge",
        "command: /bin/true\nowner: {team: Database, runbook: https://wiki/purge}\n"
        "description: See the wiki\nschedule: '@daily'",
    )
    log = desk.state.log("purge", (0.5, "o", b"begin\n"), (1.25, "e", b"no \x1b[31mspace\n"), at=RECENT)
    identity = desk.state.failure("purge", RECENT, log=log, by="svc")

    shown = lines_of(at_terminal("status", "purge", TERM="dumb", COLUMNS="200"))

    assert shown[0].startswith("● purge - The purge   ")
    assert shown[0].endswith(" UTC")
    assert shown[1:6] == [
        "    state: failing",
        "      why: exited with 3",
        "  runbook: See the wiki",
        "    owner: Database",
        "  runbook: https://wiki/purge",
    ]
    assert shown[6].startswith(" schedule: at 00:00 every day; next run ")
    assert shown[7].startswith("     file: ")
    assert shown[8:13] == [
        " last run: failed: exited with 3",
        f"    began: {RECENT:%a %H:%M} (2 h ago); took 1.5 s",
        "       by: svc (cron)",
        f"      run: {identity}",
        f"      log: {log}",
    ]
    assert shown[13:] == [
        "     runs: ✗",
        "",
        f"{RECENT + timedelta(seconds=0.5):%H:%M:%S}.500  begin",
        f"{RECENT + timedelta(seconds=1.25):%H:%M:%S}.250  no \\x1b[31mspace",
        "",
    ]


def test_colour_is_left_out_when_asked(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    desk.state.failure("purge", RECENT)

    assert "\x1b[1;31m" in at_terminal("status").stdout
    assert "31m" not in at_terminal("status", NO_COLOR="1").stdout


def test_a_terminal_that_cannot_draw_gets_letters(desk: Desk, box: Box) -> None:
    """As in a locale without UTF-8, of which most hosts have none: Python takes the one called C for UTF-8."""
    desk.job("purge")
    desk.state.failure("purge", RECENT)
    python = [str(box.product.prefix / "bin" / "python"), "-X", "utf8=0", "-m", "process_control.cli.main"]
    ascii_only = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "TERM": "dumb", "COLUMNS": "110"}

    result = box.command([*python, "--config", str(desk.configuration), "status"], tty=True, env=ascii_only)

    assert lines_of(result)[3].split() == ["failing", "purge", "The", "purge", "2", "h", "ago", "1.5", "s", "F"]


def test_no_jobs_yet_says_how_to_begin(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    result = at_terminal("status", TERM="dumb")

    assert "no jobs yet: process-control init writes a first one" in result.stdout


# --- widths, times and holds -----------------------------------------------------------------------------------------


def test_a_list_with_an_endless_name_keeps_every_schedule(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("long", f"name: {'a name without an end ' * 5}\ncommand: /bin/true\nschedule: '30 2 * * 1-5'\ntags: db")
    desk.job("short", "command: /bin/true\nschedule: '0 6 * * 1-5'\ntags: [db, nightly]")

    for columns in ("80", "160"):
        shown = lines_of(at_terminal("list", TERM="dumb", COLUMNS=columns))

        assert all(len(line) <= int(columns) for line in shown)
        assert "at 02:30 on Monday to Friday" in " ".join(" ".join(shown).split())
        assert "at 06:00 on Monday to Friday" in " ".join(" ".join(shown).split())


def test_failing_jobs_beyond_one_screen_are_counted(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    for number in range(30):
        desk.job(f"job-{number:02}")
        desk.state.failure(f"job-{number:02}", RECENT)
    desk.job("fine")
    desk.state.run("fine", RECENT)

    shown = lines_of(at_terminal("status", TERM="dumb"))

    assert len(shown) <= 24
    assert shown[0].startswith("30 failing, 1 ok")
    assert shown[-2] == "not shown: 22 failing, 1 ok (process-control status --all)"


def test_what_is_said_of_cron_and_mail_has_its_place_on_the_screen(
    desk: Desk, at_terminal: Callable[..., Result]
) -> None:
    for number in range(30):
        desk.job(f"job-{number:02}", "command: /bin/true\nschedule: '0 0 1 1 *'")
    (desk.root / "cron.d").mkdir()
    desk.configure(output_crontab=str(desk.root / "cron.d" / "process-control"))

    shown = lines_of(at_terminal("status", TERM="dumb"))

    assert "nothing starts the jobs" in " ".join(shown[:3])
    assert len(shown) <= 24
    assert any(line.startswith("not shown: ") for line in shown)


def test_a_hold_is_shown_once_and_no_next_run_with_it(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("nightly", "command: /bin/true\nschedule: '* * * * *'")
    since = datetime.now(UTC) - timedelta(minutes=25)
    desk.state.health("nightly", "held", since=iso(since), by="ann@db1", why="new disk")

    all_jobs = lines_of(at_terminal("status", TERM="dumb"))
    one_job = lines_of(at_terminal("status", "nightly", TERM="dumb"))

    hold = f"On hold since {since:%a %H:%M} (25 min ago) by ann@db1: new disk"
    assert all_jobs[3].split() == ["‖", "held", "nightly", "The", "nightly"]
    assert all_jobs[4:6] == [f"      {hold}", "      hint: To release: process-control release nightly"]
    assert one_job[1:4] == [
        "    state: held",
        f"      why: {hold}",
        "     hint: To release: process-control release nightly",
    ]
    assert " schedule: every minute; no next run, because it is on hold" in one_job
    assert desk.json("status", "--json")["jobs"][0]["next"] is None


def test_a_paused_job_shows_the_first_run_after_its_pause(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("nightly", "command: /bin/true\nschedule: '* * * * *'")
    ends = (datetime.now(UTC) + timedelta(hours=3)).replace(second=0, microsecond=0)
    desk.state.health("nightly", "held", since=iso(RECENT), by="ann@db1", release_at=iso(ends))

    [job] = desk.json("status", "--json")["jobs"]

    assert job["next"] == f"{ends:%Y-%m-%dT%H:%M:%S}.000Z"
    assert f"Paused until {ends:%a %H:%M} (in 3 h) by ann@db1: no note" in at_terminal("status", TERM="dumb").stdout


def test_a_running_job_keeps_its_run_and_the_last_one_apart(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge")
    last = desk.state.failure("purge", RECENT)
    start = desk.state.start("purge", RECENT + HOUR, alive=True)
    desk.state.block(start)

    shown = [line.strip() for line in lines_of(at_terminal("status", "purge", TERM="dumb"))]

    assert shown.index(f"its run: {start['run_id']}") < shown.index("last run: failed: exited with 3")
    assert shown.index("last run: failed: exited with 3") < shown.index(f"run: {last}")


def test_no_screen_shows_a_time_of_records(desk: Desk, at_terminal: Callable[..., Result]) -> None:
    desk.job("purge", "command: /bin/true\nschedule: '@daily'\nbackoff: {delay: 1h}")
    desk.state.failure("purge", RECENT)
    later = datetime.now(UTC) + timedelta(hours=1)
    desk.state.health("purge", "failing", failures_in_row=2, since=iso(RECENT), backoff_until=iso(later))
    desk.state.skip("purge", RECENT + HOUR, reason="held", detail=f"held since {iso(RECENT)} by ann@db1: x")

    for arguments in (["status"], ["status", "purge"], ["history"], ["audit"]):
        shown = at_terminal(*arguments, TERM="dumb").stdout

        assert f"{RECENT:%Y-%m-%dT%H}" not in shown
        assert f"{later:%Y-%m-%dT%H}" not in shown
    assert f"backing off until {later:%a %H:%M}" in at_terminal("status", TERM="dumb").stdout
