"""Where each value of a job comes from: its own line, the configuration, or what is built in."""

import pytest

from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.origins import BUILT_IN, DEFAULT_JOB_CONFIG, origins
from process_control.config.settings import Settings


def origin_of(key: str, text: str, defaults: str = "") -> tuple[object, str]:
    source = f"name: n\ncommand: c\n{text}\n".encode()
    values = read_configuration(f"default_job_config: {{{defaults}}}".encode(), "/c") if defaults else {}
    job_defaults = values.get("default_job_config", {})
    job = read_job(source, slug="job", path="/job.yaml", default_values=job_defaults, log_bytes=100_000_000)
    settings = Settings.__new__(Settings)
    settings.default_job_config = job_defaults
    settings.fleet_address = None
    [found] = [each for each in origins(job, source, settings) if each.key == key]
    return found.value, found.origin


@pytest.mark.parametrize(
    ("key", "text", "defaults", "expected"),
    [
        ("timeout", "timeout: 5", "", (5.0, "job.yaml:3")),
        ("timeout", "", "timeout: 7", (7.0, DEFAULT_JOB_CONFIG)),
        ("timeout", "", "", (600.0, BUILT_IN)),
        ("tags", "tag: a", "", (["a"], "job.yaml:3")),
        ("backoff.delay", "backoff: 10m", "", (600.0, "job.yaml:3")),
        ("backoff.factor", "backoff: 10m", "", (2.0, BUILT_IN)),
        ("hold.after_failures", "hold:\n  after_failures: 2", "", (2, "job.yaml:4")),
        ("hold.release_after", "hold: {after_failures: 2}", "hold: {release_after: 5h}", (3600.0, BUILT_IN)),
        ("hold.release_after", "", "hold: {release_after: 5h}", (18000.0, DEFAULT_JOB_CONFIG)),
        ("owner.mail", "owner: a@example.org", "", (["a@example.org"], "job.yaml:3")),
        ("owner.mail", "owner: Database", "owner: a@example.org", ([], BUILT_IN)),
        ("owner.mail", "", "owner: a@example.org", (["a@example.org"], DEFAULT_JOB_CONFIG)),
        ("notify", "notify: [exec:/x]", "", ([{"url": "exec:/x"}], "job.yaml:3")),
        ("notify", "notify: false", "notify: [exec:/x]", ([], "job.yaml:3")),
        ("notify", "", "notify: [exec:/x]", ([{"url": "exec:/x"}], DEFAULT_JOB_CONFIG)),
        ("catch_up.within", "", "", (None, BUILT_IN)),
        ("catch_up.within", "catch_up: latest", "", (86400.0, BUILT_IN)),
        ("catch_up.within", "", "catch_up: all", (86400.0, BUILT_IN)),
        ("only_if.timeout", "", "", (None, BUILT_IN)),
        ("hold.after_failures", "hold: false", "hold: {after_failures: 2}", (None, "job.yaml:3")),
    ],
)
def test_a_value_names_the_place_that_decides_it(
    key: str, text: str, defaults: str, expected: tuple[object, str]
) -> None:
    assert origin_of(key, text, defaults) == expected
