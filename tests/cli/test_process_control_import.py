"""`import original`: the original's files, rewritten; every change told, nothing overwritten."""

from pathlib import Path

import pytest

from kit.desk import Desk
from kit.harness import PROJECT

EXAMPLE = (PROJECT / "tests" / "data" / "published-example.yaml").read_bytes()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The job directory of an original."""
    directory = tmp_path / "old"
    directory.mkdir()
    (directory / "purge.yaml").write_text("name: Purge\ncommand: /bin/true\n# In minutes.\ntimeout: 30\ntag: nightly\n")
    return directory


def test_each_change_is_told_with_its_line_and_the_file_is_written(desk: Desk, old: Path) -> None:
    result = desk.process_control("import", "original", str(old), "--minutes")

    assert result.stdout.splitlines() == [
        "purge.yaml:4: timeout: 30 -> 30m (the later versions counted minutes)",
        "purge.yaml:5: tag -> tags (today's key)",
        "purge.yaml: stderr: warn added (the later versions never failed on stderr)",
        f"purge.yaml: wrote {desk.jobs}/purge.yaml",
    ]
    assert (result.stderr, result.exit_code) == ("wrote 1\n", 0)
    assert (desk.jobs / "purge.yaml").read_text() == (
        "name: Purge\ncommand: /bin/true\n# In minutes.\ntimeout: 30m\ntags: nightly\nstderr: warn\n"
    )
    assert desk.process_control("lint").exit_code == 0


def test_the_published_example_is_imported_and_loads(desk: Desk, old: Path) -> None:
    (old / "timecard.yaml").write_bytes(EXAMPLE)

    result = desk.process_control("import", "original", str(old))

    assert result.exit_code == 0
    assert "timecard.yaml:32: hard tab -> spaces (YAML knows no tabs)" in result.stdout.splitlines()
    assert desk.lines("list", "timecard")[0][:3] == ["timecard", "Take This Job and Shove It", "disabled"]


def test_a_second_import_changes_nothing(desk: Desk, old: Path) -> None:
    desk.process_control("import", "original", str(old))
    before = (desk.jobs / "purge.yaml").stat()

    result = desk.process_control("import", "original", str(old))

    assert result.stdout.splitlines()[-1] == f"purge.yaml: same as the existing {desk.jobs}/purge.yaml"
    assert (result.stderr, result.exit_code) == ("same 1\n", 0)
    assert (desk.jobs / "purge.yaml").stat() == before


def test_nothing_is_overwritten(desk: Desk, old: Path) -> None:
    mine = desk.job("purge")
    before = mine.read_text()

    result = desk.process_control("import", "original", str(old))

    assert result.exit_code == 1
    assert result.stdout.splitlines()[-2:] == [
        f"purge.yaml: kept {mine}, which exists and differs",
        f"  hint: diff {old}/purge.yaml {mine}",
    ]
    assert mine.read_text() == before


def test_a_link_in_the_place_of_a_target_is_not_followed(desk: Desk, old: Path, tmp_path: Path) -> None:
    (desk.jobs / "purge.yaml").symlink_to(tmp_path / "victim")

    assert desk.process_control("import", "original", str(old)).exit_code == 1
    assert not (tmp_path / "victim").exists()


def test_a_file_that_would_not_load_is_told_and_left_out_and_the_others_are_written(desk: Desk, old: Path) -> None:
    (old / "twice.yaml").write_text("name: A\ncommand: a\ncommand: b\n")
    (old / "a b.yaml").write_text("name: A\ncommand: a\n")
    (old / "link.yaml").symlink_to(old / "purge.yaml")

    result = desk.process_control("import", "original", str(old))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "'a b.yaml' is not a valid name for a job file",
        "  hint: rename it: a job's name is letters, digits, - and _, at most 64, the first a letter or digit",
        "a b.yaml: left out",
        f"{old}/link.yaml: is a link",
        "  hint: put the file itself there",
        "link.yaml: left out",
        "purge.yaml:5: tag -> tags (today's key)",
        f"purge.yaml: wrote {desk.jobs}/purge.yaml",
        "twice.yaml:3:1: duplicate key 'command' (first on line 2)",
        "  hint: keep one of the two",
        "twice.yaml: left out",
    ]
    assert result.stderr == "wrote 1, left out 3\n"
    assert [path.name for path in desk.jobs.iterdir()] == ["purge.yaml"]


def test_a_dry_run_writes_nothing(desk: Desk, old: Path, tmp_path: Path) -> None:
    result = desk.process_control("import", "original", str(old), "--dry-run", "--output", str(tmp_path / "new"))

    assert result.stdout.splitlines()[-1] == f"purge.yaml: would write {tmp_path}/new/purge.yaml"
    assert result.stderr == "dry run: would write 1\n"
    assert not (tmp_path / "new").exists()


def test_the_job_directory_is_not_imported_into_itself(desk: Desk) -> None:
    result = desk.process_control("import", "original", str(desk.jobs))

    assert (result.stdout, result.exit_code) == ("", 2)
    assert result.stderr == (
        f"{desk.jobs} is also the target, and nothing is overwritten\n"
        f"  hint: write elsewhere with --output DIR, or rename it and name that: mv {desk.jobs} {desk.jobs}.original\n"
    )


def test_json_tells_what_became_of_each_file(desk: Desk, old: Path) -> None:
    assert desk.json("import", "original", str(old), "--json") == {
        "version": 1,
        "files": [
            {
                "source": f"{old}/purge.yaml",
                "target": f"{desk.jobs}/purge.yaml",
                "done": "wrote",
                "did": "wrote",
                "changes": [{"line": 5, "what": "tag -> tags", "why": "today's key"}],
                "faults": [],
            }
        ],
        "dry_run": False,
    }


# --- the configuration -----------------------------------------------------------------------------------------------


def test_the_configuration_is_rewritten_and_says_where_the_jobs_go(desk: Desk, old: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "original.yaml"
    theirs.write_text(
        f"job_directory: {tmp_path}/new\ndefault_job_config:\n  timeout: 10\nrun_directory: /tmp\n"
        f"output_directory: {tmp_path}/log\nstate_directory: /tmp/state\n"
    )
    desk.configuration.unlink()

    result = desk.process_control("import", "original", str(old), "--minutes", "--configuration", str(theirs))

    assert result.exit_code == 0, result
    assert f"original.yaml: wrote {desk.configuration}" in result.stdout.splitlines()
    assert desk.configuration.read_text() == (
        f"job_directory: {tmp_path}/new\ndefault_job_config:\n  stderr: warn\n  timeout: 10m\nx-run_directory: /tmp\n"
        f"output_directory: {tmp_path}/log\nx-state_directory: /tmp/state\nfailmail:\n  each: true\n"
    )
    assert (
        "failmail.each: true added (the original mailed each failed run; remove it for one mail an outage)"
        in result.stdout
    )
    assert "stderr" not in (tmp_path / "new" / "purge.yaml").read_text()


def test_a_configuration_that_would_not_load_stops_the_import(desk: Desk, old: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "original.yaml"
    theirs.write_text("job_directory: relative\n")

    result = desk.process_control("import", "original", str(old), "--configuration", str(theirs))

    assert result.exit_code == 78
    assert result.stderr.startswith("original.yaml:1:16: 'job_directory' must be a whole path, not 'relative'\n")
    assert list(desk.jobs.iterdir()) == []


def test_the_originals_configuration_in_todays_place_is_told_with_the_mend(desk: Desk, old: Path) -> None:
    desk.configuration.write_text("logging:\n  version: 1\n")

    result = desk.process_control("import", "original", str(old))

    assert result.exit_code == 78
    assert result.stderr.endswith(
        "this configuration is not in today's format\n"
        "  hint: if it belongs to the original, import it too: --configuration FILE\n"
    )
    named = desk.process_control("import", "original", str(old), "--configuration", str(desk.configuration))
    assert named.stderr == (
        f"{desk.configuration} is also the target, and nothing is overwritten\n"
        f"  hint: rename it and name that: mv {desk.configuration} {desk.configuration}.original\n"
    )


def test_a_source_that_does_not_exist_is_told(desk: Desk, tmp_path: Path) -> None:
    result = desk.process_control("import", "orginal", str(tmp_path))

    assert result.stderr == "process-control import: unknown verb 'orginal'\n  hint: did you mean 'original'?\n"
