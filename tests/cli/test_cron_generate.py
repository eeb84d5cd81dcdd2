"""`cron-generate`: the crontab is written whole, only when it has changed, and only where cron reads it."""

import json
import os
import pwd
import random
import re
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.commands import Result
from kit.desk import Desk
from kit.harness import IS_ROOT, SERVICE_USER, STRANGER, Box, Storm
from kit.runs import pause_or_end, records
from kit.syslog_listener import Listener

BACKUP = 'command: /bin/true\nschedule: "30 2 * * *"'


@pytest.fixture
def crontab(desk: Desk) -> Path:
    """A target in a cron.d of its own."""
    (desk.root / "cron.d").mkdir()
    path = desk.root / "cron.d" / "process-control"
    desk.configure(output_crontab=str(path), syslog={"address": str(desk.root / "syslog")}, runner_path="/bin/true")
    return path


def told(result: Result) -> tuple[int, str, str]:
    return result.exit_code, result.stdout, result.stderr


def journal(desk: Desk) -> list[dict[str, object]]:
    """Return its records, but for the versions of job files."""
    return [record for record in whole_journal(desk) if record["event"] != "version"]


def whole_journal(desk: Desk) -> list[dict[str, object]]:
    lines = [line for path in (desk.root / "state/journal").glob("*") for line in path.read_text().split("\n")]
    return [json.loads(line) for line in (line.strip("\0") for line in lines) if line]


def line_of(desk: Desk, slug: str, schedule: str = "30 2 * * *") -> str:
    return f"{schedule} {pwd.getpwuid(os.geteuid()).pw_name} /bin/true --scheduled {slug} --config {desk.configuration}"


# --- writing ---------------------------------------------------------------------------------------------------------


def test_the_crontab_is_written_with_the_mode_and_newline_that_cron_wants(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)

    result = desk.cron_generate()

    assert told(result) == (0, "", "")
    assert crontab.read_text() == (
        f"# Written by cron-generate from the jobs in {desk.jobs}\n"
        "# What is edited here is lost: edit the job files, then run cron-generate\n"
        f"# {desk.jobs}/backup.yaml\n"
        f"{line_of(desk, 'backup')}\n"
    )
    assert stat.S_IMODE(crontab.stat().st_mode) == 0o644
    assert os.listdir(crontab.parent) == ["process-control"]


def test_what_has_not_changed_is_not_written_again(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.cron_generate()
    before = crontab.stat()

    result = desk.cron_generate()

    assert told(result) == (0, "", "")
    assert (crontab.stat().st_ino, crontab.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o666])
def test_a_mode_that_cron_distrusts_is_mended(desk: Desk, crontab: Path, mode: int) -> None:
    desk.job("backup", BACKUP)
    desk.cron_generate()
    crontab.chmod(mode)

    check, result = desk.cron_generate("--check"), desk.cron_generate()

    assert told(check) == (1, f"{crontab}: its mode was {mode:04o}\n", "")
    assert told(result) == (0, "", "")
    assert stat.S_IMODE(crontab.stat().st_mode) == 0o644


def test_a_bad_job_is_left_out_and_told_and_the_others_are_written(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("purge", 'comand: /bin/true\nschedule: "99 * * * *"')
    desk.job("tokyo", f"{BACKUP}\ntime_zone: Asia/Tokyo")
    desk.job("un safe", BACKUP)

    result = desk.cron_generate()

    assert result.exit_code == 1
    assert result.stderr == (
        "purge.yaml:1:1: 'command' is missing\n"
        "  hint: add a line such as: command: /usr/local/bin/backup --all\n"
        "purge.yaml:2:1: unknown key 'comand'\n"
        "  hint: did you mean 'command'? (a command and its arguments, or a list of such texts); "
        "see: process-control explain command\n"
        "purge.yaml:3:11: schedule '99 * * * *': minute '99' is out of range\n"
        "  hint: minute is 0-59\n"
        "tokyo.yaml: cron only knows the host's time zone; this job wants Asia/Tokyo\n"
        "  hint: write the schedule in the host's time, and remove time_zone\n"
        "'un safe.yaml' is not a valid name for a job file\n"
        "  hint: rename it: a job's name is letters, digits, - and _, at most 64, the first a letter or digit\n"
    )
    assert crontab.read_text().splitlines()[2:] == [
        f"# {desk.jobs}/backup.yaml",
        line_of(desk, "backup"),
        f"# invalid: {desk.jobs}/purge.yaml: purge.yaml:1:1: 'command' is missing (and 2 more)",
        (
            f"# not for cron: {desk.jobs}/tokyo.yaml: "
            "tokyo.yaml: cron only knows the host's time zone; this job wants Asia/Tokyo"
        ),
        f"# invalid: {desk.jobs}/un safe.yaml: 'un safe.yaml' is not a valid name for a job file",
    ]


def test_an_unsafe_job_file_is_left_out(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("open", BACKUP).chmod(0o666)

    result = desk.cron_generate()

    assert result.exit_code == 1
    assert f"chmod go-w {desk.jobs}/open.yaml" in result.stderr
    assert [line.split()[8] for line in crontab.read_text().splitlines() if not line.startswith("#")] == ["backup"]


def test_a_job_directory_that_is_gone_leaves_the_crontab_as_it_is(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.cron_generate()
    before = crontab.read_text()
    desk.jobs.rename(desk.root / "elsewhere")

    result = desk.cron_generate()

    assert result.exit_code == 78
    assert crontab.read_text() == before


# --- the target ------------------------------------------------------------------------------------------------------


def test_a_name_that_cron_ignores_is_refused_with_one_that_it_reads(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=f"{crontab}.cron")

    result = desk.cron_generate()

    assert told(result) == (
        78,
        "",
        (
            f"{desk.configuration}: cron ignores a file named 'process-control.cron' in a cron.d\n"
            f"  hint: letters, digits, - and _ only: {crontab}-cron\n"
        ),
    )


def test_the_spool_of_crontab_is_refused_with_the_command(desk: Desk) -> None:
    result = desk.cron_generate("--output", "/var/spool/cron/crontabs/games")

    assert told(result) == (
        78,
        "",
        (
            "--output: files in /var/spool/cron/ are written only by the command crontab\n"
            "  hint: cron-generate --output ~/crontab; crontab ~/crontab\n"
        ),
    )


def test_a_link_in_the_place_is_refused_and_what_it_leads_to_kept(desk: Desk, crontab: Path) -> None:
    real = desk.root / "real"
    real.write_text("mine\n")
    crontab.symlink_to(real)

    result = desk.cron_generate()

    assert told(result) == (
        77,
        "",
        f"{crontab}: is a link, so it is not replaced\n  hint: name the file itself: {real}\n",
    )
    assert real.read_text() == "mine\n"


def test_a_crontab_of_somebody_else_is_not_overwritten(desk: Desk, crontab: Path) -> None:
    crontab.write_text("17 * * * * root run-parts --report /etc/cron.hourly\n")

    result = desk.cron_generate()

    assert told(result) == (
        77,
        "",
        (
            f"{crontab}: holds lines that are not from cron-generate: they would be lost\n"
            "  hint: move them to another file, or set another output_crontab\n"
        ),
    )


def test_the_crontab_of_the_original_is_taken_over(desk: Desk, crontab: Path) -> None:
    crontab.write_text("# Generated from x\n*/5 * * * * jobs /usr/bin/run-job --job backup\n")
    desk.job("backup", BACKUP)

    result = desk.cron_generate()

    assert told(result) == (0, "", "")
    assert line_of(desk, "backup") in crontab.read_text()


def test_a_directory_that_is_missing_is_told(desk: Desk) -> None:
    result = desk.cron_generate("--output", str(desk.root / "none" / "crontab"))

    assert told(result) == (78, "", f"{desk.root}/none: the directory does not exist\n  hint: make it\n")


def test_a_template_that_would_break_the_file_leaves_it_as_it_is(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.cron_generate()
    before = crontab.read_text()
    desk.configure(output_crontab=str(crontab), cron_template="x {schedule} {user} {command}", runner_path="/bin/true")

    result = desk.cron_generate()

    assert result.exit_code == 78
    assert "because this line has a bad minute: 'x'" in result.stderr
    assert crontab.read_text() == before


# --- only telling ----------------------------------------------------------------------------------------------------


def test_check_tells_what_would_change_and_writes_nothing(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    first = desk.cron_generate("--check")
    there = crontab.exists()
    desk.cron_generate()
    none = desk.cron_generate("--check")
    desk.job("backup", BACKUP.replace("30", "40"))
    second = desk.cron_generate("--check")

    assert not there
    assert first.exit_code == 1
    assert first.stdout.splitlines()[0] == f"{crontab} does not exist"
    assert first.stdout.splitlines()[-1] == f"+ {line_of(desk, 'backup')}"
    assert told(none) == (0, "", "")
    assert told(second) == (1, f"- {line_of(desk, 'backup')}\n+ {line_of(desk, 'backup', '40 2 * * *')}\n", "")
    assert len(journal(desk)) == 1


def test_check_of_a_crontab_that_fits_is_0_and_still_names_what_is_left_out(desk: Desk, crontab: Path) -> None:
    desk.job("bad", "comand: x")
    desk.job("tokyo", f"{BACKUP}\ntime_zone: Asia/Tokyo")
    desk.cron_generate()

    result = desk.cron_generate("--check")

    assert told(result) == (0, "", LEFT_OUT.format(names="bad, tokyo", crontab=crontab))


LEFT_OUT = "left out as before: {names}\n  hint: comments in {crontab} say why; process-control lint lists all faults\n"


def test_known_faults_are_one_line_the_second_time_and_new_ones_are_told_whole(desk: Desk, crontab: Path) -> None:
    desk.job("bad", "comand: x")
    first = desk.cron_generate()
    desk.job("worse", "comand: x")

    second = desk.cron_generate()
    third = desk.cron_generate()

    assert first.stderr.startswith("bad.yaml:1:1: 'command' is missing\n")
    assert second.stderr.startswith("worse.yaml:1:1: 'command' is missing\n")
    assert second.stderr.endswith(LEFT_OUT.format(names="bad", crontab=crontab))
    assert told(third) == (1, "", LEFT_OUT.format(names="bad, worse", crontab=crontab))


def test_a_dry_run_prints_the_crontab_and_what_would_change(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.cron_generate()
    text = crontab.read_text()
    desk.job("backup", BACKUP.replace("30", "40"))

    result = desk.cron_generate("--dry-run")

    assert told(result) == (
        0,
        text.replace("30 2", "40 2"),
        (
            f"dry run: nothing was written; changes to {crontab}:\n"
            f"- {line_of(desk, 'backup')}\n+ {line_of(desk, 'backup', '40 2 * * *')}\n"
        ),
    )
    assert crontab.read_text() == text


def test_the_console_gets_a_crontab_without_users(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)

    result = desk.cron_generate("--output", "console")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"30 2 * * * /bin/true --scheduled backup --config {desk.configuration}"
    assert not crontab.exists()


def test_check_has_nothing_to_look_at_on_the_console(desk: Desk) -> None:
    desk.configure(output_crontab="console")

    assert told(desk.cron_generate("--check")) == (
        2,
        "",
        "--check compares a file, but the target is the console\n  hint: --output FILE\n",
    )


HINT = (
    "did you mean 'command'? (a command and its arguments, or a list of such texts); "
    "see: process-control explain command"
)


def test_json_tells_what_was_done_and_what_has_changed(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("bad", "comand: x\ncommand: y")
    desk.job("idle", f"{BACKUP}\ndisabled: true")

    result = desk.cron_generate("--json")

    assert result.exit_code == 1
    assert result.json() == {
        "version": 1,
        "crontab": str(crontab),
        "done": "wrote",
        "did": "wrote",
        "job_count": 1,
        "line_count": 1,
        "disabled_count": 1,
        "left_out": [
            {
                "job": "bad",
                "known": False,
                "faults": [
                    {
                        "where": "bad.yaml:2:1",
                        "what": "unknown key 'comand'",
                        "hint": HINT,
                        "mend": HINT,
                    }
                ],
            }
        ],
        "alerts": [],
        "changes": [{"job": "backup", "change": "added", "line": line_of(desk, "backup"), "was": None}],
    }
    assert json.loads(desk.cron_generate("--json").stdout)["did"] == "kept"
    assert json.loads(desk.cron_generate("--json", "--dry-run").stdout)["text"] == crontab.read_text()


def test_help_has_examples_and_the_version_is_told(desk: Desk) -> None:
    shown, version = desk.cron_generate("--help"), desk.cron_generate("--version")

    assert "cron-generate --output ~/crontab; crontab ~/crontab" in shown.stdout
    assert re.fullmatch(r"cron-generate \d+\.\d+\.\d+\S*\n", version.stdout)


def test_a_wrong_option_is_told_with_the_nearest(desk: Desk) -> None:
    assert told(desk.cron_generate("--chek")) == (
        2,
        "",
        "cron-generate: no such option: --chek\n  hint: did you mean --check?\n",
    )


# --- what is told of changes -----------------------------------------------------------------------------------------


def test_each_changed_line_is_in_the_journal_and_in_the_syslog(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    desk.job("purge", BACKUP)
    with Listener(desk.root / "syslog") as syslog:
        desk.cron_generate()
        desk.job("backup", BACKUP.replace("30", "40"))
        (desk.jobs / "purge.yaml").unlink()
        desk.cron_generate()
        lines = syslog.lines()

    kept = [(each["event"], each["job"], each["change"], each["line"], each["was"]) for each in journal(desk)]
    assert kept == [
        ("crontab", "backup", "added", line_of(desk, "backup"), None),
        ("crontab", "purge", "added", line_of(desk, "purge"), None),
        ("crontab", "backup", "changed", line_of(desk, "backup", "40 2 * * *"), line_of(desk, "backup")),
        ("crontab", "purge", "removed", None, line_of(desk, "purge")),
    ]
    assert {(each["crontab"], each["host"]) for each in journal(desk)} == {(str(crontab), os.uname().nodename)}
    assert all(each["at"] and each["by"] for each in journal(desk))
    assert [line.text.partition(",")[0] for line in lines] == [
        "backup: added to the crontab",
        "purge: added to the crontab",
        "backup: changed in the crontab",
        "purge: removed from the crontab",
    ]
    assert lines[2].facts["was"] == line_of(desk, "backup")


def test_a_journal_that_cannot_be_written_keeps_no_crontab_from_being_written(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)
    (desk.root / "state" / "journal").rmdir()
    (desk.root / "state" / "journal").write_text("in the way")

    result = desk.cron_generate()

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(
        "the crontab is written, but the change is not recorded in the history:\n"
        f"{desk.root}/state/journal: is not a directory\n"
    )
    assert line_of(desk, "backup") in crontab.read_text()


def test_the_history_of_runs_goes_on_over_the_records_of_crontabs(box: Box) -> None:
    (box.root / "cron.d").mkdir()
    box.configure(output_crontab=str(box.root / "cron.d" / "jobs"))
    box.job("backup", BACKUP)

    written = box.cron_generate()
    box.run("backup")

    assert told(written) == (0, "", "")
    assert len(records(box, "crontab")) == 1
    assert [run["outcome"] for run in box.history()] == ["succeeded"]


def test_on_a_terminal_one_line_tells_what_was_done(box: Box) -> None:
    (box.root / "cron.d").mkdir()
    box.configure(output_crontab=str(box.root / "cron.d" / "jobs"))
    box.job("backup", BACKUP)
    box.job("idle", f"{BACKUP}\ndisabled: true")
    box.job("twice", 'command: /bin/true\nschedule: ["@daily", "@hourly"]')

    wrote, kept = box.cron_generate(tty=True, columns=200), box.cron_generate(tty=True, columns=200)

    assert wrote.stdout == f"wrote {box.root}/cron.d/jobs: 2 jobs (3 lines); 1 disabled\n"
    assert kept.stdout == f"{box.root}/cron.d/jobs is up to date: 2 jobs (3 lines); 1 disabled\n"


# --- what a line calls -----------------------------------------------------------------------------------------------


def lines_of(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if not line.startswith("#")]


def test_a_line_calls_the_real_interpreter_and_the_stub(box: Box) -> None:
    box.job("backup", BACKUP)

    result = box.cron_generate("--output", "console")

    assert lines_of(result) == [
        f"30 2 * * * {' '.join(box.product.stub_words)} --scheduled backup --config {box.configuration}"
    ]
    assert not os.path.islink(box.product.interpreter)


def test_a_line_runs_the_job_as_cron_would(box: Box) -> None:
    box.job("minutely", 'command: echo Hello\nschedule: "* * * * *"')
    (line,) = lines_of(box.cron_generate("--output", "console"))

    ran = box.command(["env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", "-c", line.split(" ", 5)[5]])

    assert told(ran) == (0, "", "")
    assert box.log_bytes("minutely") == b"Hello\n"
    assert box.history()[0]["trigger"] == "cron"


@pytest.mark.needs_root
def test_without_a_configuration_a_line_names_none(make_box: Callable[..., Box]) -> None:
    box = make_box(configured=False)
    box.job("backup", BACKUP)

    result = box.cron_generate("--output", "console")

    assert result.exit_code == 0, result
    assert lines_of(result)[0].endswith("stub.py --scheduled backup")


def test_directories_that_cron_would_not_find_are_refused(make_box: Callable[..., Box]) -> None:
    """The box has a home of its own, and cron takes the one of the password file: other jobs, another state."""
    box = make_box(configured=False, user=SERVICE_USER if IS_ROOT else None)
    box.job("backup", BACKUP)

    result = box.cron_generate()

    assert told(result) == (
        78,
        "",
        (
            f"{box.job_directory}: cron would use other directories: it sets no XDG_… variables, "
            "and HOME from the password file\n"
            "  hint: set job_directory, output_directory and state_directory in a configuration\n"
        ),
    )


def test_a_runner_that_is_not_there_is_told(desk: Desk) -> None:
    desk.configure(runner_path="/nowhere/run-job")

    assert told(desk.cron_generate("--output", "console")) == (
        78,
        "",
        (
            f"{desk.configuration}: runner_path names a program that is not there: /nowhere/run-job\n"
            "  hint: set runner_path to the path of run-job, or remove it\n"
        ),
    )


# --- rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_root_writes_the_crontab_and_opens_nothing_of_the_service_user(make_box: Callable[..., Box]) -> None:
    """The job file is readable by the service user alone; what is made in the state belongs to it."""
    box = make_box(service_user=SERVICE_USER)
    (box.root / "cron.d").mkdir()
    box.configure(output_crontab=str(box.root / "cron.d" / "jobs"))
    box.job("backup", BACKUP)
    box.job("roots", BACKUP, mode=0o600)

    result = box.cron_generate()

    crontab = box.root / "cron.d" / "jobs"
    assert result.exit_code == 1
    assert f"roots.yaml: user '{SERVICE_USER}' cannot read it: Permission denied" in result.stderr
    assert f"30 2 * * * {SERVICE_USER} " in crontab.read_text()
    assert crontab.stat().st_uid == 0
    assert [each["job"] for each in records(box, "crontab")] == ["backup"]
    assert {path.owner() for path in box.state_directory.rglob("*")} == {SERVICE_USER}


@pytest.mark.needs_root
def test_the_service_user_gets_its_crontab_on_the_console_and_may_not_write_root_s(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    (box.root / "cron.d").mkdir()
    box.configure(output_crontab=str(box.root / "cron.d" / "jobs"))
    box.job("backup", BACKUP)

    written = box.cron_generate(user=SERVICE_USER)
    printed = box.cron_generate("--output", "console", user=SERVICE_USER)

    assert told(written) == (
        77,
        "",
        (
            f"{box.root}/cron.d/jobs: cannot be written: Permission denied\n"
            "  hint: sudo cron-generate; or for yourself: cron-generate --output ~/crontab; crontab ~/crontab\n"
        ),
    )
    assert lines_of(printed)[0].startswith("30 2 * * * /")


@pytest.mark.needs_root
def test_anybody_else_is_refused_with_the_line_for_sudo(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)

    result = box.cron_generate(user=STRANGER)

    assert told(result) == (
        77,
        "",
        f"{box.configuration}: jobs run as user 'games', and you are 'nobody'\n  hint: sudo -u games cron-generate\n",
    )


@pytest.mark.needs_root
def test_a_configuration_that_the_service_user_cannot_read_is_told_before_every_line_fails(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", BACKUP)
    box.configuration.chmod(0o600)

    result = box.cron_generate("--output", "console")

    assert told(result) == (
        77,
        "",
        (
            f"{box.configuration}: user 'games' cannot read the configuration\n"
            "  hint: let that user, or a group of that user, read it\n"
        ),
    )


@pytest.mark.fault("SIGKILL of cron-generate at any moment", small=6, full=200, wanted="old or new, never half")
def test_a_cron_generate_that_was_killed_leaves_the_old_or_the_new_crontab(box: Box, storm: Storm) -> None:
    target = box.root / "crontab"
    box.configure(output_crontab=str(target), runner_path="/bin/true")
    for number in range(300):
        box.job(f"job-{number:03}", BACKUP)
    assert box.cron_generate().exit_code == 0
    chance, new = random.Random(3), 0

    for number in storm.rounds():
        old = target.read_bytes()
        box.job("job-000", f'command: /bin/true\nschedule: "{number % 60} 3 * * *"')
        with box.start_command([str(box.product.cron_generate)]) as live:
            pause_or_end(live, chance.uniform(0.1, 0.5))
            live.signal(signal.SIGKILL)
            live.wait()
        if target.read_bytes() != old:
            new += 1
            assert box.cron_generate("--check").exit_code == 0

    box.job("job-000", BACKUP)
    assert box.cron_generate().exit_code in (0, 1)
    assert [path.name for path in box.root.iterdir() if "crontab" in path.name] == ["crontab"]
    assert target.read_text().count("job-") >= 300
    storm.found(f"{storm.size - new} old, {new} new, 0 half")


def test_what_a_killed_cron_generate_left_is_removed_though_nothing_changes(desk: Desk) -> None:
    desk.job("backup", BACKUP)
    target = desk.root / "crontab"
    desk.configure(output_crontab=str(target), runner_path="/bin/true")
    assert desk.cron_generate().exit_code == 0
    (desk.root / ".crontab.0123456789ab").write_text("half of a")
    (desk.root / ".crontab.of-somebody").write_text("mine")

    assert desk.cron_generate().exit_code == 0

    assert sorted(path.name for path in desk.root.iterdir() if "crontab" in path.name) == [
        ".crontab.of-somebody",
        "crontab",
    ]


def test_mailto_follows_the_failmail_that_holds_for_each_job(desk: Desk) -> None:
    desk.job("by-cron", "command: /bin/true\nschedule: '0 3 * * *'\nfailmail: false")
    desk.job("a-own", "command: /bin/true\nschedule: '0 3 * * *'\nfailmail: {to_address: a@example.org}")
    lines = desk.cron_generate("--output", "console").stdout.splitlines()
    assert lines.index('MAILTO=""') > next(at for at, line in enumerate(lines) if "--scheduled by-cron" in line)
    assert lines.index('MAILTO=""') < next(at for at, line in enumerate(lines) if "--scheduled a-own" in line)

    desk.job("by-cron", "command: /bin/true\nschedule: '0 3 * * *'")
    desk.configure(default_job_config={"failmail": {"to_address": "b@example.org"}})

    assert desk.cron_generate("--output", "console").stdout.splitlines()[3] == 'MAILTO=""'


@pytest.mark.parametrize(
    ("of_all", "of_job", "is_silent", "is_watched"),
    [
        ({}, "", False, False),
        ({}, "owner: Database team", False, False),
        ({}, "owner: dba@example.org", True, True),
        ({}, "owner: dba@example.org\nfailmail: false", False, False),
        ({}, "notify: exec:/bin/true", True, True),
        ({}, "notify: {url: 'exec:/bin/true', on: [missed, recovered]}", False, True),
        ({"notify": ["exec:/bin/true"]}, "", True, True),
        ({"notify": ["exec:/bin/true"]}, "notify: false", False, True),
        ({"notify": [{"url": "exec:/bin/true", "tags": "db"}]}, "", False, False),
        ({"notify": [{"url": "exec:/bin/true", "tags": "db"}]}, "tags: db", True, True),
        ({"default_job_config": {"notify": ["exec:/bin/true"]}}, "", True, True),
        ({"default_job_config": {"notify": ["exec:/bin/true"]}}, "notify: []", False, False),
        ({"default_job_config": {"notify": ["exec:/bin/true"]}}, "failmail: false", True, True),
        ({"host_ping": "https://hc.example.org/host"}, "", False, True),
    ],
)
def test_cron_mails_the_jobs_of_which_nobody_is_notified_and_watch_has_a_line_when_somebody_is(
    desk: Desk, of_all: dict[str, object], of_job: str, is_silent: bool, is_watched: bool
) -> None:
    desk.configure(**of_all)
    desk.job("backup", f"{BACKUP}\n{of_job}")

    result = desk.cron_generate("--output", "console")

    lines = [line for line in result.stdout.splitlines() if not line.startswith("#")]
    words = [next((word for word in ("MAILTO", " watch ", "--scheduled") if word in line), line) for line in lines]
    assert result.stderr == ""
    assert words == [*([" watch "] if is_watched else []), *(["MAILTO"] if is_silent else []), "--scheduled"]


def lines_of_watch(crontab: Path) -> list[str]:
    return [line for line in crontab.read_text().splitlines() if " watch --config " in line]


def test_the_heartbeat_comes_and_goes_with_who_needs_it_and_is_recorded(desk: Desk, crontab: Path) -> None:
    schedule = "command: /bin/true\nschedule: '0 3 * * *'"
    desk.job("backup", schedule)
    desk.cron_generate()
    assert lines_of_watch(crontab) == []

    desk.job("backup", f"{schedule}\ncatch_up: latest")
    would_change = desk.cron_generate("--check")
    desk.cron_generate()
    fits = desk.cron_generate("--check")
    minute, boot = lines_of_watch(crontab)
    first = crontab.read_text().splitlines()[2:4]
    desk.job("backup", schedule)
    desk.cron_generate()

    assert (would_change.exit_code, fits.exit_code) == (1, 0)
    assert would_change.stdout.count(" watch --config ") == 2
    assert [minute, boot] == first
    assert (minute.split()[:5], boot.split()[0]) == (["*"] * 5, "@reboot")
    assert lines_of_watch(crontab) == []
    changes = [each for each in journal(desk) if " watch --config " in str(each.get("line") or each.get("was"))]
    assert [(each["job"], each["change"]) for each in changes] == [(None, "added")] * 2 + [(None, "removed")] * 2


def test_with_a_runner_path_the_command_beside_it_takes_the_looks(desk: Desk, crontab: Path) -> None:
    desk.job("backup", "command: /bin/true\nschedule: '0 3 * * *'\ncatch_up: latest")
    (desk.root / "bin").mkdir()
    for name in ("run-job", "process-control"):
        (desk.root / "bin" / name).symlink_to("/bin/true")
    desk.configure(output_crontab=str(crontab), runner_path=str(desk.root / "bin" / "run-job"))

    desk.cron_generate()
    (with_both, _) = lines_of_watch(crontab)
    (desk.root / "bin" / "process-control").unlink()
    desk.cron_generate()
    (without, _) = lines_of_watch(crontab)

    assert f" {desk.root}/bin/process-control watch --config " in with_both
    assert "/entry/commands.py watch --config " in without


def test_it_records_the_versions_of_job_files_that_nobody_has_seen(desk: Desk, crontab: Path) -> None:
    desk.job("backup", BACKUP)

    desk.cron_generate()
    desk.cron_generate()

    [version] = [record for record in whole_journal(desk) if record["event"] == "version"]
    assert (version["job"], version["state"], version["schedule"]) == ("backup", "valid", ["30 2 * * *"])
