"""What a job file says, as the job that comes of it: kinds of values, defaults, spellings, the published example."""

from pathlib import Path
from typing import Any

import pytest

from kit.harness import PROJECT
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.core.job import ATTRIBUTES, Job, is_slug

PUBLISHED_EXAMPLE = PROJECT / "tests/data/published-example.yaml"


def job(text: str = "", defaults: str = "", *, slug: str = "purge") -> Job:
    """Return the job of `text` below a name and a command, over the `default_job_config` of a configuration."""
    configuration = read_configuration(defaults.encode(), "/etc/process-control.yaml")
    return read_job(
        f"name: Purge\ncommand: /bin/true\n{text}\n".encode(),
        slug=slug,
        path=f"/jobs/{slug}.yaml",
        default_values=configuration.get("default_job_config", {}),
        log_bytes=configuration.get("log_bytes", 100_000_000),
    )


def test_the_published_example_loads_unchanged() -> None:
    source = PUBLISHED_EXAMPLE.read_bytes()

    read = read_job(source, slug="example", path="/jobs/example.yaml", default_values={}, log_bytes=1)

    assert b"\n\tPYTHONPATH" in source
    assert read.name == "Take This Job and Shove It"
    assert read.command == [["/usr/local/bin/timecard", "--start", "9:00", "--end", "5:30"]]
    assert read.schedule == ["*/5 * * * *"]
    assert read.disabled is True
    assert read.timeout_seconds == 30.0
    assert read.environment == {"PYTHONPATH": "/usr/share/invisible/pie"}


def test_a_key_that_is_absent_has_the_default_of_the_reference() -> None:
    read = job()

    values = dict(zip(ATTRIBUTES, read.to_values(), strict=True))
    assert values == {
        "slug": "purge",
        "path": "/jobs/purge.yaml",
        "version": read.version,
        "name": "Purge",
        "description": None,
        "owner": None,
        "owner_mail": [],
        "owner_runbook": None,
        "command": [["/bin/true"]],
        "slow_start_command": None,
        "schedule": [],
        "time_zone": None,
        "exclude": [],
        "disabled": False,
        "timeout_seconds": 600.0,
        "kill_grace_seconds": 10.0,
        "leftovers": "kill",
        "run_unlogged": False,
        "environment": {},
        "environment_file": [],
        "inherit_environment": False,
        "working_directory": None,
        "umask": 0o022,
        "tags": [],
        "lock": "purge",
        "on_overlap": "skip",
        "queue_timeout_seconds": 3600.0,
        "stdout": None,
        "stderr": "fail",
        "verdicts": [],
        "retry_attempts": 1,
        "retry_delay_seconds": 10.0,
        "retry_factor": 2.0,
        "retry_max_delay_seconds": 600.0,
        "retry_jitter": 0.1,
        "only_if_command": None,
        "only_if_timeout_seconds": None,
        "jitter_seconds": None,
        "backoff_delay_seconds": None,
        "backoff_factor": None,
        "backoff_max_delay_seconds": None,
        "hold_after_failures": None,
        "hold_release_after_seconds": None,
        "slow_start_runs": None,
        "slow_start_after": [],
        "start_within_seconds": 600.0,
        "after": [],
        "run_on": "any",
        "on_host_loss": "fail",
        "on_partition": "kill",
        "pool": None,
        "catch_up_which": None,
        "catch_up_within_seconds": 86400.0,
        "expect": {},
        "log_bytes": 100_000_000,
        "silence_timeout_seconds": None,
        "memory_limit_bytes": None,
        "processes_limit": None,
        "cpu_seconds_limit": None,
        "open_files_limit": None,
        "file_size_limit_bytes": None,
        "nice": None,
        "io_class": None,
        "limits_required": False,
        "failmail_to": [],
        "failmail_from": None,
        "failmail_smtp": None,
        "failmail_sendmail": None,
        "failmail_tls": None,
        "failmail_ca_file": None,
        "failmail_login": None,
        "failmail_password_file": None,
        "failmail_each": None,
        "failmail_off": False,
        "failure_threshold_for_mail": 1,
        "notify": [],
        "notify_off": False,
        "ping_url": None,
        "ping_api_key_file": None,
        "planned_slots": [],
        "excluded": {},
        "plan_hash": "",
        "schedule_of": None,
        "causes_planned": {},
        "fleet_schedule": [],
    }


def test_the_version_is_made_from_the_bytes_of_the_file() -> None:
    assert job("timeout: 1").version == job("timeout: 1").version
    assert job("timeout: 1").version != job("timeout: 1 ").version
    assert len(job().version) == 12


VALUES: dict[str, tuple[str, str, Any]] = {
    "seconds": ("timeout: 90", "timeout_seconds", 90.0),
    "seconds with a unit": ("timeout: 90s", "timeout_seconds", 90.0),
    "minutes": ("timeout: 10m", "timeout_seconds", 600.0),
    "hours": ("timeout: 2h", "timeout_seconds", 7200.0),
    "days": ("timeout: 1d", "timeout_seconds", 86400.0),
    "parts of a second": ("timeout: 0.5", "timeout_seconds", 0.5),
    "no limit": ("timeout: 0", "timeout_seconds", 0.0),
    "a time in quotes": ('timeout: "90"', "timeout_seconds", 90.0),
    "bytes": ("limits: {log_bytes: 4096}", "log_bytes", 4096),
    "megabytes": ("limits: {log_bytes: 100 MB}", "log_bytes", 100_000_000),
    "gigabytes": ("limits: {log_bytes: 1GB}", "log_bytes", 1_000_000_000),
    "gibibytes": ("limits: {log_bytes: 1 GiB}", "log_bytes", 1 << 30),
    "kilobytes": ("limits: {log_bytes: 1.5 kB}", "log_bytes", 1500),
    "yes": ("disabled: yes", "disabled", True),
    "Off": ("disabled: Off", "disabled", False),
    "a mask as YAML 1.1 has it": ("umask: 077", "umask", 0o077),
    "a mask in short": ("umask: 2", "umask", 0o002),
    "a mask as Python has it": ("umask: 0o027", "umask", 0o027),
    "a mask in quotes": ('umask: "022"', "umask", 0o022),
    "one tag": ("tags: nightly", "tags", ["nightly"]),
    "the other spelling of tags": ("tag: [a, b, a]", "tags", ["a", "b"]),
    "the other spelling of stdout": ("stdout_destination: /tmp/out", "stdout", "/tmp/out"),
    "overtime allowed": ("allow_overtime: true", "on_overlap", "skip"),
    "overtime not allowed": ("allow_overtime: false", "on_overlap", "fail"),
    "one file of secrets": ("environment_file: /a", "environment_file", ["/a"]),
    "everything let through": ("inherit_environment: true", "inherit_environment", True),
    "some let through": ("inherit_environment: [A, B]", "inherit_environment", ["A", "B"]),
    "nothing let through": ("inherit_environment: no", "inherit_environment", False),
    "several schedules": ("schedule: ['0 1 * * *', '@daily']", "schedule", ["0 1 * * *", "@daily"]),
    "a schedule that needs no quotes": ("schedule: 0 1 * * *", "schedule", ["0 1 * * *"]),
    "several small doses": ("slow_start_command: [a b, c]", "slow_start_command", [["a", "b"], ["c"]]),
    "a text over several lines": ("description: |\n  First\n  Second\n", "description", "First\nSecond"),
    "a text like a number": ("owner: 0123", "owner", "0123"),
    "a lock of one's own": ("lock: data-base_1", "lock", "data-base_1"),
}


@pytest.mark.parametrize(("text", "attribute", "value"), VALUES.values(), ids=VALUES)
def test_a_value_is_read_by_the_kind_of_its_key(text: str, attribute: str, value: Any) -> None:
    assert getattr(job(text), attribute) == value


def test_a_command_is_split_like_a_shells_words() -> None:
    text = """command: /bin/echo "two words" 'and $HOME' it\\'s # no comment"""

    read = read_job(f"name: n\n{text}\n".encode(), slug="a", path="/a", default_values={}, log_bytes=1)

    assert read.command == [["/bin/echo", "two words", "and $HOME", "it's"]]


def test_a_list_of_commands_stays_in_order() -> None:
    read = read_job(b"name: n\ncommand: [b 1, a 2]\n", slug="a", path="/a", default_values={}, log_bytes=1)

    assert read.command == [["b", "1"], ["a", "2"]]


def test_values_of_the_environment_are_taken_as_written() -> None:
    text = """environment:
  OCTAL: 010
  WORD: yes
  NOTHING:
  NULL_WORD: null
  TIME: 1:30
  DATE: 2026-11-23
  FLOAT: 1e3
  QUOTED: " a "
"""

    assert job(text).environment == {
        "OCTAL": "010",
        "WORD": "yes",
        "NOTHING": "",
        "NULL_WORD": "null",
        "TIME": "1:30",
        "DATE": "2026-11-23",
        "FLOAT": "1e3",
        "QUOTED": " a ",
    }


def test_keys_that_begin_with_x_are_notes() -> None:
    assert job("x-ticket: [a, {b: c}]\nlimits: {x-why: big, log_bytes: 1}").log_bytes == 1


@pytest.mark.parametrize(
    "source", [b"\xef\xbb\xbfname: n\ncommand: c\n", b"name: n\r\ncommand: c\r\n"], ids=["BOM", "CRLF"]
)
def test_what_editors_on_other_systems_write_is_read(source: bytes) -> None:
    read = read_job(source, slug="a", path="/a", default_values={}, log_bytes=1)

    assert (read.name, read.command) == ("n", [["c"]])


@pytest.mark.parametrize(
    ("text", "delay", "factor", "longest"),
    [
        ("backoff: 10m", 600, 2, 21600),
        ("backoff: {}", 300, 2, 21600),
        ("backoff: {delay: 1h, factor: 1.5, max_delay: 1d}", 3600, 1.5, 86400),
        ("backoff: false", None, None, None),
    ],
)
def test_backoff_is_a_time_or_a_map_and_what_is_left_out_has_its_default(
    text: str, delay: float | None, factor: float | None, longest: float | None
) -> None:
    read = job(text)

    assert (read.backoff_delay_seconds, read.backoff_factor, read.backoff_max_delay_seconds) == (delay, factor, longest)


@pytest.mark.parametrize(
    ("text", "which", "within"),
    [
        ("", None, 86400),
        ("catch_up: none", "none", 86400),
        ("catch_up: latest", "latest", 86400),
        ("catch_up: all", "all", 86400),
        ("catch_up: {within: 2h}", "latest", 7200),
        ("catch_up: {which: all}", "all", 86400),
    ],
)
def test_catch_up_is_a_word_or_a_map_and_what_is_left_out_has_its_default(
    text: str, which: str | None, within: float
) -> None:
    read = job(text)

    assert (read.catch_up_which, read.catch_up_within_seconds) == (which, within)


@pytest.mark.parametrize(
    ("text", "failures", "release"),
    [
        ("hold: {}", 5, 3600),
        ("hold: {after_failures: 1, release_after: 0}", 1, 0),
        ("hold: {release_after: 1d}", 5, 86400),
        ("hold: false", None, None),
    ],
)
def test_hold_is_off_unless_it_is_there_and_then_has_its_defaults(
    text: str, failures: int | None, release: float | None
) -> None:
    read = job(text)

    assert (read.hold_after_failures, read.hold_release_after_seconds) == (failures, release)


@pytest.mark.parametrize(
    ("text", "runs", "after"),
    [
        ("slow_start: {}", 3, ["hold", "change", "new"]),
        ("slow_start: {runs: 1, after: hold}", 1, ["hold"]),
        ("slow_start: {after: [change, new]}", 3, ["change", "new"]),
        ("slow_start: no", None, []),
    ],
)
def test_slow_start_says_how_many_runs_and_after_what(text: str, runs: int | None, after: list[str]) -> None:
    read = job(text)

    assert (read.slow_start_runs, read.slow_start_after) == (runs, after)


# --- over the defaults of the configuration --------------------------------------------------------------------------


def test_a_default_holds_where_the_job_says_nothing() -> None:
    read = job("owner: ann", "default_job_config: {timeout: 5, owner: bob, tag: x, lock: one, allow_overtime: false}")

    assert (read.timeout_seconds, read.owner, read.tags) == (5.0, "ann", ["x"])
    assert (read.lock, read.on_overlap) == ("one", "fail")


def test_the_environment_is_merged_name_by_name() -> None:
    read = job("environment: {A: job, B: job}", "default_job_config: {environment: {A: default, C: default}}")

    assert read.environment == {"A": "job", "B": "job", "C": "default"}


def test_every_other_key_of_a_job_replaces_the_default_whole() -> None:
    read = job("tag: c\non_overlap: queue", "default_job_config: {tags: [a, b], allow_overtime: false}")

    assert (read.tags, read.on_overlap) == (["c"], "queue")


def test_a_job_replaces_a_default_hold_whole_and_may_say_that_it_wants_none() -> None:
    defaults = "default_job_config: {hold: {after_failures: 2, release_after: 5h}}"

    assert job("", defaults).hold_after_failures == 2
    assert job("hold: {after_failures: 9}", defaults).hold_release_after_seconds == 3600
    assert job("hold: false", defaults).hold_after_failures is None


def test_the_log_limit_of_the_job_comes_before_the_defaults_and_those_before_the_configuration() -> None:
    everywhere = "limits: {log_bytes: 1}\n"
    in_defaults = everywhere + "default_job_config: {limits: {log_bytes: 2}}\n"

    assert job("", everywhere).log_bytes == 1
    assert job("", in_defaults).log_bytes == 2
    assert job("limits: {log_bytes: 3}", in_defaults).log_bytes == 3
    assert job("limits: {x-note: a}", in_defaults).log_bytes == 1


def test_two_jobs_never_share_a_list_or_a_map() -> None:
    configuration = read_configuration(b"default_job_config: {environment: {A: b}, tags: [a]}", "/c")
    defaults = configuration["default_job_config"]

    def read() -> Job:
        return read_job(b"name: n\ncommand: c\n", slug="a", path="/a", default_values=defaults, log_bytes=1)

    first, second = read(), read()
    first.environment["A"] = "changed"
    first.tags.append("changed")

    assert (second.environment, second.tags) == ({"A": "b"}, ["a"])
    assert (read().environment, read().tags) == ({"A": "b"}, ["a"])


# --- the job itself --------------------------------------------------------------------------------------------------


def test_a_job_goes_through_plain_values_and_back() -> None:
    read = job("environment: {A: b}\nschedule: '@daily'")

    assert Job.from_values(read.to_values()) == read
    for others in ([1, 2], [*read.to_values(), 1]):
        with pytest.raises(ValueError, match="values to unpack"):
            Job.from_values(others)


def test_a_job_shows_no_value_of_its_environment() -> None:
    shown = repr(job("environment: {PASSWORD: hunter2}"))

    assert "environment=['PASSWORD']" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize("slug", ["a", "A1", "0", "a-b_c", "a" * 64])
def test_a_slug_may_name_a_job(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize(
    "slug", ["", "-a", "_a", "a.b", "a/b", "..", "a b", "a\n", "ä", "a" * 65, "a\0", "²"], ids=ascii
)
def test_anything_else_never_names_a_job(slug: str) -> None:
    assert not is_slug(slug)
    assert not Path(slug.replace("\0", "")).is_absolute()
