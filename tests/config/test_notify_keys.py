"""The keys of who is notified, `notify`, `owner`, `ping` and `host_ping`: what they become, and each refusal."""

from pathlib import Path
from typing import Any

import pytest

from process_control.config.configuration import read_configuration
from process_control.config.job_file import read_job
from process_control.config.url_file import url_in
from process_control.core.job import Job
from process_control.errors import BadConfiguration, ProcessControlError

SECRET = "holds a secret, which everybody who may read this file sees"
TO_FILE = "write the URL into a file with mode 0600, and name that: url_file: /etc/process-control.url"
URL = "mailto:ops@example.org, https://host/path, or exec:/path/of/program"


def job(line: str, **defaults: Any) -> Job:
    source = f"name: Backup\ncommand: /bin/true\n{line}\n".encode()
    return read_job(source, slug="backup", path="/jobs/backup.yaml", default_values=defaults, log_bytes=1)


def faults_of(line: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        job(line)
    return [str(fault).removeprefix("backup.yaml:") for fault in caught.value.faults]


# --- notify ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ("notify: mailto:a@example.org", [{"url": "mailto:a@example.org"}]),
        ("notify: mailto:a@example.org , root", [{"url": "mailto:a@example.org,root"}]),
        ("notify: [exec:/bin/page, https://h/x]", [{"url": "exec:/bin/page"}, {"url": "https://h/x"}]),
        ("notify: exec:/bin/page 'on call'", [{"url": "exec:/bin/page 'on call'"}]),
        ("notify: {url: 'http://127.0.0.1:8000/x'}", [{"url": "http://127.0.0.1:8000/x"}]),
        ("notify: {url: 'http://[::1]/x'}", [{"url": "http://[::1]/x"}]),
        ("notify: {url: 'alertmanager+http://am:9093'}", [{"url": "alertmanager+http://am:9093"}]),
        ("notify: {url: 'jsons://h/x'}", [{"url": "jsons://h/x"}]),
        ("notify: {url: 'json://localhost/x'}", [{"url": "json://localhost/x"}]),
        (
            "notify: [{url_file: /etc/chat, on: [failed, recovered], after: 3, remind: 4h}]",
            [{"url_file": "/etc/chat", "on": ["failed", "recovered"], "after": 3, "remind": 14400.0}],
        ),
        (
            "notify: [{url: https://h, key_file: /etc/key, on: host, remind: 0}]",
            [{"url": "https://h", "key_file": "/etc/key", "on": ["host"], "remind": 0.0}],
        ),
    ],
)
def test_a_list_of_recipients_becomes_plain_values(line: str, items: list[dict[str, Any]]) -> None:
    read = job(line)

    assert (read.notify, read.notify_off) == (items, False)


@pytest.mark.parametrize("value", ["false", "no", "[]"])
def test_nobody_is_notified_of_a_job_that_says_so(value: str) -> None:
    read = job(f"notify: {value}", notify=[{"url": "exec:/bin/page"}], notify_off=False)

    assert (read.notify, read.notify_off) == ([], True)


def test_the_list_of_a_job_replaces_that_of_the_defaults_whole() -> None:
    defaults: dict[str, Any] = {"notify": [{"url": "exec:/bin/page", "after": 3}], "notify_off": False}

    assert job("", **defaults).notify == defaults["notify"]
    assert job("notify: https://h/x", **defaults).notify == [{"url": "https://h/x"}]
    assert job("notify: https://h/x", notify=[], notify_off=True).notify_off is False


NOTIFY_FAULTS = {
    "no URL": ("notify: 5", "3:9: 'notify' must be a URL, not '5'", f"write {URL}"),
    "an address": (
        "notify: ops@example.org",
        "3:9: 'notify' must be a URL, not 'ops@example.org'",
        "write mailto:ops@example.org",
    ),
    "a path": (
        "notify: /bin/page",
        "3:9: 'notify' must be a URL, not '/bin/page'",
        "for a program write exec:/bin/page; for a file with the URL: url_file: /bin/page",
    ),
    "a misspelled scheme": (
        "notify: {url: 'htps://h'}",
        "3:15: 'notify.url' has an unknown scheme 'htps'",
        "did you mean 'https://'?",
    ),
    "a misspelled mailto": (
        "notify: {url: 'mail://ops@example.org'}",
        "3:15: 'notify.url' has an unknown scheme 'mail'",
        "did you mean 'mailto:'?",
    ),
    "unencrypted": (
        "notify: {url: 'http://chat.example.org/x'}",
        "3:15: 'notify.url' would send unencrypted to 'chat.example.org'",
        "write https://; http:// is for this host only",
    ),
    "unencrypted by apprise": (
        "notify: {url: 'json://chat.example.org/x'}",
        "3:15: 'notify.url' would send unencrypted to 'chat.example.org'",
        "write jsons://; json:// is for this host only",
    ),
    "no host": (
        "notify: {url: 'https:///x'}",
        "3:15: 'notify.url' has no host, or a blank in it",
        "write https://host.example.org/path",
    ),
    "a password": ("notify: {url: 'https://ann:hunter2hunter2@h/x'}", f"3:15: 'notify.url' {SECRET}", TO_FILE),
    "a token": ("notify: {url: 'https://h/x?token=hunter2hunter2'}", f"3:15: 'notify.url' {SECRET}", TO_FILE),
    "a password for Alertmanager": (
        "notify: {url: 'alertmanager+https://ann:hunter2@am:9093'}",
        f"3:15: 'notify.url' {SECRET}",
        TO_FILE,
    ),
    "a chat": (
        "notify: {url: 'slack://hunter2/hunter2/hunter2'}",
        f"3:15: 'notify.url' {SECRET}: slack:// has its token in it",
        TO_FILE,
    ),
    "mail with a login": (
        "notify: {url: 'mailto://ann:hunter2@example.org'}",
        "3:15: 'notify.url' must be mailto: and addresses",
        "write mailto:ops@example.org,dba@example.org; the server and the login are in 'failmail'",
    ),
    "no address": (
        "notify: {url: 'mailto:a@example.org,'}",
        "3:15: 'notify.url' has no address where one is due",
        "write mailto:ops@example.org,dba@example.org",
    ),
    "a program without a path": (
        "notify: {url: 'exec:page'}",
        "3:15: 'notify.url' must have a whole path, not 'exec:page'",
        "write exec:/usr/local/bin/page-someone",
    ),
    "a program with a secret": (
        "notify: {url: 'exec:/bin/page --api-key=hunter2hunter2'}",
        f"3:15: 'notify.url' {SECRET}",
        TO_FILE,
    ),
    "a program with half a quote": (
        """notify: {url: 'exec:/bin/page "on call'}""",
        "3:15: 'notify.url' has a quote that is not closed",
        "close it: arguments are quoted as for a shell",
    ),
    "nobody": (
        "notify: {on: failed}",
        "3:9: an item of 'notify' has neither 'url' nor 'url_file'",
        "add url: mailto:ops@example.org",
    ),
    "twice an address": (
        "notify: {url: 'https://h', url_file: /etc/url}",
        "3:28: an item of 'notify' has 'url' and 'url_file'",
        "keep one of the two",
    ),
    "a relative file": (
        "notify: {url_file: url}",
        "3:20: 'notify.url_file' must be a whole path, not 'url'",
        "write a path that begins with / (~ and variables are not expanded)",
    ),
    "a key without a webhook": (
        "notify: {url: 'mailto:root', key_file: /etc/key}",
        "3:30: 'notify.key_file' is for webhooks: it signs what is sent",
        "remove it, or write an https:// URL",
    ),
    "a misspelled cause": (
        "notify: {url: 'https://h', on: [faild]}",
        "3:33: 'notify.on' must be failed, lost, missed, stale, skipped, refused, host or recovered, not 'faild'",
        "did you mean 'failed'?",
    ),
    "a misspelled key": (
        "notify: {url: 'https://h', remindd: 4h}",
        "3:28: unknown key 'notify.remindd'",
        "did you mean 'notify.remind'? (seconds, or 90s, 10m, 2h); see: process-control explain notify.remind",
    ),
    "no trouble": (
        "notify: {url: 'https://h', after: 0}",
        "3:35: 'notify.after' must be a whole number above 0, not '0'",
        "write a whole number above 0",
    ),
    "tags in a job": (
        "notify: {url: 'https://h', tags: database}",
        "3:28: 'notify.tags' is for the configuration",
        "remove it: this list is for this job alone",
    ),
    "the same twice": (
        "notify: ['https://h', {url: 'https://h', on: failed}]",
        "3:29: 'notify' has the same recipient twice",
        "join the two items",
    ),
}


@pytest.mark.parametrize(("line", "what", "hint"), NOTIFY_FAULTS.values(), ids=NOTIFY_FAULTS)
def test_a_recipient_that_cannot_be_one_is_refused(line: str, what: str, hint: str) -> None:
    assert faults_of(line) == [f"{what}\n  hint: {hint}"]


@pytest.mark.parametrize(
    "name", ["a password", "a token", "a chat", "a password for Alertmanager", "a program with a secret"]
)
def test_a_secret_is_in_no_message(name: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        job(NOTIFY_FAULTS[name][0])

    assert "hunter2" not in "".join(f"{fault} {fault.line}" for fault in caught.value.faults)


def test_the_configuration_has_recipients_by_tags() -> None:
    values = read_configuration(
        b"notify: [{url: https://h, tags: [db, web]}]\ndefault_job_config: {notify: [{url: exec:/x, tags: db}]}", "/c"
    )

    assert values["notify"] == [{"url": "https://h", "tags": ["db", "web"]}]
    assert values["default_job_config"]["notify"] == [{"url": "exec:/x", "tags": ["db"]}]


def test_a_fault_in_the_defaults_names_its_whole_key() -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(b"default_job_config: {notify: [{on: failed}]}", "/c")

    assert [fault.what for fault in caught.value.faults] == [
        "an item of 'default_job_config.notify' has neither 'url' nor 'url_file'"
    ]


# --- the file with a URL ---------------------------------------------------------------------------------------------


def test_a_url_file_holds_the_url_in_its_first_line(tmp_path: Any) -> None:
    path = tmp_path / "url"
    path.write_text("slack://hunter2/hunter2/hunter2\nnote\n")
    path.chmod(0o600)

    assert url_in(str(path)) == "slack://hunter2/hunter2/hunter2"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("hunter2", "the first line is not a URL"),
        ("", "the first line is not a URL"),
        ("mailto:hunter2", "the first line is an address, which is no secret"),
        ("exec:hunter2", "the first line must have a whole path"),
        ("http://ann:hunter2@chat.example.org/", "the first line would send unencrypted to 'chat.example.org'"),
        ("https://ann:hunter2@a b/", "the first line has no host, or a blank in it"),
    ],
)
def test_what_is_wrong_with_a_url_file_is_said_without_its_text(tmp_path: Any, text: str, what: str) -> None:
    path = tmp_path / "url"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(BadConfiguration) as caught:
        url_in(str(path))

    assert [fault.what for fault in caught.value.faults] == [what]
    assert "hunter2" not in str(caught.value)


def test_a_url_file_that_others_can_read_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "url"
    path.write_text("https://h/\n")
    path.chmod(0o644)

    with pytest.raises(ProcessControlError) as caught:
        url_in(str(path))

    assert str(caught.value.faults[0]) == (
        f"{path}: the url_file has mode 0644: others could read or change it\n  hint: chmod 0600 {path}"
    )


# --- owner -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "owner", "mail", "runbook"),
    [
        ("Database team", "Database team", [], None),
        ("ops@example.org", "ops@example.org", ["ops@example.org"], None),
        ("Ops <ops@example.org>", "Ops <ops@example.org>", ["Ops <ops@example.org>"], None),
        ("ask @ops in chat", "ask @ops in chat", [], None),
        ("{team: Database}", "Database", [], None),
        ("{team: ops@example.org}", "ops@example.org", [], None),
        ("{team: Database, mail: dba@example.org}", "Database", ["dba@example.org"], None),
        ("{mail: [a@example.org, root], runbook: https://wiki/x}", "a@example.org, root",
         ["a@example.org", "root"], "https://wiki/x"),
    ],
)  # fmt: skip
def test_an_owner_is_a_name_and_perhaps_an_address(
    value: str, owner: str, mail: list[str], runbook: str | None
) -> None:
    read = job(f"owner: {value}", owner="Somebody", owner_mail=["else@example.org"], owner_runbook="https://old")

    assert (read.owner, read.owner_mail, read.owner_runbook) == (owner, mail, runbook)


def test_an_owner_may_be_a_default() -> None:
    values = read_configuration(b"default_job_config: {owner: ops@example.org}", "/c")["default_job_config"]

    assert job("", **values).owner_mail == ["ops@example.org"]


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("owner: {maill: a@example.org}", "3:9: unknown key 'owner.maill'",
         ("did you mean 'owner.mail'? (an address such as ops@example.org, or a list of them); "
          "see: process-control explain owner.mail")),
        ("owner: {mail: nobody at all}", "3:15: 'owner.mail' must be an address, not 'nobody at all'",
         "write an address such as ops@example.org or Operations <ops@example.org>"),
        ("owner: [a, b]", "3:8: 'owner' must be a map, not a list",
         "write text, an address, or a map such as {team: Database, mail: dba@example.org}"),
    ],
)  # fmt: skip
def test_an_owner_that_cannot_be_one_is_refused(line: str, what: str, hint: str) -> None:
    assert faults_of(line) == [f"{what}\n  hint: {hint}"]


# --- pings -----------------------------------------------------------------------------------------------------------


def test_a_ping_is_a_url_or_a_map() -> None:
    bare, whole = job("ping: https://hc/k/a"), job("ping: {url: https://hc/k/a, api_key_file: /etc/hc}")

    assert (bare.ping_url, bare.ping_api_key_file) == ("https://hc/k/a", None)
    assert (whole.ping_url, whole.ping_api_key_file) == ("https://hc/k/a", "/etc/hc")
    assert job("ping: false", ping_url="https://hc/k/a", ping_api_key_file="/etc/hc").ping_url is None
    assert read_configuration(b"host_ping: https://hc/k/host", "/c") == {"host_ping": "https://hc/k/host"}


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("ping: now", "3:7: 'ping' must be a URL, not 'now'",
         "write a URL such as https://hc-ping.com/PING-KEY/backup"),
        ("ping: ftp://h/x", "3:7: 'ping' must be a URL, not 'ftp://h/x'",
         "write a URL such as https://hc-ping.com/PING-KEY/backup"),
        ("ping: https://ann:hunter2@h/x", f"3:7: 'ping' {SECRET}", "remove it: the URL of a ping needs no login"),
        ("ping: {api_key_file: /etc/hc}", "3:7: 'ping' has no 'url'",
         "add url: https://hc-ping.com/PING-KEY/backup"),
        ("ping: {url: https://hc, api_key_fil: /etc/hc}", "3:25: unknown key 'ping.api_key_fil'",
         ("did you mean 'ping.api_key_file'? (a path that begins with / (~ and variables are not expanded)); "
          "see: process-control explain ping.api_key_file")),
        ("host_ping: https://hc", "3:1: unknown key 'host_ping'",
         "it is a key of the configuration, not of a job; see: process-control explain host_ping"),
    ],
)  # fmt: skip
def test_a_ping_that_cannot_be_one_is_refused(line: str, what: str, hint: str) -> None:
    assert faults_of(line) == [f"{what}\n  hint: {hint}"]


# --- failmail.each ---------------------------------------------------------------------------------------------------


def test_each_failed_run_is_mailed_when_the_job_or_the_configuration_says_so() -> None:
    assert job("").failmail_each is None
    assert job("failmail: {each: true}").failmail_each is True
    assert job("failmail: {each: false}").failmail_each is False
    assert read_configuration(b"failmail: {each: true}", "/c") == {"failmail_each": True}


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T000/B000/hunter2hunter2",
        "https://discord.com/api/webhooks/1/hunter2hunter2",
        "https://api.telegram.org/bot1:hunter2hunter2/sendMessage",
        "https://example.webhook.office.com/webhookb2/hunter2hunter2",
    ],
)
def test_a_web_hook_of_which_the_path_is_the_secret_stands_in_a_file(url: str, tmp_path: Path) -> None:
    (fault,) = faults_of(f"notify: {url}")

    assert SECRET in fault
    assert "hunter2" not in fault
    file = tmp_path / "chat.url"
    file.write_text(f"{url}\n")
    file.chmod(0o600)
    assert url_in(str(file)) == url
