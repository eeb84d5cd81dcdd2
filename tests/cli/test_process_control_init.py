"""`init` and `prune`: a first job that runs, and what has had its time."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kit.desk import Desk
from kit.harness import IS_ROOT, SERVICE_USER, STRANGER, Box


@pytest.mark.parametrize(
    "user",
    [pytest.param(None, id="as who tests"), pytest.param(STRANGER, id="as a user", marks=pytest.mark.needs_root)],
)
def test_init_makes_a_first_job_that_runs(make_box: Callable[..., Box], user: str | None) -> None:
    box = make_box(configured=False, user=user)

    made = box.process_control("init")
    ran = box.run("hello")

    is_system = IS_ROOT and user is None
    configuration = "/etc/process-control.yaml" if is_system else f"{box.job_directory.parent}/process-control.yaml"
    jobs = "/var/lib/process-control" if is_system else str(box.job_directory)
    assert made.exit_code == 0, str(made)
    assert made.stdout.splitlines() == [
        f"wrote\tconfiguration\t{configuration}",
        f"made\tjob directory\t{jobs}",
        f"wrote\tfirst job\t{jobs}/hello.yaml",
    ]
    assert made.stderr == "next: run-job hello\n"
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("", "", 0)
    assert box.process_control("logs", "hello").stdout == "Hello from process-control\n"


@pytest.mark.parametrize(
    "user",
    [pytest.param(None, id="as who tests"), pytest.param(STRANGER, id="as a user", marks=pytest.mark.needs_root)],
)
def test_the_configuration_of_init_is_to_be_edited_and_shows_the_paths_of_who_calls_it(
    make_box: Callable[..., Box], user: str | None
) -> None:
    box = make_box(configured=False, user=user)

    wrote = [line.split("\t")[2] for line in box.process_control("init").stdout.splitlines()]

    is_system = IS_ROOT and user is None
    text = box.command(["cat", wrote[0]]).stdout
    assert "uncomment what you need" in text
    assert [words for words in ("do not edit", "put the file at", "docs/") if words in text] == []
    assert f"# Default: {wrote[1]}.\n#job_directory: {wrote[1]}\n" in text
    crontab = "/etc/cron.d/process-control" if is_system else "console"
    assert f"# Default: {crontab}.\n#output_crontab: {crontab}\n" in text
    assert ("/var/" in text) == is_system
    assert "XDG" not in text


@pytest.mark.parametrize("key", ["job_directory", "output_directory", "state_directory", "run_directory"])
def test_what_init_shows_as_a_default_changes_nothing_when_it_is_uncommented(make_box, key: str) -> None:
    box = make_box(configured=False)
    wrote = Path(box.process_control("init").stdout.splitlines()[0].split("\t")[2])
    before = box.command(["sh", "-c", f"run-job --dry-run hello; sed -i 's/^#{key}/{key}/' {wrote}"])
    after = box.command(["sh", "-c", f"run-job --dry-run hello; grep ^{key} {wrote}"])

    assert after.stdout.splitlines()[-1].startswith(key)
    assert after.stdout.splitlines()[:-1] == before.stdout.splitlines()


def test_init_never_overwrites_anything(desk: Desk) -> None:
    job = desk.job("hello")
    before = job.read_text(), desk.configuration.read_text()

    result = desk.process_control("init")

    assert result.exit_code == 0
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["kept", "kept", "kept"]
    assert (job.read_text(), desk.configuration.read_text()) == before


def test_init_writes_the_configuration_that_was_named(desk: Desk, tmp_path: Path) -> None:
    named = tmp_path / "new" / "mine.yaml"

    from process_control.cli.main import main

    code = main(["init", "--config", str(named)])

    assert code == 0 or not os.access("/var/lib", os.W_OK)
    assert named.read_text().startswith("# The global configuration of process-control")


def test_a_dry_run_of_init_writes_nothing(desk: Desk) -> None:
    result = desk.process_control("init", "--dry-run")

    assert result.stdout.splitlines()[2] == f"wrote\tfirst job\t{desk.jobs}/hello.yaml"
    assert result.stderr == "dry run: nothing was written\n"
    assert list(desk.jobs.iterdir()) == []


def test_json_tells_what_init_did_and_what_is_next(desk: Desk) -> None:
    told = desk.json("init", "--json")

    assert [step["did"] for step in told["steps"]] == ["kept", "kept", "wrote"]
    assert told["next"] == f"run-job --config {desk.configuration} hello"


def test_init_does_not_write_through_a_link(desk: Desk, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (desk.jobs / "hello.yaml").symlink_to(victim)

    desk.process_control("init")

    assert not victim.exists()


# --- prune -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_old_things(desk: Desk) -> Desk:
    now = datetime.now(UTC)
    for days in (0, 5, 200):
        at = now - timedelta(days=days)
        log = desk.state.log("purge", (0.0, "o", b"x" * 50), at=at, name=desk.state.new_id(at))
        desk.state.run("purge", at, log=log)
    return desk


def test_prune_tells_what_it_removed(with_old_things: Desk) -> None:
    desk = with_old_things
    old = min(desk.state.logs.rglob("*.log"))
    day = min(desk.state.journal.iterdir())
    plain = sorted(desk.state.journal.iterdir())[1]
    size = day.stat().st_size

    result = desk.process_control("prune")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"remove\t{old}\t57\tolder than 90 days",
        f"remove\t{day}\t{size}\tolder than 90 days",
        f"compress\t{plain}\t\t",
    ]
    assert result.stderr.startswith("removed 1 log and 1 day of the journal (")
    assert result.stderr.endswith("), compressed 1 day\n")
    assert not old.exists()


def test_a_dry_run_of_prune_touches_nothing(with_old_things: Desk) -> None:
    desk = with_old_things
    before = sorted([*desk.state.directory.rglob("*"), *desk.state.logs.rglob("*")])

    result = desk.process_control("prune", "--dry-run")

    assert len(result.stdout.splitlines()) == 3
    assert result.stderr.startswith("would remove 1 log and 1 day of the journal")
    assert sorted([*desk.state.directory.rglob("*"), *desk.state.logs.rglob("*")]) == before


def test_retention_of_the_configuration_holds(with_old_things: Desk) -> None:
    with_old_things.configure(retention={"runs": 1, "days": 1000})

    told = with_old_things.json("prune", "--json")

    assert [removal["why"] for removal in told["removed"]] == ["more than 1 runs"] * 2


def test_what_cannot_be_removed_is_told(with_old_things: Desk) -> None:
    compressed = sorted(with_old_things.state.journal.iterdir())[1]
    Path(f"{compressed}.gz.new").mkdir()

    result = with_old_things.process_control("prune")

    assert result.exit_code == 74
    assert result.stderr.endswith(f"{compressed}: Is a directory\n")


@pytest.mark.needs_root
def test_members_of_the_read_group_may_look_but_not_prune(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER, read_group="nogroup")

    assert box.process_control("prune", user=STRANGER).exit_code == 77
    assert box.process_control("list", user=STRANGER).exit_code == 0
