"""Files that look like jobs and are not read: each command that looks at all jobs names them."""

import json
import os

import pytest

from kit.desk import Desk


@pytest.fixture
def misplaced(desk: Desk) -> Desk:
    """A desk with one job, and with four things that are none."""
    desk.job("purge", "command: /bin/true\nschedule: '0 3 * * *'")
    for name in ("backup.yml", "CLEAN.YAML", "notes.txt", "purge.yaml~", "purge.yaml.bak", ".purge.yaml.swp", ".x.yml"):
        (desk.jobs / name).write_text("name: A\ncommand: /bin/true\n")
    for folder in ("team", "docs", ".git"):
        (desk.jobs / folder).mkdir()
    (desk.jobs / "team" / "a.yaml").write_text("name: A\ncommand: /bin/true\n")
    (desk.jobs / "docs" / "readme.md").write_text("x")
    (desk.jobs / ".git" / "x.yaml").write_text("x")
    os.symlink("/nonexistent", desk.jobs / "gone")
    return desk


def test_lint_names_each_of_them(misplaced: Desk) -> None:
    result = misplaced.process_control("lint")

    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        f"{misplaced.jobs}/CLEAN.YAML: is not read: a job's file ends in .yaml\n"
        "  hint: rename it to CLEAN.yaml\n"
        f"{misplaced.jobs}/backup.yml: is not read: a job's file ends in .yaml\n"
        "  hint: rename it to backup.yaml\n"
        f"{misplaced.jobs}/team: is not read: a folder with job files\n"
        "  hint: move its files up, or set it as 'job_directory' in another configuration\n"
    )


def test_list_and_cron_generate_name_them_in_one_line(misplaced: Desk) -> None:
    line = (
        f"{misplaced.jobs}: 3 files or folders are not read: CLEAN.YAML, backup.yml, team; "
        "to see why: process-control lint\n"
    )

    listed = misplaced.process_control("list")
    generated = misplaced.cron_generate("--output", str(misplaced.root / "crontab"))
    one = misplaced.process_control("list", "purge")

    assert (listed.exit_code, listed.stderr) == (0, line)
    assert (generated.exit_code, generated.stderr) == (0, line)
    assert one.stderr == ""


def test_check_warns_of_them(misplaced: Desk) -> None:
    result = misplaced.process_control("check")
    one = misplaced.process_control("check", "purge")

    assert (result.exit_code, one.exit_code) == (1, 0)
    first, *rest = result.stdout.splitlines()
    assert first.startswith("PROCESS-CONTROL WARNING - 1 job fine; not read: CLEAN.YAML, backup.yml, team | jobs=1;")
    assert rest == ["WARNING: CLEAN.YAML (not read)", "WARNING: backup.yml (not read)", "WARNING: team (not read)"]
    troubles = json.loads(misplaced.process_control("check", "--json").stdout)["troubles"]
    assert [(trouble["job"], trouble["state"]) for trouble in troubles] == [
        ("CLEAN.YAML", "not read"),
        ("backup.yml", "not read"),
        ("team", "not read"),
    ]


def test_one_that_is_alone_is_named_too(desk: Desk) -> None:
    (desk.jobs / "backup.yml").write_text("name: A\ncommand: /bin/true\n")

    result = desk.process_control("check")

    assert result.exit_code == 1
    assert result.stdout.startswith("PROCESS-CONTROL WARNING - there are no jobs; not read: backup.yml | ")


@pytest.mark.parametrize(("verb", "exit_code"), [("status", 0), ("check", 2), ("metrics", 0)])
def test_a_name_that_is_no_utf8_breaks_no_view(desk: Desk, verb: str, exit_code: int) -> None:
    (desk.jobs / os.fsdecode(b"\xff.yaml")).write_text("name: A\ncommand: /bin/true\n")
    desk.job("purge", "command: /bin/true")

    answer = desk.process_control(verb)

    assert (answer.exit_code, answer.stderr) == (exit_code, "")
    assert "purge" in answer.stdout or verb == "check"
