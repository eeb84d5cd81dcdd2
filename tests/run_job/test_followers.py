"""The file that says which jobs follow which: it is read instead of the job files, and made again when they change."""

import os
from pathlib import Path

import pytest

from kit.opened import opened_in
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings, load_settings
from process_control.core import layout
from process_control.state.followers import before_reading, causes_by_job, followers_of, note_all


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a directory with two jobs, which was changed some time ago."""
    for name in ("jobs", "state", "log"):
        (tmp_path / name).mkdir()
    lines = [f"{key}_directory: {tmp_path / name}" for key, name in (("job", "jobs"), ("state", "state"))]
    configuration = tmp_path / "process-control.yaml"
    configuration.write_text("\n".join([*lines, f"output_directory: {tmp_path / 'log'}"]) + "\n")
    configuration.chmod(0o644)
    made = load_settings(str(configuration), {b"XDG_CACHE_HOME": os.fsencode(tmp_path / "cache")})
    write(made, "load", "schedule: '@daily'")
    write(made, "report", "after: load")
    age(made, 100)
    return made


def write(settings: Settings, slug: str, keys: str) -> None:
    path = Path(settings.job_directory) / f"{slug}.yaml"
    path.write_text(f"name: {slug}\ncommand: 'true'\n{keys}\n")
    path.chmod(0o644)


def age(settings: Settings, moment: float) -> None:
    os.utime(settings.job_directory, (moment, moment))


def test_the_job_files_are_read_once(settings: Settings) -> None:
    assert followers_of(settings, "load") == ["report"]
    write(settings, "report", "after: other")  # in place: the directory does not show it

    assert followers_of(settings, "load") == ["report"]


def test_a_file_that_comes_or_goes_is_seen(settings: Settings) -> None:
    followers_of(settings, "load")
    write(settings, "mail", "after: [load, report]")
    age(settings, 200)

    assert causes_by_job(settings) == {"mail": ["load", "report"], "report": ["load"]}
    (Path(settings.job_directory) / "report.yaml").unlink()
    age(settings, 300)
    assert followers_of(settings, "load") == ["mail"]


def test_what_has_all_jobs_notes_what_was_edited_in_place(settings: Settings) -> None:
    followers_of(settings, "load")
    write(settings, "report", "schedule: '@daily'")

    note_all(settings, load_all(settings))

    assert followers_of(settings, "load") == []


@pytest.mark.parametrize("how", ["looked for", "noted"])
def test_an_invalid_file_follows_what_it_followed_when_it_was_valid(settings: Settings, how: str) -> None:
    followers_of(settings, "load")
    write(settings, "report", "after: load\ntimout: 3")
    age(settings, 200)

    if how == "noted":
        note_all(settings, load_all(settings))

    assert followers_of(settings, "load") == ["report"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"after": []}', '{"after": {"report": "load"}, "stamp": 1}'])
def test_a_file_that_makes_no_sense_is_made_again(settings: Settings, text: str) -> None:
    path = Path(layout.chains(settings.state_directory))
    path.write_text(text)

    assert followers_of(settings, "load") == ["report"]
    assert '"report":["load"]' in path.read_text()


def test_a_file_that_has_the_word_elsewhere_is_not_parsed(settings: Settings, tmp_path: Path) -> None:
    write(settings, "other-1", "hold: {after_failures: 5}")
    write(settings, "other-2", "description: the day after")
    age(settings, 200)

    assert causes_by_job(settings) == {"report": ["load"]}
    assert list((tmp_path / "cache").rglob("*other*")) == []


@pytest.mark.parametrize("text", ['"after": load', "{'after' : load}", "? after\n: load", "? # of it\n  after\n: load"])
def test_the_key_is_found_however_it_is_written(settings: Settings, text: str) -> None:
    path = Path(settings.job_directory) / "odd.yaml"
    path.write_text("{name: odd, command: 'true', " + text[1:] if text[0] == "{" else f"name: o\ncommand: c\n{text}\n")
    path.chmod(0o644)
    age(settings, 200)

    assert followers_of(settings, "load") == ["odd", "report"]


def test_the_first_note_of_all_jobs_saves_reading_the_files_again(settings: Settings) -> None:
    before_it = before_reading(settings)
    note_all(settings, load_all(settings), before_it=before_it)

    with opened_in(Path(settings.job_directory)) as opened:
        assert followers_of(settings, "load") == ["report"]

    assert opened == []


def test_a_file_that_came_while_the_jobs_were_read_is_seen(settings: Settings) -> None:
    before_it, jobs = before_reading(settings), load_all(settings)
    write(settings, "mail", "after: load")
    age(settings, 200)

    note_all(settings, jobs, before_it=before_it)

    assert followers_of(settings, "load") == ["mail", "report"]


def test_who_has_read_the_jobs_before_another_process_noted_them_does_not_undo_that(settings: Settings) -> None:
    before_it, jobs = before_reading(settings), load_all(settings)
    write(settings, "mail", "after: load")
    age(settings, 200)
    assert followers_of(settings, "load") == ["mail", "report"]  # as the end of a run beside us

    note_all(settings, jobs, before_it=before_it)

    assert followers_of(settings, "load") == ["mail", "report"]
