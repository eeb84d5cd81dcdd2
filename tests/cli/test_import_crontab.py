"""`import crontab`: a job file for each entry; what cannot be said is told with its line; nothing is overwritten."""

from pathlib import Path

import pytest

from kit.desk import Desk

CRONTAB = """\
MAILTO=ops@example.org
PATH=/usr/local/bin:/usr/bin:/bin

# Back up the shop
30 2 * * * root /usr/local/bin/backup --all
*/5 * * * * root cd /srv/shop && ./poll | logger
@reboot root /usr/bin/at-boot
10 4 * * * nobody /usr/bin/true
"""


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
def test_prove_says_for_each_entry_that_the_times_are_equal(desk: Desk, crontab: Path) -> None:
    result = desk.process_control("import", "crontab", str(crontab), "--prove")

    proved = [line for line in result.stdout.splitlines() if "proved:" in line]
    assert proved[0] == f"{crontab}:5: proved: 400 equal times in the next 400 days"
    assert result.stderr.startswith("wrote 2, left out 2; proved 2 of 2\n")


@pytest.mark.needs_root
def test_a_line_is_adopted_and_given_back_byte_for_byte(desk: Desk, crontab: Path, cron_d: Path) -> None:
    generated = cron_d / "process-control"
    desk.configure(output_crontab=str(generated))
    crontab.write_text("".join(CRONTAB.splitlines(keepends=True)[:6]))
    before = crontab.read_bytes()

    adopted = desk.process_control("import", "crontab", str(crontab), "--adopt", "5")

    assert (adopted.exit_code, adopted.stderr) == (0, "")
    assert crontab.read_text().splitlines()[4] == (
        "# process-control runs this as the job backup: 30 2 * * * root /usr/local/bin/backup --all"
    )
    assert [line for line in generated.read_text().splitlines() if "--scheduled backup" in line]
    assert "poll" not in generated.read_text()

    undone = desk.process_control("import", "crontab", str(crontab), "--undo")

    assert (undone.exit_code, undone.stderr) == (0, "")
    assert crontab.read_bytes() == before
    assert "backup" not in generated.read_text()
    assert list(desk.jobs.iterdir()) == []
