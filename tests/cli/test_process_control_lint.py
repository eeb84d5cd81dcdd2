"""`lint`: every fault of every file, with its place."""

from pathlib import Path

import pytest

from kit.desk import Desk
from kit.harness import PROJECT

TABBED = "name: Tabbed\ncommand: /bin/true\nenvironment:\n\tA: b\n"


def test_nothing_to_find_is_exit_code_zero(desk: Desk) -> None:
    desk.job("purge")

    result = desk.process_control("lint")

    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)


def test_all_faults_of_all_files_are_told_with_their_place(desk: Desk) -> None:
    desk.job("a", "name: A\ncomand: /bin/true\ncommand: /bin/true\ntimeout: soon")
    desk.job("b", "name: B\ncommand: /bin/true\nschedule: '0 0 31 2 *'")

    result = desk.process_control("lint")

    told = result.stdout.splitlines()
    assert result.exit_code == 1
    assert told[1].startswith("  hint: did you mean 'command'?")
    assert told == [
        f"{desk.jobs}/a.yaml:2:1: unknown key 'comand'",
        told[1],
        f"{desk.jobs}/a.yaml:4:10: 'timeout' must be a time, not 'soon'",
        "  hint: write seconds, or 90s, 10m, 2h",
        f"{desk.jobs}/b.yaml:3:11: schedule '0 0 31 2 *' never fires",
        "  hint: none of these months has such a day; choose another day or month",
    ]


def test_an_unsafe_file_is_a_finding(desk: Desk) -> None:
    desk.job("a").chmod(0o666)

    result = desk.process_control("lint")

    assert result.exit_code == 1
    assert result.stdout.startswith(f"{desk.jobs}/a.yaml: ")
    assert "hint: chmod" in result.stdout


def test_a_file_with_an_impossible_name_is_a_finding(desk: Desk) -> None:
    (desk.jobs / "a b.yaml").write_text("name: A\ncommand: /bin/true\n")

    assert desk.process_control("lint").exit_code == 1


def test_hard_tabs_are_told_and_mended(desk: Desk) -> None:
    path = desk.job("tabbed", TABBED)
    path.chmod(0o640)

    told = desk.process_control("lint")
    mended = desk.process_control("lint", "--fix")

    assert (told.exit_code, told.stdout) == (
        1,
        f"{path}:4:1: hard tab used as indentation\n  hint: replace tabs by spaces: process-control lint --fix\n",
    )
    assert (mended.exit_code, mended.stderr) == (0, f"{path}: repaired\n")
    assert mended.stdout.splitlines()[-2:] == ["-\tA: b", "+        A: b"]
    assert path.read_text() == TABBED.replace("\t", "        ")
    assert path.stat().st_mode & 0o777 == 0o640
    assert desk.process_control("lint").exit_code == 0
    assert [file.name for file in desk.jobs.iterdir()] == ["tabbed.yaml"]


def test_mending_is_not_kept_from_it_by_what_a_kill_has_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.job("tabbed", TABBED)
    path.with_name("tabbed.yaml.new").touch()
    path.with_name(f".tabbed.yaml.{'0' * 12}").touch()

    monkeypatch.chdir(desk.jobs)

    mended = desk.process_control("lint", "--fix", "tabbed.yaml")

    assert mended.exit_code == 0, mended
    assert {file.name for file in desk.jobs.iterdir()} == {"tabbed.yaml", "tabbed.yaml.new"}
    assert "\t" not in path.read_text()


def test_a_dry_run_shows_what_the_repairs_would_leave(desk: Desk) -> None:
    path = desk.job("tabbed", TABBED)
    other = desk.job("other", f"comand: x\n{TABBED}")

    result = desk.process_control("lint", "--fix", "--dry-run")
    one = desk.process_control("lint", "--fix", "--dry-run", str(path))

    assert (result.exit_code, one.exit_code) == (1, 0)
    assert "hard tab" not in result.stdout
    assert f"{other}:1:1: unknown key 'comand'" in result.stdout
    assert one.stderr == f"{path}: would be repaired\n"
    assert path.read_text() == TABBED


def test_mending_touches_no_file_that_needs_none(desk: Desk) -> None:
    path = desk.job("purge")
    before = path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()

    desk.process_control("lint", "--fix")

    assert (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) == before


def test_files_can_be_named_from_anywhere(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("name: A\ncommand: [\n")

    result = desk.process_control("lint", str(elsewhere))

    assert result.exit_code == 1
    assert result.stdout.startswith(f"{elsewhere}:")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("nothing.yaml", "no such file"),
        ("notes.txt", "'notes.txt' is not a valid name for a job file"),
        ("a b.yaml", "'a b.yaml' is not a valid name for a job file"),
        ("directory.yaml", "not a regular file"),
    ],
)
def test_what_is_no_job_file_is_a_finding(desk: Desk, tmp_path: Path, name: str, what: str) -> None:
    for text in ("notes.txt", "a b.yaml"):
        (tmp_path / text).write_text("name: A\ncommand: /bin/true\n")
    (tmp_path / "directory.yaml").mkdir()

    result = desk.process_control("lint", str(tmp_path / name))

    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, f"{tmp_path}/{name}: {what}")


def test_a_configuration_can_be_linted_too(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "process-control.yaml"
    path.parent.mkdir()
    path.write_text("job_directry: /x\n")

    result = desk.process_control("lint", str(path))

    assert result.stdout.splitlines()[0] == f"{path}:1:1: unknown key 'job_directry'"


def test_json_tells_places_as_numbers(desk: Desk) -> None:
    desk.job("a", "name: A\ncommand: /bin/true\ntimeout: soon")

    assert desk.json("lint", "--format", "json") == desk.json("lint", "--json")
    assert desk.json("lint", "--json") == {
        "version": 1,
        "findings": [
            {
                "file": f"{desk.jobs}/a.yaml",
                "line": 3,
                "column": 10,
                "kind": "fault",
                "what": "'timeout' must be a time, not 'soon'",
                "hint": "write seconds, or 90s, 10m, 2h",
                "mend": "write seconds, or 90s, 10m, 2h",
            }
        ],
    }


def test_the_published_example_has_one_hard_tab(desk: Desk) -> None:
    example = (PROJECT / "tests" / "data" / "published-example.yaml").read_bytes()
    path = desk.jobs / "example.yaml"
    path.write_bytes(example)
    path.chmod(0o644)

    findings = desk.json("lint", "--format", "json")["findings"]

    assert [finding["what"] for finding in findings] == [
        "/usr/local/bin/timecard: no such file",
        "hard tab used as indentation",
    ]


def test_catch_up_without_a_schedule_is_found(desk: Desk) -> None:
    desk.job("a", "command: /bin/true\ncatch_up: all")
    desk.job("b", "command: /bin/true\ncatch_up: all\nschedule: '0 3 * * *'")
    desk.job("c", "command: /bin/true\ncatch_up: none")

    findings = desk.json("lint", "--json")["findings"]

    assert [(each["file"][-6:], each["what"], each["hint"]) for each in findings] == [
        (
            "a.yaml",
            "'catch_up' without a schedule: there are no planned times to miss",
            "add the key schedule, or remove it",
        )
    ]
