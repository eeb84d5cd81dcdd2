"""`explain`: what a key means, from the table that also reads the files."""

import pytest

from kit.desk import Desk
from process_control.cli.verbs.explain import all_keys
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.job_fields import JOB_FIELDS


def test_a_key_is_told_with_type_default_meaning_and_example(desk: Desk) -> None:
    assert desk.lines("explain", "kill_grace") == [
        [
            "kill_grace",
            "job file",
            "time",
            "10 s",
            "optional",
            "How long the processes have between TERM and KILL.",
            "kill_grace: 30s",
        ]
    ]


def test_a_key_inside_a_map_is_written_with_a_dot(desk: Desk) -> None:
    told = desk.json("explain", "retention.days", "--json")["keys"]

    assert [(key["file"], key["default"], key["example"]) for key in told] == [
        ("configuration", "90", "retention:\n  days: 90")
    ]


def test_a_key_of_both_files_is_told_for_both(desk: Desk) -> None:
    assert [line[1] for line in desk.lines("explain", "limits")] == ["job file", "configuration"]


def test_a_default_of_all_jobs_is_a_key_of_the_job_file(desk: Desk) -> None:
    assert desk.lines("explain", "default_job_config.timeout") == desk.lines("explain", "timeout")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("tiemout", "did you mean 'timeout'?"),
        ("days", "did you mean 'retention.days'?"),
        ("KILL-GRACE", "did you mean 'kill_grace'?"),
        ("zzz", "list all keys: process-control explain"),
        ("enabled", "it is the other way round: write disabled: true for a job that is not to run"),
        ("TZ", "write time_zone: Europe/Berlin"),
        ("failmail.to", "write to_address: ops@example.org"),
        ("logdir", "write output_directory: /var/log/process-control"),
    ],
)
def test_a_key_that_does_not_exist_is_told_with_the_nearest(desk: Desk, key: str, hint: str) -> None:
    result = desk.process_control("explain", key)

    assert (result.stdout, result.exit_code) == ("", 1)
    assert result.stderr == f"no key is called '{key}'\n  hint: {hint}\n"


def test_every_key_of_both_tables_is_explained(desk: Desk) -> None:
    names = {key.name for key in all_keys()}

    assert {field.key for field in (*JOB_FIELDS, *CONFIGURATION_FIELDS)} <= names
    for name in sorted(names):
        assert desk.process_control("explain", name).exit_code == 0


def test_explaining_needs_no_configuration(desk: Desk) -> None:
    desk.configuration.unlink()

    assert desk.process_control("explain", "timeout").exit_code == 0


def test_without_a_key_all_of_them_are_listed(desk: Desk) -> None:
    names = [line[0] for line in desk.lines("explain")]

    assert names == [key.name for key in all_keys()]
