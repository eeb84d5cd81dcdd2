"""The keys `pools`, `pool` and `max_concurrent`: what is accepted, and what each fault suggests."""

import pytest

from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.errors import BadConfiguration

JOB = b"name: N\ncommand: c\n"


def faults_of_configuration(text: str) -> list[tuple[str, str]]:
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(text.encode(), "/pc.yaml")
    return [(fault.what, fault.hint) for fault in caught.value.faults]


def faults_of_job(text: str, pools: dict[str, int] | None) -> list[tuple[str, str]]:
    with pytest.raises(BadConfiguration) as caught:
        read_job(JOB + text.encode(), slug="j", path="/j.yaml", default_values={}, log_bytes=1, pools=pools)
    return [(fault.what, fault.hint) for fault in caught.value.faults]


def test_limits_of_a_host_are_read() -> None:
    text = b"max_concurrent: 20\npools: {db: {at_once: 4}, web-1: {at_once: 1, x-why: slow}}\n"
    assert read_configuration(text, "/pc.yaml") == {"max_concurrent": 20, "pools": {"db": 4, "web-1": 1}}


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("pools: {db: 4}", "'pools.db' must be a map, not '4'", "write {at_once: 4}"),
        ("pools: {db: {}}", "'pools.db' has no 'at_once'", "write {at_once: 4}"),
        ("pools: {db: {at_most: 4, at_once: 1}}", "unknown key 'pools.db.at_most'", "write {at_once: 4}"),
        ("pools: {'a b': {at_once: 4}}", "'pools' has an impossible name: 'a b'", "letters, digits, - and _, at most"),
        ("pools: [db]", "'pools' must be a map, not a list", "write a map of names, each with {at_once: N}"),
        ("max_concurrent: 0", "'max_concurrent' must be a whole number above 0, not '0'", "write a whole number above"),
        ("max_concurrent: 5000", "'max_concurrent' must be at most 1000", "without the key there is no limit"),
        ("pool: db", "unknown key 'pool'", "it is a key of job files; for all jobs set it below 'default_job_config'"),
        (
            "pools: {reports: {at_once: 4}}\ndefault_job_config: {pool: report}",
            "'default_job_config.pool' names a pool that the configuration does not have: 'report'",
            "did you mean 'reports'?",
        ),
    ],
)
def test_faults_of_a_configuration(text: str, what: str, hint: str) -> None:
    [(found, its_hint)] = faults_of_configuration(text)
    assert found == what
    assert its_hint.startswith(hint)


@pytest.mark.parametrize(
    ("pools", "hint"),
    [
        ({"reports": 4}, "did you mean 'reports'?"),
        ({"db": 4, "mail": 1}, "the configuration has db, mail"),
        ({}, "add to the configuration: pools: {report: {at_once: 4}}"),
    ],
)
def test_a_pool_that_is_not_configured_is_a_fault(pools: dict[str, int], hint: str) -> None:
    what = "'pool' names a pool that the configuration does not have: 'report'"
    assert faults_of_job("pool: report\n", pools) == [(what, hint)]


def test_a_limit_in_a_job_file_is_answered_with_pool() -> None:
    [(what, hint)] = faults_of_job("max_concurrent: 2\n", {})
    assert what == "unknown key 'max_concurrent'"
    assert hint == "write pool: NAME; its limit is in the configuration: pools: {NAME: {at_once: 2}}"


def test_who_does_not_know_the_configuration_accepts_any_pool() -> None:
    job = read_job(JOB + b"pool: db\n", slug="j", path="/j.yaml", default_values={}, log_bytes=1)
    assert job.pool == "db"
