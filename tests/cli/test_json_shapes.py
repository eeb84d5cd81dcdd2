"""Every answer of `--json` has the shape that docs/reference/json.md shows, no key less and none more."""

import json
import os
from collections.abc import Sequence
from hashlib import sha256

import pytest

from kit.builders import NOON
from kit.desk import Desk
from kit.harness import Box
from kit.shapes import has_its_shape
from process_control.core.json_answers import LOOKS
from process_control.core.json_objects import OBJECTS
from tools.json_shapes import ANSWERS, ERROR, json_schema, json_schema_of_hosts


@pytest.fixture
def busy(box: Box) -> Box:
    """A box with jobs in many states, and runs behind them."""
    (box.root / "cron.d").mkdir()
    box.configure(
        failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"},
        output_crontab=str(box.root / "cron.d" / "pc"),
    )
    box.job("good", 'command: echo hi\nschedule: "30 2 * * *"\ntags: [night]\nowner: ann\ndescription: See the wiki')
    box.job("bad", "command: sh -c 'echo oops >&2; exit 3'\nretry: {attempts: 2, delay: 0.1s}")
    box.job(
        "rule", "command: sh -c 'echo bad; exit 7'\nverdicts: [{exit_code: 7, verdict: hold}]\nslow_start: {runs: 2}"
    )
    box.job("paused", "command: 'true'")
    box.job("typo", "comand: x")
    for slug in ("good", "bad", "rule"):
        box.run(slug)
    box.process_control("pause", "paused", "--for", "1h", "--note", "why not")
    return box


VIEWS: Sequence[Sequence[str]] = (
    ["status"],
    ["list"],
    ["history"],
    ["audit"],
    ["logs", "bad"],
    ["show", "good"],
    ["check"],
    ["check", "nowhere"],
    ["lint"],
    ["lint", "--fix", "--dry-run"],
    ["plan"],
    ["doctor"],
    ["doctor", "--fix", "--dry-run"],
    ["explain"],
    ["learn", "bad"],
    ["prune", "--dry-run"],
    ["init", "--dry-run"],
    ["notify", "test"],
    ["incidents"],
    ["incidents", "--all"],
    ["incidents", "show", "nowhere"],
    ["ack", "nowhere"],
    ["notify", "test", "--dry-run"],
    ["notify", "preview", "bad"],
    ["notify", "preview", "good", "--as", "host_down"],
    ["wait", "good"],
    ["stop", "good"],
    ["why", "good"],
    ["why", "paused"],
    ["why", "bad", "yesterday"],
    ["why", "nowhere"],
    ["slots"],
    ["metrics"],
    ["timers"],
    ["help", "--pages"],
    ["day"],
    ["status", "nowhere"],
    ["history", "--nonsense"],
)


def test_every_answer_has_the_shape_that_the_page_shows(busy: Box) -> None:
    for words in VIEWS:
        command = f"process-control {' '.join(words[:2]) if words[0] == 'notify' else words[0]}"
        has_its_shape(busy.process_control(*words, "--json"), command)
    has_its_shape(busy.process_control("slots", "--count", "--json"), "process-control slots --count")
    for words in (
        ["run"],
        ["stop"],
        ["hold"],
        ["release"],
        ["pause", "--for", "5m"],
        ["silence", "--for", "5m"],
        ["unsilence"],
    ):
        has_its_shape(
            busy.process_control(*words, "good", "paused", "--dry-run", "--json"), f"process-control {words[0]}"
        )
    for words in (["release", "rule"], ["hold", "rule"], ["release", "paused"], ["pause", "paused", "--for", "5m"]):
        has_its_shape(busy.process_control(*words, "--json"), f"process-control {words[0]}")
    for flag in ("--list-jobs", "--status"):
        has_its_shape(busy.run_job(flag, "--json"), f"run-job {flag}")
    has_its_shape(busy.run_job("--dry-run", "good", "--json"), "run-job --dry-run")
    for flags in (["--dry-run"], ["--check"], [], []):
        has_its_shape(busy.cron_generate(*flags, "--json"), "cron-generate")


def test_answers_about_who_may_open_the_page_have_the_shape_too(box: Box) -> None:
    for words in (
        ["create", "deploy", "--role", "operator", "--dry-run"],
        ["create", "deploy", "--role", "operator"],
        ["list"],
        ["revoke", "deploy"],
        ["revoke", "deploy"],
    ):
        result = box.process_control("web", "token", *words, "--json")
        has_its_shape(result, f"process-control web token {words[0]}")
    has_its_shape(box.process_control("web", "link", "--json"), "process-control web link")
    made = box.pasted("echo correct horse battery | process-control web passwd ann --json")
    has_its_shape(made, "process-control web passwd")


def test_what_goes_on_has_the_shape_too(box: Box) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'")

    launched = has_its_shape(box.process_control("run", "job", "--json"), "process-control run")
    started.read_line()
    refused = has_its_shape(box.process_control("run", "job", "--json"), "process-control run")
    for verb in ("status", "history"):
        has_its_shape(box.process_control(verb, "--json"), f"process-control {verb}")
    waited = has_its_shape(box.process_control("wait", "job", "--timeout", "0.1s", "--json"), "process-control wait")
    has_its_shape(box.run_job("--dry-run", "job", "--json"), "run-job --dry-run")
    stopped = has_its_shape(box.process_control("stop", "job", "--json"), "process-control stop")

    [first], [second] = launched["jobs"], refused["jobs"]
    assert (first["done"], second["done"], second["exit_code"]) == ("started", "not started", 75)
    assert waited["runs"][0]["run_id"] == stopped["jobs"][0]["run_id"] == first["run_id"]
    assert waited["runs"][0]["outcome"] is None


def test_what_is_imported_has_the_shape(desk: Desk) -> None:
    old = desk.root / "old"
    old.mkdir()
    (old / "purge.yaml").write_text("name: Purge\ncommand: /bin/true\ntag: db\n")
    (old / "bad.yaml").write_text("name: Bad\n")

    for flags in (["--dry-run"], []):
        has_its_shape(
            desk.process_control("import", "original", str(old), "--json", *flags), "process-control import original"
        )


def test_what_is_exported_has_the_shape(desk: Desk) -> None:
    desk.job("backup", "command: /bin/true\nschedule: '30 2 * * *'\ntime_zone: Europe/Berlin\ncatch_up: latest")
    desk.job("queued", "command: /bin/true\nschedule: '30 2 * * *'\non_overlap: queue")
    (desk.root / "units").mkdir()
    to = ("--output", str(desk.root / "units"))

    for flags in ([], [*to, "--diff"], [*to, "--apply", "--dry-run"], [*to, "--apply"]):
        exported = has_its_shape(
            desk.process_control("export", "systemd", "--json", *flags), "process-control export systemd"
        )
        assert len(exported["units"]) == 4
    assert exported["commands"][0] == "systemctl daemon-reload"


def test_what_is_verified_has_the_shape(desk: Desk) -> None:
    desk.state.run("job", NOON)
    [day] = desk.state.journal.iterdir()
    content = day.read_bytes()
    desk.process_control("history")
    seals = desk.root / "syslog"
    tag = f"Nov 28 01:00:01 {os.uname().nodename} process-control[7]"
    line = f"{tag}: sealed {day} {len(content)} {sha256(content).hexdigest()}\n"
    verify = ("audit", "--verify", "--seals", str(seals), "--json")

    seals.touch()
    none = has_its_shape(desk.process_control(*verify), "process-control audit --verify")
    seals.write_text(line)
    same = has_its_shape(desk.process_control(*verify), "process-control audit --verify")
    day.write_bytes(content.replace(b'"exit_code": 0', b'"exit_code": 9'))
    other = has_its_shape(desk.process_control(*verify), "process-control audit --verify")

    assert (none["holds"], none["seals"]) == (False, 0)
    assert (same["holds"], same["first"]) == (True, None)
    assert [each["line"] for each in other["first"]["lines"]] == [3]


@pytest.mark.needs_root
def test_what_a_crontab_became_has_the_shape_too(desk: Desk) -> None:
    cron_d = desk.root / "cron.d"
    cron_d.mkdir()
    crontab, command = cron_d / "shop", "process-control import crontab"
    crontab.write_text("A=b\n# Say a\n1 2 * * * root a | b%c\n#2 3 * * * root c\n@reboot root d\nx\n")
    live = cron_d / "live"
    live.write_text("1 2 * * * root a\n")
    for path in (crontab, live):
        path.chmod(0o644)
    desk.configure(output_crontab=str(cron_d / "pc"))

    for words in (
        [crontab, "--dry-run"],
        [crontab, "--prove"],
        [live, "--adopt", "1"],
        [live, "--undo"],
        [live, "--undo"],
    ):
        has_its_shape(desk.process_control("import", "crontab", *map(str, words), "--json"), command)


def test_every_object_of_the_page_is_in_an_answer() -> None:
    shapes = [json_schema(answer) for answer in (*ANSWERS, ERROR)]
    used = json.dumps([*shapes, *(json_schema_of_hosts(answer) for answer in LOOKS)])

    assert [name for name in OBJECTS if f'"#/definitions/{name}"' not in used] == []
