"""`import crontab`: a job file for each entry; what cannot be said is told with its line; nothing is overwritten."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from kit import mount_namespaces
from kit.desk import Desk
from kit.harness import SERVICE_USER, Box, Product, Result
from kit.plays_scheduler import plays_scheduler
from process_control.actions.adopt import adopt
from process_control.actions.import_crontab import Importer
from process_control.actions.line_exchange import Clock, open_live
from process_control.config.settings import load_settings
from process_control.errors import NotStarted
from process_control.system.account import account_of

pytestmark = pytest.mark.one_worker  # a line is exchanged between the seconds 5 and 50 of a minute

CRONTAB = """\
MAILTO=ops@example.org
PATH=/usr/local/bin:/usr/bin:/bin

# Back up the shop
30 2 * * * root /usr/local/bin/backup --all
*/5 * 29 2 * root cd /srv/shop && ./poll | logger
@reboot root /usr/bin/at-boot
10 4 * * * nobody /usr/bin/true
"""

#: The functions that find a name for an entry.
NAMING = ("is_numbered", "numbered", "free_slug", "_place")
ALL_SAID = "".join(CRONTAB.splitlines(keepends=True)[:6])
SPOOL = "/var/spool/cron"


def said(result: Result) -> list[str]:
    """Return what it said besides that it waited, which depends on the second of the minute."""
    return [line for line in result.stderr.splitlines() if not line.startswith("waiting ")]


@pytest.fixture
def cron_d(tmp_path: Path) -> Path:
    directory = tmp_path / "cron.d"
    directory.mkdir()
    return directory


@pytest.fixture
def crontab(cron_d: Path) -> Path:
    path = cron_d / "shop"
    path.write_text(CRONTAB)
    path.chmod(0o644)
    return path


@pytest.mark.needs_root
def test_each_entry_becomes_a_job_file_and_the_others_are_named_with_their_lines(desk: Desk, crontab: Path) -> None:
    result = desk.process_control("import", "crontab", str(crontab))

    assert result.stdout.splitlines() == [
        f"{crontab}:5: MAILTO=ops@example.org -> failmail (it gets the mail about failures; cron mailed all output)",
        f"{crontab}:5: wrote {desk.jobs}/backup.yaml",
        f"{crontab}:6: the command is run by sh -c (it needs a shell)",
        f"{crontab}:6: MAILTO=ops@example.org -> failmail (it gets the mail about failures; cron mailed all output)",
        f"{crontab}:6: wrote {desk.jobs}/poll.yaml",
        f"{crontab}:7: '@reboot' is not a time that cron can plan",
        "  hint: start it from a systemd unit with WantedBy=multi-user.target and ExecStart=run-job NAME",
        f"{crontab}:7: left out",
        f"{crontab}:8: runs as user 'nobody', and jobs run as 'root'",
        "  hint: import it with a configuration that has 'user: nobody': --config FILE",
        f"{crontab}:8: left out",
    ]
    assert result.stderr.splitlines()[0] == "wrote 2, left out 2"
    assert result.exit_code == 1
    assert (desk.jobs / "backup.yaml").read_text() == (
        f"# From {crontab}, line 5:\n"
        "#   30 2 * * * root /usr/local/bin/backup --all\n"
        "name: backup\n"
        "description: Back up the shop\n"
        "command: /usr/local/bin/backup --all\n"
        'schedule: "30 2 * * *"\n'
        "environment:\n"
        "  PATH: /usr/local/bin:/usr/bin:/bin\n"
        "failmail:\n"
        "  to_address: ops@example.org\n"
        "stderr: warn  # cron never failed on stderr\n"
        "timeout: 0  # cron had no limit\n"
    )


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("0 22-4 * * * root a", "has a bad hour: '22-4'", "write '22-23,0-4'"),
        ("5;x * * * * root a", "has a bad minute: '5;x'", "minute is 0-59"),
        ("1 2 * * * root a\r", "has the character '\\r'", "it has line ends of Windows: sed -i 's/\\r$//' FILE"),
        ("1 2 * * * root", "has no command", "correct the line, or put a # before it"),
    ],
)
def test_a_line_that_cron_misreads_is_named_with_the_way_to_write_it(
    desk: Desk, crontab: Path, line: str, what: str, hint: str
) -> None:
    crontab.write_bytes(f"{line}\n".encode())

    result = desk.process_control("import", "crontab", str(crontab))

    assert result.stdout.splitlines()[:2] == [
        f"{crontab}:1: {what}: cron ignores the whole file for it, or reads something else",
        f"  hint: {hint}",
    ]


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"#\n" * (1 << 19) + b"#\n", "has 1,048,578 bytes, and no more than 1,048,576 are read"),
        (b"1 2 * * * root a\0\n", "is not a text file"),
        (b"\x01\x02\x03abc\n", "is not a text file"),
    ],
    ids=["too long", "a NUL", "control characters"],
)
def test_what_is_no_crontab_is_refused_whole(desk: Desk, crontab: Path, content: bytes, what: str) -> None:
    crontab.write_bytes(content)

    for options in ((), ("--adopt", "1")):
        result = desk.process_control("import", "crontab", str(crontab), *options)

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.splitlines()[0] == f"{crontab}: {what}"
    assert crontab.read_bytes() == content


@pytest.mark.needs_root
def test_a_directory_is_named_and_the_two_options_do_not_go_together(desk: Desk, crontab: Path) -> None:
    result = desk.process_control("import", "crontab", str(crontab.parent))
    both = desk.process_control("import", "crontab", str(crontab), "--system", "--user")

    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, f"{crontab.parent}: is a directory")
    assert (both.exit_code, both.stderr.splitlines()[0]) == (2, "--system and --user do not go together")


@pytest.mark.needs_root
def test_a_line_behind_the_generated_ones_is_told(desk: Desk, crontab: Path) -> None:
    generated = (
        '# Written by cron-generate\nMAILTO=""\n1 2 * * * /usr/bin/run-job --scheduled a\n\n3 4 * * * /bin/lost\nbad\n'
    )
    crontab.write_text(f"A=b\n1 2 * * * /bin/own\n{generated}")

    result = desk.process_control("import", "crontab", "--user", str(crontab))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        line
        for number in (7, 8)
        for line in (
            f"{crontab}:{number}: stands behind the lines of cron-generate, so it is not imported",
            "  hint: move it above '# Written by cron-generate'",
        )
    ] + [f"{crontab}:2: wrote {desk.jobs}/own.yaml"]


@pytest.mark.needs_root
def test_on_a_terminal_of_80_columns_no_line_is_longer_and_commands_stay_whole(product: Product) -> None:
    box = Box.configured(product)
    try:
        crontab = box.root / "cron.d" / "shop-of-a-name-that-is-long"
        crontab.parent.mkdir()
        box.configure(output_crontab=str(box.root / "cron.d" / "pc"))
        crontab.write_text(CRONTAB + "CRON_TZ=Asia/Tokyo\n1 2 * * * root /bin/a\n")
        verb = ("import", "crontab", str(crontab))
        screens = [
            box.process_control(*verb, *flags, tty=True).stdout
            for flags in ((), ("--prove",), ("--adopt", "5", "--dry-run"))
        ]
    finally:
        assert box.close() == []

    for screen in screens:
        assert max(map(len, screen.replace("\r", "").splitlines())) <= 80, screen
    assert "ExecStart=run-job NAME" in screens[0]
    assert f"{crontab}:5: would become the job 'backup'," in screens[2].replace("\r", "").replace("\n  ", " ")


ADVICE = "cron still runs these lines"


@pytest.mark.needs_root
def test_the_advice_is_for_lines_and_jobs_that_would_both_be_started(desk: Desk, crontab: Path, tmp_path: Path) -> None:
    crontab.write_text("CRON_TZ=Asia/Tokyo\n1 2 * * * root /bin/a\n")
    other = tmp_path / "other"
    other.write_bytes(crontab.read_bytes())

    elsewhere = desk.process_control("import", "crontab", str(crontab), "--output", str(tmp_path / "elsewhere"))
    not_live = desk.process_control("import", "crontab", "--system", str(other))
    both = desk.process_control("import", "crontab", str(crontab), "--output", f"{desk.jobs}/.")

    assert [ADVICE in each.stderr for each in (elsewhere, not_live, both)] == [False, False, True]
    assert both.stderr.splitlines()[1] == (
        "cron-generate leaves out 1 of these jobs: cron knows only the host's time zone"
    )


@pytest.mark.needs_root
def test_a_full_disk_leaves_no_half_job_file(desk: Desk, crontab: Path, tmp_path: Path) -> None:
    jobs = tmp_path / "small"
    jobs.mkdir()
    with full_disk(jobs):
        result = desk.process_control("import", "crontab", str(crontab), "--output", str(jobs))
        left = [path.name for path in jobs.iterdir()]

    assert (result.exit_code, left) == (74, ["filler"])
    assert result.stderr.startswith(f"{jobs}/backup.yaml: cannot write: No space left on device")


@pytest.mark.needs_root
def test_many_lines_with_one_name_take_their_numbers_in_order(desk: Desk, crontab: Path) -> None:
    crontab.write_text("".join(f"1 2 * * * root /x/poll {number}\n" for number in range(1, 13)))
    command = ("import", "crontab", str(crontab), "--json")
    first = [entry["job"] for entry in desk.process_control(*command).json()["crontabs"][0]["entries"]]
    again = desk.process_control(*command).json()["crontabs"][0]["entries"]

    assert first == ["poll", *(f"poll-{number}" for number in range(2, 13))]
    assert [(entry["job"], entry["done"]) for entry in again] == [(job, "same") for job in first]


@pytest.mark.needs_root
@pytest.mark.parametrize("line", ["1 2 * * * root /x/poll", "1 2 * * * root /x/poll {}"], ids=["equal", "one name"])
def test_the_work_of_naming_grows_with_the_lines_not_with_their_square(desk: Desk, crontab: Path, line: str) -> None:
    def steps(count: int) -> list[int]:
        """Return how many calls the names of so many new entries take, and of the same ones once more."""
        crontab.write_text("".join(f"{line}\n".format(number) for number in range(count)))
        found = []
        for _ in range(2):
            calls, settings = 0, load_settings(str(desk.configuration), {})
            of_new = Importer.into(str(desk.root / f"of-{count}"), settings, account_of(0))
            opened = open_live(str(crontab))

            def count_call(frame: FrameType, event: str, _: object) -> None:
                nonlocal calls
                calls += event == "call" and frame.f_code.co_name in NAMING

            sys.setprofile(count_call)
            try:
                done = of_new.import_crontab(opened, dry_run=False, with_proof=False)
            finally:
                sys.setprofile(None)
            assert len({entry.job for entry in done.entries}) == count
            found.append(calls)
        return found

    few, many = steps(20), steps(80)

    assert all(4 <= more / less < 5 for less, more in zip(few, many, strict=True)), (few, many)


@pytest.mark.needs_root
def test_prove_says_for_each_entry_that_the_times_are_equal(desk: Desk, crontab: Path) -> None:
    result = desk.process_control("import", "crontab", str(crontab), "--prove")

    proved = [line for line in result.stdout.splitlines() if "proved:" in line]
    assert proved[0] == f"{crontab}:5: proved: 400 equal times in the next 400 days"
    assert result.stderr.startswith("wrote 2, left out 2; proved 2 of 2\n")


@pytest.mark.needs_utc
@pytest.mark.needs_root
def test_prove_says_not_equal_for_a_line_whose_zone_debians_cron_ignores(desk: Desk, crontab: Path) -> None:
    crontab.write_text("CRON_TZ=Etc/UTC\n1 2 * * * root /bin/a\nCRON_TZ=Asia/Tokyo\n1 2 * * * root /bin/b\n")

    result = desk.process_control("import", "crontab", str(crontab), "--prove")

    lines = result.stdout.splitlines()
    assert f"{crontab}:2: proved: 400 equal times in the next 400 days" in lines
    assert lines[-2].startswith(f"{crontab}:4: NOT EQUAL: at ")
    hint = "  hint: Debian's cron ignores CRON_TZ; to keep its times, remove time_zone from the job file"
    assert lines[-1] == hint
    assert "proved 1 of 2" in result.stderr
    assert result.exit_code == 1

    job = desk.jobs / "b.yaml"
    job.write_text(job.read_text().replace("time_zone: Asia/Tokyo\n", ""))
    again = desk.process_control("import", "crontab", str(crontab), "--prove")

    assert f"{crontab}:4: proved: 400 equal times in the next 400 days" in again.stdout


@pytest.mark.needs_root
def test_a_line_is_adopted_and_given_back_byte_for_byte(desk: Desk, crontab: Path, cron_d: Path) -> None:
    generated = cron_d / "process-control"
    desk.configure(output_crontab=str(generated))
    crontab.write_text(ALL_SAID)
    before = crontab.read_bytes()

    adopted = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert (adopted.exit_code, said(adopted)) == (0, [])
    assert crontab.read_text().splitlines()[4] == (
        "# process-control runs this as the job backup: 30 2 * * * root /usr/local/bin/backup --all"
    )
    assert [line for line in generated.read_text().splitlines() if "--scheduled backup" in line]
    assert "poll" not in generated.read_text()

    undone = desk.process_control("import", "crontab", str(crontab), "--undo")

    assert (undone.exit_code, said(undone)) == (0, [])
    assert crontab.read_bytes() == before
    assert "backup" not in generated.read_text()
    assert list(desk.jobs.iterdir()) == []


@pytest.mark.needs_root
def test_while_the_scheduler_is_alive_it_starts_the_adopted_job_and_the_crontab_gets_no_line(
    desk: Desk, crontab: Path, cron_d: Path
) -> None:
    generated = cron_d / "process-control"
    desk.configure(output_crontab=str(generated))
    desk.cron_generate("--none")
    none = generated.read_bytes()
    crontab.write_text(ALL_SAID)
    words = ("import", "crontab", str(crontab), "--adopt", "5")

    alone = desk.process_control(*words)
    assert alone.exit_code == 78
    assert "no scheduler is running: nothing would start the job" in alone.stderr
    assert "hint: process-control scheduler; or, for cron: cron-generate --all" in alone.stderr
    assert (crontab.read_text(), list(desk.jobs.iterdir())) == (ALL_SAID, [])

    with plays_scheduler(desk.configuration):
        adopted = desk.process_control(*words)
        assert (adopted.exit_code, said(adopted)) == (0, [])
        shown = " ".join(adopted.stdout.split())
        assert f"is now the job 'backup', which the scheduler starts; {generated} stays as it is" in shown
        assert crontab.read_text().splitlines()[4].startswith("# process-control runs this as the job backup: ")
        assert (desk.jobs / "backup.yaml").exists()
        assert generated.read_bytes() == none

        undone = desk.process_control("import", "crontab", str(crontab), "--undo", "--json")
        assert undone.json()["adopted"]["for_scheduler"] is True

    assert (crontab.read_text(), list(desk.jobs.iterdir())) == (ALL_SAID, [])
    assert generated.read_bytes() == none


@pytest.mark.needs_root
def test_a_second_import_finds_its_own_files_and_leaves_the_edited_one(desk: Desk, crontab: Path) -> None:
    desk.process_control("import", "crontab", str(crontab))
    edited = desk.jobs / "poll.yaml"
    edited.write_text(edited.read_text() + "tags: [shop]\n")
    crontab.write_text("\n" + CRONTAB)

    result = desk.process_control("import", "crontab", str(crontab))

    assert f"{crontab}:6: same as the existing {desk.jobs}/backup.yaml" in result.stdout
    assert f"{crontab}:7: kept {edited}, which was imported from this line and edited since" in result.stdout
    assert sorted(path.name for path in desk.jobs.iterdir()) == ["backup.yaml", "poll.yaml"]


@pytest.mark.needs_root
def test_a_job_of_that_name_that_is_another_stays_and_the_new_one_is_counted(desk: Desk, crontab: Path) -> None:
    mine = desk.job("backup")
    before = mine.read_bytes()
    crontab.write_text("1 2 * * * root /x/backup\n1 2 * * * root /x/backup\n")

    result = desk.process_control("import", "crontab", str(crontab))

    assert result.exit_code == 0
    assert mine.read_bytes() == before
    assert sorted(path.name for path in desk.jobs.iterdir()) == ["backup-2.yaml", "backup-3.yaml", "backup.yaml"]


@pytest.mark.needs_root
def test_what_others_may_not_read_in_the_crontab_they_may_not_read_in_the_job_file(desk: Desk, crontab: Path) -> None:
    crontab.chmod(0o600)

    desk.process_control("import", "crontab", str(crontab))

    assert (desk.jobs / "backup.yaml").stat().st_mode & 0o7777 == 0o640


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("text", "line", "mode", "exit_code", "words"),
    [
        (ALL_SAID, 4, 0o644, 2, "line 4 is a comment line, nothing that cron runs\n  hint: it runs 5, 6"),
        (ALL_SAID, 9, 0o644, 2, "line 9 is after the last line, nothing that cron runs"),
        (ALL_SAID, 5, 0o666, 2, "does not belong to root alone, so cron ignores it"),
        (ALL_SAID + "x", 5, 0o644, 78, "has no newline at its end, and cron ignores such a file"),
        (ALL_SAID + "x\n", 5, 0o644, 78, "has a bad minute: 'x': cron ignores the whole file"),
        ("@reboot root a\n", 1, 0o644, 78, "'@reboot' is not a time that cron can plan"),
        ("1 2 * * * nobody a\n", 1, 0o644, 78, "runs as user 'nobody', and jobs run as 'root'"),
        ("CRON_TZ=Asia/Tokyo\n1 2 * * * root a\n", 2, 0o644, 78, "has another time zone than cron"),
    ],
)
def test_a_line_that_no_job_can_take_over_stays(
    desk: Desk, crontab: Path, text: str, line: int, mode: int, exit_code: int, words: str
) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(text)
    crontab.chmod(mode)

    result = desk.process_control("import", "crontab", str(crontab), "--adopt", str(line))

    assert result.exit_code == exit_code
    assert words in result.stderr
    assert crontab.read_text() == text
    assert list(desk.jobs.iterdir()) == []
    assert list(crontab.parent.iterdir()) == [crontab]


@pytest.mark.needs_root
def test_nothing_but_the_one_job_changes_in_the_generated_crontab(desk: Desk, crontab: Path) -> None:
    generated = crontab.parent / "process-control"
    desk.configure(output_crontab=str(generated))
    crontab.write_text(ALL_SAID)
    desk.process_control("import", "crontab", str(crontab))

    adopted = desk.process_control("import", "crontab", str(crontab), "--adopt", "6")

    assert adopted.exit_code == 0
    assert ("--scheduled poll" in generated.read_text(), "--scheduled backup" in generated.read_text()) == (True, False)

    job = desk.jobs / "poll.yaml"
    job.write_text(job.read_text().replace('"*/5 * 29 2', '"*/7 * 29 2'))
    refused = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert refused.exit_code == 78
    assert "does not match the job files; this would change too: */7 * 29 2 * root" in refused.stderr


@pytest.mark.needs_root
def test_what_was_interrupted_is_completed_by_the_same_call(desk: Desk, crontab: Path) -> None:
    generated = crontab.parent / "process-control"
    desk.configure(output_crontab=str(generated))
    crontab.write_text(ALL_SAID)
    adopt = ("import", "crontab", str(crontab), "--adopt", "5", "--json")
    desk.process_control(*adopt)
    generated.unlink()  # as when the call was killed between the two crontabs

    completed = desk.process_control(*adopt)

    assert completed.json()["adopted"]["done"] == "completed"
    assert "--scheduled backup" in generated.read_text()
    job = (desk.jobs / "backup.yaml").read_bytes()
    desk.process_control(*adopt, "--undo")
    (desk.jobs / "backup.yaml").write_bytes(job)  # as when it was killed behind the job file

    again = desk.process_control(*adopt)

    assert (again.json()["adopted"]["done"], again.json()["adopted"]["job_file"]) == ("adopted", "same")
    assert crontab.read_text().count("# process-control runs this") == 1


@pytest.mark.needs_root
def test_when_one_of_the_two_crontabs_cannot_be_written_everything_is_as_it_was(desk: Desk, crontab: Path) -> None:
    generated = crontab.parent / "small" / "pc"
    generated.parent.mkdir()
    desk.configure(output_crontab=str(generated))
    crontab.write_text(ALL_SAID)
    with full_disk(generated.parent):
        refused = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert refused.exit_code == 74
    assert crontab.read_text() == ALL_SAID
    assert list(desk.jobs.iterdir()) == []


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """Put a file system there that takes no more bytes."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=10", "process-control-test", str(directory)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounts are not permitted here")
    try:
        (directory / "filler").write_bytes(b"x" * 4096)
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@pytest.mark.needs_root
def test_an_edited_job_file_stays_disabled_when_its_line_is_given_back(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    desk.process_control("import", "crontab", str(crontab), "--adopt", "6")
    job = desk.jobs / "poll.yaml"
    job.write_text(job.read_text() + "tags: [shop]\n")

    undone = desk.process_control("import", "crontab", str(crontab), "--undo", "--adopt", "6")

    assert f"{job}: disabled" in undone.stdout
    assert job.read_text().endswith("tags: [shop]\ndisabled: true\n")
    assert crontab.read_text() == ALL_SAID


def adopted(desk: Desk, crontab: Path) -> Path:
    """Adopt line 6; return its job file."""
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    assert desk.process_control("import", "crontab", str(crontab), "--adopt", "6").exit_code == 0
    return desk.jobs / "poll.yaml"


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("there", "then"), [("disabled: false # x\n", "disabled: true # x\n"), ("disabled: 'no'\n",) * 2]
)
def test_a_key_disabled_that_is_there_becomes_true_and_owner_and_mode_stay(
    desk: Desk, crontab: Path, there: str, then: str
) -> None:
    job = adopted(desk, crontab)
    job.write_text(job.read_text() + there)
    job.chmod(0o4640)
    os.chown(job, -1, 12)

    undone = desk.process_control("import", "crontab", str(crontab), "--undo")

    assert f"{job}: disabled" in undone.stdout
    assert job.read_text().splitlines()[-1].startswith("disabled: true")
    assert then.partition("#")[2] in job.read_text()
    assert (job.stat().st_mode & 0o7777, job.stat().st_gid) == (0o640, 12)


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("kind", "exit_code", "words"),
    [
        ("link", 77, "is a link"),
        ("directory", 77, "is a directory"),
        ("fifo", 77, "is a named pipe"),
        ("list", 78, "cannot be disabled"),
        ("no yaml", 78, "cannot be disabled"),
        ("flow", 78, "cannot be disabled"),
        ("empty value", 78, "cannot be disabled"),
    ],
)
def test_undo_changes_nothing_when_the_job_file_cannot_be_disabled(
    desk: Desk, crontab: Path, kind: str, exit_code: int, words: str
) -> None:
    job = adopted(desk, crontab)
    secret = crontab.parent.parent / "secret"
    secret.write_text("name: secret\n")
    secret.chmod(0o600)
    job.unlink()
    if kind == "link":
        job.symlink_to(secret)
    elif kind == "directory":
        job.mkdir()
    elif kind == "fifo":
        os.mkfifo(job)
    else:
        texts = {"list": "- a\n", "no yaml": "a: [\n", "flow": "{name: a}\n", "empty value": "name: a\ndisabled:\n"}
        job.write_text(texts[kind])
    before = crontab.read_bytes(), (crontab.parent / "process-control").read_bytes()

    refused = desk.process_control("import", "crontab", str(crontab), "--undo")

    assert (refused.exit_code, words in refused.stderr) == (exit_code, True), refused
    assert (crontab.read_bytes(), (crontab.parent / "process-control").read_bytes()) == before
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("name: secret\n", 0o600)
    if job.is_dir():
        job.rmdir()


@pytest.mark.needs_root
@pytest.mark.parametrize("key", ["exclude: [2026-12-24]", "only_if: /bin/true", "jitter: 5m", "disabled: true"])
@pytest.mark.parametrize("is_default", [False, True])
def test_a_job_that_does_not_start_at_all_its_times_takes_no_line_over(
    desk: Desk, crontab: Path, key: str, is_default: bool
) -> None:
    name, _, value = key.partition(": ")
    crontab.write_text(ALL_SAID)
    if is_default:
        of_default: object = ["2026-12-24"] if name == "exclude" else (value == "true" or value)
        desk.configure(output_crontab=str(crontab.parent / "process-control"), default_job_config={name: of_default})
    else:
        desk.configure(output_crontab=str(crontab.parent / "process-control"))
        desk.process_control("import", "crontab", str(crontab))
        with open(desk.jobs / "backup.yaml", "a") as file:
            file.write(f"{key}\n")

    refused = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert refused.exit_code == 78, refused
    assert f"the job has '{name}', so it would not start whenever this line does\n" in refused.stderr
    assert crontab.read_text() == ALL_SAID


@pytest.mark.needs_root
def test_a_job_file_that_run_job_refuses_takes_no_line_over(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    desk.process_control("import", "crontab", str(crontab))
    (desk.jobs / "backup.yaml").chmod(0o666)

    refused = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert refused.exit_code == 77
    assert "backup.yaml: " in refused.stderr
    assert crontab.read_text() == ALL_SAID


class Waiting:
    """A clock of its own: something happens during the first wait, or the first check takes some seconds."""

    def __init__(self, now: float, meanwhile: Callable[[], object], *, slow_check: float = 0.0) -> None:
        self.time, self.meanwhile, self.waits = now, meanwhile, 0
        self._slow_check, self._looks = slow_check, 0

    def now(self) -> float:
        self._looks += 1
        if self._looks == 3:  # the first is for the wait, the second before the check, the third behind it
            self.time += self._slow_check
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.waits += 1
        if self.waits == 1:
            self.meanwhile()

    def clock(self) -> Clock:
        return Clock(now=self.now, sleep=self.sleep)


def importer(desk: Desk) -> Importer:
    return Importer.into(None, load_settings(str(desk.configuration), {}), account_of(0))


@pytest.mark.needs_root
@pytest.mark.parametrize("was_there", [False, True])
def test_a_job_file_that_appears_or_changes_during_the_wait_stays(desk: Desk, crontab: Path, was_there: bool) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    if was_there:
        desk.process_control("import", "crontab", str(crontab))
    job = desk.jobs / "backup.yaml"
    waiting = Waiting(1_800_000_000.0, lambda: job.write_text("name: mine\n"))

    with pytest.raises(NotStarted) as refused:
        adopt(importer(desk), open_live(str(crontab)), 5, dry_run=False, clock=waiting.clock())

    assert f"was {'changed' if was_there else 'made'} meanwhile" in str(refused.value)
    assert job.read_text() == "name: mine\n"
    assert crontab.read_text() == ALL_SAID


@pytest.mark.needs_root
def test_when_the_check_takes_past_the_quiet_moment_it_waits_for_the_next_one(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    waiting = Waiting(1_800_000_049.0, lambda: None, slow_check=5)

    done = adopt(importer(desk), open_live(str(crontab)), 5, dry_run=False, clock=waiting.clock())

    assert (waiting.time % 60, waiting.waits) == (5, 1)
    assert (done.waited_seconds, done.is_late) == (11, False)


@pytest.mark.needs_root
def test_two_equal_lines_become_two_jobs(desk: Desk, crontab: Path) -> None:
    generated = crontab.parent / "process-control"
    desk.configure(output_crontab=str(generated))
    text = "1 2 * * * root /x/poll\n" * 2
    crontab.write_text(text)
    command = ("import", "crontab", str(crontab), "--adopt")

    jobs = [desk.process_control(*command, number, "--json").json()["adopted"]["job"] for number in ("1", "2")]

    assert jobs == ["poll", "poll-2"]
    assert generated.read_text().count("1 2 * * * root ") == 2
    for number in ("1", "2"):
        assert desk.process_control(*command, number, "--undo").exit_code == 0
    assert crontab.read_text() == text
    assert list(desk.jobs.iterdir()) == []


@pytest.mark.needs_root
def test_undo_asks_for_the_line_when_there_are_several(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)
    for line in ("5", "6"):
        desk.process_control("import", "crontab", str(crontab), "--adopt", line)

    result = desk.process_control("import", "crontab", str(crontab), "--undo")

    assert result.exit_code == 2
    assert result.stderr == f"{crontab}: jobs have taken over its lines 5, 6\n  hint: --undo --adopt LINE\n"


@pytest.mark.needs_root
def test_a_dry_run_of_adopt_writes_nothing(desk: Desk, crontab: Path) -> None:
    desk.configure(output_crontab=str(crontab.parent / "process-control"))
    crontab.write_text(ALL_SAID)

    result = desk.process_control("import", "crontab", str(crontab), "--adopt", "5", "--dry-run")

    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        f"{crontab}:5: would become the job 'backup', which {crontab.parent}/process-control starts",
    )
    assert f"{desk.jobs}/backup.yaml: would write" in result.stdout
    answer = desk.json("import", "crontab", str(crontab), "--adopt", "5", "--dry-run", "--json")
    assert (answer["adopted"]["done"], answer["adopted"]["job_file"]) == ("would adopt", "would write")
    assert crontab.read_text() == ALL_SAID
    assert list(desk.jobs.iterdir()) == []


@pytest.mark.needs_root
@pytest.mark.parametrize(("more", "words"), [("", "would remove"), ("tags: [shop]\n", "would disable")])
def test_a_dry_run_of_undo_says_what_would_become_of_the_job_file(
    desk: Desk, crontab: Path, more: str, words: str
) -> None:
    job = adopted(desk, crontab)
    job.write_text(job.read_text() + more)

    result = desk.process_control("import", "crontab", str(crontab), "--undo", "--dry-run")

    assert f"{job}: {words}\n" in result.stdout
    answer = desk.json("import", "crontab", str(crontab), "--undo", "--dry-run", "--json")
    assert (answer["adopted"]["done"], answer["adopted"]["job_file"]) == ("would undo", words)
    assert "disabled" not in job.read_text()


# --- the crontab of a user, by the program crontab -------------------------------------------------------------------

OWN = "A=b\n\n# Poll\n*/5 * 29 2 * ./poll\n1 2 * * * ./night\n"
IN_OWN_SPOOL = (
    f"mount -t tmpfs none {SPOOL}; install -d -m 1730 -g crontab {SPOOL}/crontabs; "
    'printf "$1" | crontab -u "$2" -; eval "$3"'
)


def in_own_spool(box: Box, text: str, user: str, script: str) -> Result:
    """Run a script of a shell where `user` alone has a crontab."""
    mount_namespaces.needed()
    program = box.product.process_control
    command = ["sh", "-ec", IN_OWN_SPOOL, "sh", text.replace("\n", "\\n"), user, script.replace("PC", str(program))]
    return box.command([*mount_namespaces.IN_ONE, *command])


@pytest.mark.needs_root
def test_the_crontab_of_the_service_user_is_adopted_from_by_crontab(product: Product) -> None:
    box = Box.configured(product, service_user=SERVICE_USER)
    try:
        (box.root / "cron.d").mkdir()
        box.configure(output_crontab=str(box.root / "cron.d" / "pc"))
        own = f"{SPOOL}/crontabs/{SERVICE_USER}"
        script = (
            f"crontab -l -u {SERVICE_USER} > before; PC import crontab {own} --adopt 4; crontab -l -u {SERVICE_USER}; "
            f"cat cron.d/pc; ls -l jobs/poll.yaml; PC import crontab {own} --undo; "
            f"crontab -l -u {SERVICE_USER} > after; cmp before after && echo equal"
        )

        result = in_own_spool(box, OWN, SERVICE_USER, script)
    finally:
        assert box.close() == []

    assert result.exit_code == 0, result
    assert "\n# process-control runs this as the job poll: */5 * 29 2 * ./poll\n1 2 * * * ./night\n" in result.stdout
    assert f"\n*/5 * 29 2 * {SERVICE_USER} " in result.stdout
    assert f"\n-rw-r----- 1 root {SERVICE_USER} " in result.stdout
    assert result.stdout.endswith("equal\n")


@pytest.mark.needs_root
def test_without_a_file_for_it_the_generated_part_stands_at_the_end_of_the_own_crontab(product: Product) -> None:
    box = Box.configured(product)
    try:
        script = (
            "crontab -l > before; PC import crontab --adopt 4; crontab -l; "
            "PC import crontab --adopt 5; crontab -l; PC import crontab --undo --adopt 4; "
            "PC import crontab --undo; crontab -l > after; cmp before after && echo equal"
        )

        result = in_own_spool(box, OWN, "root", script)
    finally:
        assert box.close() == []

    assert result.exit_code == 0, result
    first, second = result.stdout.split("# Written by cron-generate")[1:3]
    assert ("--scheduled poll" in first, "--scheduled night" in first) == (True, False)
    assert ("--scheduled poll" in second, "--scheduled night" in second) == (True, True)
    assert result.stdout.endswith("equal\n")


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("variable", "exit_code"), [("CRON_TZ=Asia/Tokyo", 78), ("SHELL=/usr/bin/perl", 78), ("SHELL=/bin/bash", 0)]
)
def test_no_line_is_adopted_above_which_a_variable_would_change_the_generated_ones(
    product: Product, variable: str, exit_code: int
) -> None:
    box = Box.configured(product)
    try:
        text = f"1 2 * * * ./night\n{variable}\n"
        result = in_own_spool(box, text, "root", "PC import crontab --adopt 1 || { code=$?; crontab -l; exit $code; }")
    finally:
        assert box.close() == []

    assert result.exit_code == exit_code, result
    if exit_code:
        assert f"crontab of root:2: sets {variable}, which would hold" in result.stderr
        assert result.stdout == text


@pytest.mark.needs_root
def test_without_a_file_it_reads_what_cron_reads_here(product: Product) -> None:
    box = Box.configured(product)
    try:
        (box.root / "cron.d").mkdir()
        for name, command in (("shop", "/bin/shop"), ("shop.dpkg-old", "/bin/old"), (".placeholder", "/bin/no")):
            (box.root / "cron.d" / name).write_text(f"1 2 * * * root {command}\n")
        (box.root / "system").write_text("3 4 * * * root /bin/system\n")
        script = (
            f"mount --bind {box.root}/cron.d /etc/cron.d; mount --bind {box.root}/system /etc/crontab; "
            "PC import crontab; ls jobs"
        )

        result = in_own_spool(box, "5 6 * * * /bin/own\n", "root", script)
    finally:
        assert box.close() == []

    assert [line for line in result.stdout.splitlines() if ": wrote " in line] == [
        f"/etc/crontab:1: wrote {box.job_directory}/system.yaml",
        f"/etc/cron.d/shop:1: wrote {box.job_directory}/shop.yaml",
        f"crontab of root:1: wrote {box.job_directory}/own.yaml",
    ]
    assert result.stderr.startswith("wrote 3\n")
