"""`doctor`: for each check a set-up in which it finds something, and one in which it does not."""

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kit import control_groups
from kit.desk import Desk
from kit.harness import IS_ROOT, SERVICE_USER, STRANGER, Box, environment_of, until
from kit.mail_server import mail_server
from kit.ports import refused
from kit.real_cron import RealCron
from kit.web_receiver import receiver
from process_control.core import layout
from process_control.system import cron_daemon
from process_control.views.doctor import cron_zone
from process_control.views.doctor.disk import judge

NOW = datetime.now(UTC)
JOB = 'command: /bin/true\nschedule: "30 2 * * *"'


@pytest.fixture
def sound(desk: Desk) -> Desk:
    """A desk with one job that ran, and all directories as a run makes them."""
    desk.job("backup", JOB)
    desk.state.run("backup", NOW - timedelta(hours=1))
    for path in (desk.state.directory, desk.state.directory / "run", desk.state.directory / "journal", desk.state.logs):
        path.mkdir(exist_ok=True, parents=True)
    for path in desk.state.directory.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o640)
    desk.state.directory.chmod(0o700)
    return desk


def looked(desk: Desk, *flags: str) -> dict[str, Any]:
    result = desk.process_control("doctor", "--json", *flags)
    answer = result.json()
    is_fine = all(finding["state"] == "ok" for finding in answer["findings"])
    assert result.exit_code == (0 if is_fine else 1)
    return dict(answer)


def found(desk: Desk, check: str) -> list[dict[str, Any]]:
    """Return what is wrong by one check; every finding has its remedy."""
    findings = [each for each in looked(desk)["findings"] if each["check"] == check]
    assert findings, f"nothing was said about {check}"
    wrong = [each for each in findings if each["state"] != "ok"]
    assert all(each["remedy"] for each in wrong)
    return wrong


def test_where_all_is_well_it_says_so_and_exits_with_0(sound: Desk) -> None:
    result = sound.process_control("doctor")

    rows = [line.split("\t") for line in result.stdout.splitlines()[1:]]
    assert result.exit_code == 0, result.stdout
    assert {row[1] for row in rows} == {"ok"}
    assert {row[0] for row in rows} >= {"configuration", "rights", "cron", "mail", "disk", "clock", "orphans", "health"}


def test_a_configuration_with_a_fault_is_a_finding_not_an_error(desk: Desk) -> None:
    desk.configure(job_direktory="/x")

    [finding] = looked(desk)["findings"]

    assert (finding["check"], finding["state"]) == ("configuration", "bad")
    assert "job_direktory" in finding["what"]


# --- rights ----------------------------------------------------------------------------------------------------------


def test_missing_directories_are_found_and_made(sound: Desk) -> None:
    (sound.state.directory / "run").rmdir()

    assert [each["what"].split(";")[0] for each in found(sound, "rights")] == [
        f"the directory {sound.state.directory}/run does not exist"
    ]
    dry = looked(sound, "--fix", "--dry-run")
    assert dry["done"] == [f"would make the directory {sound.state.directory}/run, mode 0700"]
    assert not (sound.state.directory / "run").exists()
    assert looked(sound, "--fix")["done"] == [f"make the directory {sound.state.directory}/run, mode 0700"]
    assert (sound.state.directory / "run").is_dir()
    assert found(sound, "rights") == []


def test_a_file_that_others_can_write_is_found_and_its_remedy_works(sound: Desk) -> None:
    block = Path(layout.block(str(sound.state), "backup"))
    block.parent.mkdir(parents=True, exist_ok=True)
    block.touch()
    block.chmod(0o666)

    [finding] = found(sound, "rights")
    subprocess.run(finding["remedy"], shell=True, check=True)

    assert stat.S_IMODE(block.stat().st_mode) == 0o644
    assert found(sound, "rights") == []
    block.chmod(0o666)
    looked(sound, "--fix")
    assert stat.S_IMODE(block.stat().st_mode) == 0o644


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_a_file_of_another_account_is_found(sound: Desk) -> None:
    index = sound.state.directory / "told"
    index.touch(0o640)
    os.chown(index, 12345, 12345)

    [finding] = found(sound, "rights")

    assert "belongs to user 12345" in finding["what"]
    assert finding["remedy"] == f"chown root {index}"


# --- job files and what they need ------------------------------------------------------------------------------------


def test_an_invalid_file_is_found_by_its_first_fault(sound: Desk) -> None:
    path = sound.job("broken", "command: /bin/true\ntimout: 3\nfoo: 4")

    [finding] = found(sound, "job_files")

    assert finding["what"] == "broken.yaml:3:1: unknown key 'timout' (and 1 more)"
    assert finding["remedy"] == f"process-control lint {path}"


def test_a_program_that_is_not_there_is_found(sound: Desk) -> None:
    sound.job("gone", "command: /usr/bin/no-such-program --all")

    assert [each["what"] for each in found(sound, "needs")] == ["gone: /usr/bin/no-such-program: no such file"]


def test_a_calendar_that_cannot_be_read_is_found_before_a_start_needs_it(sound: Desk) -> None:
    calendar = sound.root / "ops.ics"
    sound.configure(calendars={"ops": str(calendar)})
    sound.job("careful", f"{JOB}\nexclude: ['2026-12-24', 'ops']")
    [missing] = found(sound, "calendars")
    calendar.write_text("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n")
    calendar.chmod(0o666)
    [open_to_all] = found(sound, "calendars")
    calendar.chmod(0o644)

    assert missing["what"] == f"calendar ops ({calendar}) cannot be opened: No such file or directory"
    assert "has mode 0666: others could change it" in open_to_all["what"]
    assert open_to_all["remedy"] == f"chmod go-w {calendar}"
    assert found(sound, "calendars") == []


# --- cron ------------------------------------------------------------------------------------------------------------


def test_jobs_that_the_crontab_leaves_out_for_their_time_zone_are_bad_until_a_timer_starts_them(sound: Desk) -> None:
    (sound.root / "cron.d").mkdir()
    sound.configure(output_crontab=str(sound.root / "cron.d" / "process-control"))
    sound.job("tokyo", f"{JOB}\ntime_zone: Asia/Tokyo")
    sound.cron_generate()

    [left_out] = [each for each in found(sound, "cron") if "tokyo" in each["what"]]
    sound.state.run("tokyo", NOW - timedelta(hours=1), trigger="timer")

    wants = "cron only knows the host's time zone; this job wants Asia/Tokyo"
    assert left_out["what"] == f"tokyo is not in the crontab: {wants}"
    assert (left_out["state"], left_out["remedy"]) == ("bad", "process-control export systemd tokyo")
    assert [each for each in found(sound, "cron") if "tokyo" in each["what"]] == []


def test_a_journal_that_was_edited_and_restored_after_it_was_read_is_found_and_read_anew(sound: Desk) -> None:
    [day] = sound.state.journal.iterdir()
    content = day.read_bytes()

    def write(new: bytes, *, at: int) -> None:
        day.write_bytes(new)
        os.utime(day, ns=(at, at))  # the clock of files is coarse

    before = day.stat().st_mtime_ns
    index = sound.state.directory / "history.sqlite"
    index.unlink(missing_ok=True)
    write(content.replace(b'"outcome": "succeeded"', b'"outcome": "cancelled"'), at=before + 10**9)
    assert found(sound, "index") == []
    edited = sound.json("history", "--json")["runs"][0]["outcome"]
    write(content, at=before + 2 * 10**9)

    [finding] = found(sound, "index")
    dry = looked(sound, "--fix", "--dry-run")["done"]
    fixed = looked(sound, "--fix")["done"]

    assert edited == "cancelled"
    assert finding["what"].startswith(f"{day} was edited after the index read it")
    assert finding["remedy"] == "process-control doctor --fix"
    assert dry == ["would rebuild the index of the history from the journal"]
    assert fixed == ["rebuild the index of the history from the journal"]
    assert found(sound, "index") == []
    assert sound.json("history", "--json")["runs"][0]["outcome"] == "succeeded"

    day.write_bytes(content + b"\n")  # as a run that began there, and ends now
    assert found(sound, "index") == []


@pytest.mark.needs_utc
def test_status_and_lint_name_them_too(sound: Desk) -> None:
    sound.job("tokyo", f"{JOB}\ntime_zone: Asia/Tokyo")
    (sound.root / "cron.d").mkdir()
    sound.configure(output_crontab=str(sound.root / "cron.d" / "process-control"))
    assert sound.json("status", "--json")["alerts"][0].startswith("nothing starts the jobs: ")
    assert sound.json("lint", "tokyo", "--json")["findings"] == []
    sound.cron_generate()

    said = "tokyo is not in the crontab: cron only knows the host's time zone; this job wants Asia/Tokyo"
    alert = f"{said}; to start it by a systemd timer: process-control export systemd tokyo"
    [finding] = sound.json("lint", "--json")["findings"]
    assert sound.json("status", "--json")["alerts"] == [alert]
    assert sound.json("status", "tokyo", "--json")["alerts"] == [alert]
    assert sound.json("status", "backup", "--json")["alerts"] == []
    assert sound.process_control("status").stderr == f"{alert}\n"
    assert (finding["kind"], finding["line"]) == ("cron", 4)
    assert finding["what"] == said.removeprefix("tokyo ")
    assert finding["hint"] == "to start it by a systemd timer: process-control export systemd tokyo"
    assert sound.process_control("lint", "--ignore", "cron").exit_code == 0

    sound.job("osaka", f"{JOB}\ntime_zone: Asia/Tokyo")
    [*_, of_two] = sound.json("status", "--json")["alerts"]
    assert of_two.startswith("2 jobs are not in the crontab: ")

    for job in ("tokyo", "osaka"):
        sound.state.run(job, NOW - timedelta(hours=1), trigger="timer")
    assert sound.json("status", "tokyo", "osaka", "--json")["alerts"] == []
    assert sound.json("lint", "--json")["findings"] == []


def test_without_a_cron_daemon_it_is_not_said_that_cron_starts_the_jobs(
    sound: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound.root / "cron.d").mkdir()
    sound.configure(output_crontab=str(sound.root / "cron.d" / "process-control"))
    sound.cron_generate()
    said = []
    for daemons in ([], [cron_daemon.Daemon(pid=1, started_at=0.0, time_zone=None)]):
        monkeypatch.setattr(cron_daemon, "daemons", lambda daemons=daemons: daemons)
        monkeypatch.setattr(cron_daemon, "trouble", lambda: None)
        said += [each["what"] for each in looked(sound)["findings"] if each["check"] == "cron"]

    assert said == ["not checked: no cron daemon is seen here", "cron starts the jobs as their files say"]


def test_a_crontab_that_does_not_fit_is_found_until_it_is_written(sound: Desk) -> None:
    (sound.root / "cron.d").mkdir()
    sound.configure(output_crontab=str(sound.root / "cron.d" / "process-control"))
    [missing] = [each for each in found(sound, "cron") if "does not exist" in each["what"]]
    sound.cron_generate()
    fits = [each for each in found(sound, "cron") if "crontab" in each["what"]]
    sound.job("new", JOB)
    [differs] = [each for each in found(sound, "cron") if "match" in each["what"]]

    assert (missing["remedy"], fits, differs["remedy"]) == ("cron-generate", [], "cron-generate")


def test_lines_that_call_an_interpreter_that_is_gone_are_found(sound: Desk) -> None:
    (sound.root / "cron.d").mkdir()
    crontab = sound.root / "cron.d" / "process-control"
    interpreter = sound.root / "python3"
    interpreter.symlink_to("/bin/true")
    sound.configure(output_crontab=str(crontab), runner_path=str(interpreter))
    sound.cron_generate()
    interpreter.unlink()

    [gone] = [each for each in found(sound, "cron") if "no longer exists" in each["what"]]

    assert gone["what"] == f"the lines of {crontab} call {interpreter}, which no longer exists"
    assert gone["remedy"] == "cron-generate"


def test_cron_that_started_before_the_zone_was_changed_is_found() -> None:
    with RealCron() as cron:
        cron.start()
        [daemon] = [each for each in cron_daemon.daemons() if each.pid == cron.pid]

        assert cron_zone.older_than_the_zone([daemon], daemon.started_at - 60) == []
        [finding] = cron_zone.older_than_the_zone([daemon], daemon.started_at + 60)

    assert f"cron (pid {daemon.pid}) uses the old one" in finding.what
    assert finding.remedy in ("service cron restart", "systemctl restart cron")


def test_cron_with_a_zone_of_its_own_is_found() -> None:
    with RealCron() as cron:
        cron.start()
        [daemon] = [each for each in cron_daemon.daemons() if each.pid == cron.pid]

    assert cron_zone.with_another_zone([daemon], "Europe/Berlin") == []
    utc = cron_daemon.Daemon(pid=daemon.pid, started_at=daemon.started_at, time_zone=":UTC")
    assert cron_zone.with_another_zone([utc], "Etc/UTC") == []  # another name for the same time
    tokyo = cron_daemon.Daemon(pid=daemon.pid, started_at=daemon.started_at, time_zone=":Asia/Tokyo")
    [finding] = cron_zone.with_another_zone([tokyo], "Europe/Berlin")
    assert "TZ=:Asia/Tokyo, the host has Europe/Berlin" in finding.what


def test_a_crontab_with_another_zone_is_found(sound: Desk) -> None:
    (sound.root / "cron.d").mkdir()
    target = sound.root / "cron.d" / "process-control"
    sound.configure(output_crontab=str(target))
    sound.cron_generate()
    assert found(sound, "cron_zone") == []
    target.write_text(f"CRON_TZ=Asia/Tokyo\n{target.read_text()}")

    [finding] = found(sound, "cron_zone")

    assert f"{target} sets CRON_TZ=Asia/Tokyo" in finding["what"]


def test_watch_that_does_not_look_any_more_is_found(sound: Desk) -> None:
    (sound.root / "cron.d").mkdir()
    target = sound.root / "cron.d" / "process-control"
    sound.configure(output_crontab=str(target))
    note = Path(layout.watch_note(str(sound.state)))
    note.write_text(f'{{"at": "{NOW - timedelta(hours=2):%Y-%m-%dT%H:%M:%S.000Z}"}}')
    note.chmod(0o640)
    assert found(sound, "watch") == []  # nobody asks for it
    target.write_text("* * * * * root /usr/bin/process-control watch --config /etc/pc.yaml\n")

    [finding] = found(sound, "watch")

    assert finding["what"].startswith("watch looked last 2 h")
    note.write_text(f'{{"at": "{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"}}')
    assert found(sound, "watch") == []


def test_a_refused_start_is_found(sound: Desk) -> None:
    assert found(sound, "starts") == []
    refusal = Path(layout.refusal(str(sound.state), "backup"))
    refusal.parent.mkdir(mode=0o700)
    refusal.write_text(f'{{"at": "{NOW:%Y-%m-%dT%H:%M:%S.000Z}", "what": "the disk is full"}}')
    refusal.chmod(0o640)

    [finding] = found(sound, "starts")

    assert "the disk is full" in finding["what"]
    assert finding["remedy"] == "process-control status backup"


# --- mail ------------------------------------------------------------------------------------------------------------


def test_a_mail_server_is_greeted_and_gets_no_mail(sound: Desk) -> None:
    with mail_server() as server:
        sound.configure(failmail={"to_address": "ops@example.org", "smtp": server.address})
        assert found(sound, "mail") == []
        mails = server.mails
    with refused() as port:
        sound.configure(failmail={"to_address": "ops@example.org", "smtp": f"127.0.0.1:{port}"})
        [finding] = found(sound, "mail")

    assert mails == []
    assert f"127.0.0.1:{port}: Connection refused" in finding["what"]
    assert finding["remedy"] == "process-control notify test"


def test_a_sendmail_program_that_is_not_there_is_found(sound: Desk) -> None:
    sound.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    assert found(sound, "mail") == []
    sound.configure(failmail={"to_address": "ops@example.org", "sendmail": "/usr/sbin/no-sendmail"})

    assert [each["what"] for each in found(sound, "mail")] == ["/usr/sbin/no-sendmail: there is no such program"]


def test_the_way_of_mail_that_only_notify_or_an_owner_asks_for_is_looked_at(sound: Desk) -> None:
    sound.configure(failmail={"sendmail": "/usr/sbin/no-sendmail"}, notify=["mailto:ops@example.org"])
    assert [each["what"] for each in found(sound, "mail")] == ["/usr/sbin/no-sendmail: there is no such program"]
    sound.configure(failmail={"sendmail": "/usr/sbin/no-sendmail"})
    assert found(sound, "mail") == []
    sound.job("owned", "command: /bin/true\nowner: dba@example.org")

    assert [each["what"] for each in found(sound, "mail")] == ["owned: /usr/sbin/no-sendmail: there is no such program"]


def test_each_channel_is_looked_at_and_gets_no_message(sound: Desk) -> None:
    program = sound.root / "page"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    def configure(port: int) -> None:
        at = f"http://127.0.0.1:{port}/"
        sound.configure(notify=[{"url": f"{at}hook"}, {"url": f"alertmanager+{at}"}, {"url": f"exec:{program}"}])

    with receiver() as web:
        configure(web.port)
        assert found(sound, "channels") == []
        assert web.requests == []
    program.chmod(0o644)
    sound.job("purge", f"command: /bin/true\nnotify: [{{url_file: {sound.root}/missing.url}}]")
    with refused() as port:
        configure(port)
        findings = found(sound, "channels")

    host = f"http://127.0.0.1:{port}/…"
    whats = [each["what"] for each in findings]
    assert whats[:2] == [f"{host}: connection refused", f"alertmanager+{host}: connection refused"]
    assert f"{program}: cannot be executed" in whats[2]
    assert whats[3].startswith("purge: ")
    assert "missing.url" in whats[3]
    remedies = ["process-control notify test"] * 3 + ["process-control notify test purge"]
    assert [each["remedy"] for each in findings] == remedies


def test_mail_that_waits_for_long_is_found(sound: Desk) -> None:
    waiting = sound.state.directory / "spool" / "mail"
    waiting.mkdir(parents=True, mode=0o700)
    (sound.state.directory / "spool").chmod(0o700)
    name = "{:%Y-%m-%dT%H:%M:%S.000Z}~backup~x.json"
    (waiting / name.format(datetime.now(UTC) - timedelta(minutes=5))).touch(0o600)
    assert found(sound, "spool") == []
    (waiting / name.format(datetime.now(UTC) - timedelta(minutes=20))).touch(0o600)

    [finding] = found(sound, "spool")

    assert re.fullmatch(
        r"1 mail waits to be sent, the oldest for 20 min( \d+ s)?, and no channel has accepted any since",
        finding["what"],
    )
    assert finding["remedy"] == "process-control audit --event mail"


# --- disk, clock -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount")
def test_a_full_disk_is_found(box: Box) -> None:
    box.job("backup", JOB)
    box.mount_small(box.output_directory, kilobytes=2048)

    answer = box.process_control("doctor", "--json").json()

    full = [each for each in answer["findings"] if each["check"] == "disk"]
    assert [(each["state"], each["what"].split(":")[0]) for each in full] == [("bad", str(box.output_directory))]


def test_few_inodes_are_found() -> None:
    enough = os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, 10**7, 10**6, 10**6, 0, 255))
    few = os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, 10**7, 12, 12, 0, 255))

    assert judge("/x", enough) is None
    finding = judge("/x", few)
    assert finding is not None
    assert finding.what == "/x: 12 inodes free"


def test_a_clock_behind_the_records_is_found(sound: Desk) -> None:
    assert found(sound, "clock") == []
    sound.state.run("backup", datetime.now(UTC) + timedelta(hours=2, seconds=30))

    [finding] = [each for each in found(sound, "clock") if "behind" in each["what"]]

    assert finding["what"].startswith("the clock is 2 h")


# --- what is left, and what cannot be read ---------------------------------------------------------------------------


@contextmanager
def process_with(run_id: str) -> Iterator[int]:
    with subprocess.Popen(["sleep", "600"], env={"PATH": "/bin:/usr/bin", "PROCESS_CONTROL_RUN_ID": run_id}) as process:
        try:
            # Popen returns when the old memory is gone, and the new one may have no environment yet.
            until(lambda: run_id.encode() in environment_of(process.pid), "the process to have its environment")
            yield process.pid
        finally:
            process.kill()


def test_a_process_that_survived_its_run_is_found(sound: Desk) -> None:
    run_id = sound.state.run("backup", NOW - timedelta(minutes=5))
    with process_with("0123456789abcdef"):
        assert found(sound, "orphans") == []  # a run that is not one of ours
    with process_with(run_id) as pid:
        [finding] = found(sound, "orphans")

    assert f"run {run_id} has ended" in finding["what"]
    assert f"pid {pid} " in finding["what"]
    assert finding["remedy"] in ("run-job --kill-job backup", f"kill {pid}")


def test_what_leftovers_keep_is_no_orphan(sound: Desk) -> None:
    sound.job("service", "command: /bin/true\nleftovers: keep")
    run_id = sound.state.run("service", NOW - timedelta(minutes=5))
    with process_with(run_id):
        assert found(sound, "orphans") == []


def test_an_unreadable_health_is_found_and_built_again_with_its_hold(box: Box) -> None:
    box.job("backup", JOB)
    box.run("backup")
    box.process_control("hold", "backup", "--note", "the disk is full")
    health = Path(layout.health(str(box.state_directory), "backup"))
    health.write_bytes(b"\x00garbage")

    before = box.process_control("doctor", "--json").json()["findings"]
    fixed = box.process_control("doctor", "--fix", "--json").json()
    status = box.process_control("status", "backup", "--json").json()["jobs"][0]

    [finding] = [each for each in before if each["check"] == "health"]
    assert (finding["state"], finding["remedy"]) == ("bad", "process-control doctor --fix")
    assert fixed["done"] == ["rebuild the health of backup from the journal"]
    assert [each["state"] for each in fixed["findings"] if each["check"] == "health"] == ["ok"]
    assert (status["state"], status["held"]["why"]) == ("held", "the disk is full")


def test_control_groups_that_nobody_holds_are_found_and_removed(sound: Desk) -> None:
    above = control_groups.own_group()
    if above is None:
        pytest.skip("no control groups can be made here")
    assert found(sound, "control_groups") == []
    left = above / "process-control.0123456789abcdef"
    left.mkdir()

    [finding] = found(sound, "control_groups")
    looked(sound, "--fix")

    assert "1 control groups" in finding["what"]
    assert not left.exists()


def test_unreadable_lines_and_an_index_that_cannot_be_written_are_found(sound: Desk) -> None:
    assert found(sound, "index") == []
    sound.state.write(b"{garbage\n")
    [garbled] = found(sound, "index")
    index = Path(layout.index(str(sound.state)))
    index.unlink()
    (index / "x").mkdir(parents=True)

    [_, unwritten] = found(sound, "index")
    subprocess.run(unwritten["remedy"].partition(" && ")[0], shell=True, check=True)

    assert "1 unreadable line" in garbled["what"]
    assert "every look reads the whole journal again" in unwritten["what"]
    assert len(found(sound, "index")) == 1


# --- who looks -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not IS_ROOT, reason="only root can become others")
def test_the_service_user_looks_too_and_a_stranger_is_refused(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("backup", JOB)
    box.run("backup")

    as_root = box.process_control("doctor", "--json")
    as_user = box.process_control("doctor", "--json", user=SERVICE_USER)
    stranger = box.process_control("doctor", "--json", user=STRANGER)

    assert (as_root.exit_code, as_user.exit_code, stranger.exit_code) == (0, 0, 77), as_root.stdout
    assert "sudo -u" in stranger.stdout


def test_on_a_terminal_the_worst_comes_first_with_its_command(box: Box) -> None:
    box.job("broken", "command: /bin/true\ntimout: 3")

    screen = box.process_control("doctor", tty=True, columns=80).stdout

    assert screen.index("job_files") < screen.index("configuration")
    assert f"    process-control lint {box.job_directory}/broken.yaml" in screen


def test_dry_run_alone_is_wrong_usage(desk: Desk) -> None:
    assert desk.process_control("doctor", "--dry-run").exit_code == 2
