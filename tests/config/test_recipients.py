"""Who gets messages about a job, by failmail, owner, and both lists of `notify`."""

from typing import Any

import pytest

from process_control.config.ad_hoc_job import read_ad_hoc
from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.recipients import global_recipients, recipients_of
from process_control.config.search import Search
from process_control.config.settings import Settings
from process_control.core.causes import Cause
from process_control.core.job import Job
from process_control.core.recipient import Recipient
from process_control.notify.announce import is_reported

OPS = "failmail: {to_address: ops@example.org}\n"


def settings_of(text: str) -> Settings:
    return Settings(read_configuration(text.encode(), "/c"), Search(None, {}, None, ""), "/c", ["/a", "/b", "/c", "/d"])


def job_of(text: str, settings: Settings) -> Job:
    source = f"name: Backup\ncommand: /bin/true\n{text}\n".encode()
    defaults = settings.default_job_config
    return read_job(source, slug="backup", path="/jobs/backup.yaml", default_values=defaults, log_bytes=1)


def urls(configuration: str, job: str | None) -> list[str]:
    """Return whom both texts name, and see that the runner starts the sender exactly when there is somebody."""
    settings = settings_of(configuration)
    read = None if job is None else job_of(job, settings)
    found = recipients_of(read, settings)
    assert is_reported(read, settings) or not found
    return [recipient.url or f"file {recipient.url_file}" for recipient in found]


@pytest.mark.parametrize(
    ("configuration", "job", "found"),
    [
        ("", "", []),
        ("", "owner: Database team", []),
        (OPS, "", ["mailto:ops@example.org"]),
        (OPS, "failmail: {to_address: [a@example.org, b@example.org]}", ["mailto:a@example.org,b@example.org"]),
        (OPS, "failmail: false", []),
        ("failmail: false", "failmail: {to_address: a@example.org}", ["mailto:a@example.org"]),
        # the owner
        ("", "owner: dba@example.org", ["mailto:dba@example.org"]),
        (OPS, "owner: dba@example.org", ["mailto:dba@example.org"]),
        (OPS, "owner: {team: Database, mail: [dba@example.org, root]}", ["mailto:dba@example.org,root"]),
        (OPS, "owner: {team: Database}", ["mailto:ops@example.org"]),
        (OPS, "owner: dba@example.org\nfailmail: false", []),
        ("failmail: false", "owner: dba@example.org", []),
        ("default_job_config: {failmail: {to_address: ops@example.org}}", "owner: a@b.org", ["mailto:a@b.org"]),
        ("default_job_config: {owner: a@b.org}", "owner: Database team", []),
        # notify
        (OPS, "notify: exec:/x", ["mailto:ops@example.org", "exec:/x"]),
        (OPS, "failmail: false\nnotify: exec:/x", ["exec:/x"]),
        ("notify: https://h", "notify: exec:/x", ["exec:/x", "https://h"]),
        ("notify: https://h", "", ["https://h"]),
        ("notify: https://h", "notify: false", []),
        ("notify: https://h", "notify: []", []),
        (f"{OPS}notify: https://h", "notify: false", ["mailto:ops@example.org"]),
        ("notify: https://h\ndefault_job_config: {notify: exec:/x}", "", ["exec:/x", "https://h"]),
        ("notify: https://h\ndefault_job_config: {notify: exec:/x}", "notify: exec:/y", ["exec:/y", "https://h"]),
        ("notify: https://h\ndefault_job_config: {notify: false}", "", []),
        ("notify: https://h\ndefault_job_config: {notify: false}", "notify: exec:/y", ["exec:/y", "https://h"]),
        ("notify: {url_file: /etc/chat}", "", ["file /etc/chat"]),
        # tags
        ("notify: {url: https://h, tags: [db, web]}", "tags: web", ["https://h"]),
        ("notify: {url: https://h, tags: [db, web]}", "tags: mail", []),
        ("default_job_config: {notify: {url: https://h, tags: db}}", "tags: [a, db]", ["https://h"]),
        # once
        ("notify: [https://h, exec:/x]", "notify: exec:/x", ["exec:/x", "https://h"]),
        (f"{OPS}notify: mailto:ops@example.org", "", ["mailto:ops@example.org"]),
        # a job whose file cannot be read
        (OPS, None, ["mailto:ops@example.org"]),
        ("failmail: false", None, []),
        (f"{OPS}notify: [https://h, {{url: exec:/x, tags: db}}]", None, ["mailto:ops@example.org", "https://h"]),
        ("default_job_config: {notify: https://h}", None, []),
    ],
)
def test_who_gets_messages_about_a_job(configuration: str, job: str | None, found: list[str]) -> None:
    assert urls(configuration, job) == found


def test_what_an_item_says_is_what_its_recipient_wants() -> None:
    settings = settings_of("notify: {url: https://h, key_file: /k, on: [missed, host], after: 2, remind: 0}")

    [recipient] = recipients_of(job_of("failure_threshold_for_mail: 5", settings), settings)

    assert recipient == Recipient(
        url="https://h", key_file="/k", on=frozenset({"missed", "host"}), after=2, remind_seconds=0.0
    )
    assert recipient.wants(Cause.DISK_FULL)
    assert not recipient.wants(Cause.FAILED)


def test_without_a_number_the_threshold_of_the_job_counts() -> None:
    settings = settings_of(f"{OPS}notify: https://h")

    found = recipients_of(job_of("failure_threshold_for_mail: 5", settings), settings)

    assert [(each.after, each.remind_seconds, each.on) for each in found] == [(5, 86400.0, None), (5, 86400.0, None)]
    assert [each.after for each in recipients_of(None, settings)] == [1, 1]


@pytest.mark.parametrize(
    ("of_all", "of_job", "each"),
    [
        ("", "", False),
        ("each: true", "", True),
        ("each: true", "each: false", False),
        ("each: true", "to_address: a@b.org", True),
        ("", "each: true", True),
    ],
)
def test_each_failed_run_is_mailed_where_it_is_wanted_and_nothing_else_is(of_all: str, of_job: str, each: bool) -> None:
    settings = settings_of(f"notify: https://h\nfailmail: {{to_address: ops@example.org, {of_all}}}")

    found = recipients_of(job_of(f"failmail: {{{of_job}}}" if of_job else "", settings), settings)

    assert [recipient.each for recipient in found] == [each, False]


def test_the_host_is_nobodys_who_wants_certain_jobs() -> None:
    settings = settings_of(f"{OPS}notify: [https://h, {{url: exec:/x, tags: db}}]")

    assert [recipient.url for recipient in global_recipients(settings)] == ["mailto:ops@example.org", "https://h"]


def test_nobody_is_notified_of_a_command_of_exec() -> None:
    settings = settings_of(f"{OPS}notify: https://h\ndefault_job_config: {{owner: a@b.org, notify: exec:/x}}")
    keys: dict[str, Any] = {}

    job = read_ad_hoc("once", keys, ["/bin/true"], settings)

    assert (recipients_of(job, settings), is_reported(job, settings)) == ([], False)
