"""`--host`: the commands that look, asked on other hosts. Here with an `ssh` that says what a test has written."""

import signal
from typing import Any

import jsonschema
import pytest

from kit.harness import Box, Result, wait_gone
from kit.other_hosts import ANY, FakeSsh, words_of
from process_control import __version__
from process_control.core.json_answers import LOOKS
from tools.json_shapes import json_schema_of_hosts

VERBS = (
    "status",
    "timers",
    "history",
    "slots",
    "slots --count",
    "incidents",
    "day",
    "logs bad",
    "why bad",
    "check",
    "doctor",
)


@pytest.fixture
def ssh(box: Box) -> FakeSsh:
    """An ssh for the commands of the box, and the groups of hosts that its configuration has."""
    fake = FakeSsh(box.root / "ssh")
    box.environment |= fake.environment
    box.configure(fleet={"hosts": {"prod": ["web1", "ops@web2"], "one": "web1"}})
    return fake


@pytest.fixture
def with_jobs(box: Box) -> Box:
    """A box whose answers the hosts give."""
    box.job("good", 'command: "true"\nschedule: "* * * * *"\ntags: [night]')
    box.job("bad", "command: sh -c 'echo oops; exit 3'\nschedule: '7 3 * * *'")
    box.run("good")
    box.run("bad")
    return box


def answer_of(box: Box, verb: str) -> tuple[dict[str, Any], int]:
    """Return what the verb answers on the host of the box, and its exit code."""
    answer = box.process_control(*verb.split(), "--json")
    return answer.json(), answer.exit_code


def look(box: Box, verb: str, *words: str, **how: Any) -> Result:
    return box.process_control(*verb.split(), "--host", "web1,ops@web2", *words, **how)


def test_each_verb_has_its_own_shape_with_the_host_of_each_item(with_jobs: Box, ssh: FakeSsh) -> None:
    here = {"ok": True, "version": __version__, "error": None}
    for verb in VERBS:
        answer, code = answer_of(with_jobs, verb)
        ssh.answers(ANY, answer, code=code)

        found = look(with_jobs, verb, "--json")

        form = verb.removesuffix(" bad")
        shape = next(each for each in LOOKS if f"process-control {form}" in each.commands)
        jsonschema.Draft7Validator(json_schema_of_hosts(shape)).validate(found.json())
        assert found.exit_code == code, verb
        assert found.json()["hosts"] == [{"host": "web1", **here}, {"host": "ops@web2", **here}]
        for key, items in answer.items():
            if isinstance(items, list) and items and isinstance(items[0], dict):
                assert {item["host"] for item in found.json()[key]} == {"web1", "ops@web2"}
                assert len(found.json()[key]) == 2 * len(items)


def test_words_arrive_as_they_were_typed(with_jobs: Box, ssh: FakeSsh) -> None:
    odd = 'a\'b "$(id)" ;*\\'
    asked = {
        ("status", "--failed", "web1/x"): ["status", "--json", "--failed", "--", "x"],
        ("history", "--host", "@one", "--since", "7d", "--limit=9"): ["history", "--json", "--since=7d", "--limit=9"],
        ("logs", f"--grep={odd}", "-n", "5", "web1/x"): ["logs", "--json", "-n5", f"--grep={odd}", "--", "x"],
        ("why", "@one/bad", "03:07"): ["why", "--json", "--", "bad", "03:07"],
        ("day", "yesterday", "--host=web1", "--job", "b*"): ["day", "--json", "--job=b*", "--", "yesterday"],
        ("incidents", "show", "web1/id-1"): ["incidents", "--json", "--", "show", "id-1"],
        ("slots", "--count", "--fate", "ran", "--csv", "--host", "web1"): ["slots", "--json", "--fate=ran", "--count"],
    }  # fmt: skip
    ssh.says(ANY, "")
    for words, there in asked.items():
        with_jobs.process_control(*words)
        got = words_of(ssh.asked()["web1"])
        assert (got[0], sorted(got)) == ("process-control", sorted(["process-control", *there])), words
        assert got[-there[::-1].index("--") - 1 :] == there[there.index("--") :] if "--" in there else True
    assert set(ssh.asked()) == {"web1"}


def test_a_job_of_one_host_is_asked_there_and_other_words_on_every_host(box: Box, ssh: FakeSsh) -> None:
    ssh.says(ANY, "")

    box.process_control("status", "--host", "@prod", "purge", "web1/dump", "db1/vacuum")

    jobs = {host: words_of(asked)[3:] for host, asked in ssh.asked().items()}
    assert jobs == {"web1": ["--", "purge", "dump"], "ops@web2": ["--", "purge"], "db1": ["--", "vacuum"]}


REFUSED = {
    "an option as a host": (["status", "--host=-oProxyCommand=x"], "'-oProxyCommand=x' is no host"),
    "a command as a host": (["status", "--host", "web1;reboot"], "'web1;reboot' is no host"),
    "no host": (["status", "--host", ""], "'' is no host"),
    "an unknown group": (["status", "--host", "@prot"], "is called '@prot'\n  hint: did you mean @prod?"),
    "a job of no host": (["status", "good", "web1/bad"], "'good' names no host"),
    "a host without a job": (["status", "web1/"], "'web1/' names no job"),
    "--watch": (["status", "--watch", "--host", "web1"], "--watch does not go with --host\n  hint: ssh -t HOST"),
    "-f": (["logs", "-f", "web1/bad"], "-f does not go with --host"),
    "--raw": (["logs", "--raw", "web1/bad"], "--raw does not go with --host"),
    "--fix": (["doctor", "--fix", "--host", "web1"], "--fix does not go with --host"),
    "an incident of several hosts": (["incidents", "--host", "@prod", "show", "x"], "an incident is of one host"),
    "what changes jobs": (["hold", "--host", "web1", "good"], "no such option: --host"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "what"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_asked_of_hosts_is_wrong_usage(box: Box, ssh: FakeSsh, words: list[str], what: str) -> None:
    done = box.process_control(*words)

    assert (done.exit_code, done.stdout) == (2, "")
    assert what in done.stderr
    assert ssh.asked() == {}


def test_no_verb_that_changes_anything_takes_a_host() -> None:
    from process_control.cli.main import PURPOSES, process_control

    takes = {
        verb
        for verb in process_control.verbs
        if any("--host" in each.opts for each in process_control.get_command(None, verb).params)
    }

    assert takes == {"status", "timers", "why", "slots", "history", "logs", "incidents", "day", "check", "doctor"}
    assert takes < set(PURPOSES["look"])


def test_a_host_without_an_answer_is_a_row_and_the_others_are_shown(with_jobs: Box, ssh: FakeSsh) -> None:
    ssh.answers("web1", answer_of(with_jobs, "status")[0])
    ssh.says("ops@web2", "", talk="ops@web2: Permission denied (publickey).\n", code=255)

    piped, shown = look(with_jobs, "status"), look(with_jobs, "status", tty=True)

    assert piped.exit_code == shown.exit_code == 1
    rows = [line.split("\t") for line in piped.stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ["host", "job", "state"],
        ["ops@web2", "", ""],
        ["web1", "bad", "failing"],
        ["web1", "good", "ok"],
    ]
    assert rows[1][-1] == "it refuses the key; hint: ssh-copy-id ops@web2; is ssh-agent running?"
    assert "1 of 2 hosts did not answer" in shown.stdout
    assert shown.stdout.index("it refuses the key") < shown.stdout.index("bad") < shown.stdout.index("good")


CHECKS = {
    "all is well": ({"web1": 0, "web2": 0}, 0),
    "a warning": ({"web1": 1, "web2": 0}, 1),
    "a host without an answer": ({"web1": 0, "web2": None}, 3),
    "a warning elsewhere hides no dead host": ({"web1": 1, "web2": None}, 3),
    "a failing job is worse than a dead host": ({"web1": 2, "web2": None}, 2),
    "a host that does not know": ({"web1": 3, "web2": 0}, 3),
}


@pytest.mark.parametrize(("codes", "code"), CHECKS.values(), ids=CHECKS)
def test_check_is_that_of_the_worst_host(box: Box, ssh: FakeSsh, codes: dict[str, int | None], code: int) -> None:
    for host, there in codes.items():
        troubles = [{"job": "bad", "severity": there, "state": "failing", "why": "a | b"}] if there in (1, 2) else []
        answer = {"version": 1, "exit_code": there, "text": "PROCESS-CONTROL X - words | jobs=1", "troubles": troubles}
        if there is None:
            ssh.says(host, "", talk="ssh: connect to host web2 port 22: Connection refused\n", code=255)
        else:
            ssh.answers(host, answer, code=there)

    done = box.process_control("check", "--host", ",".join(codes))

    assert done.exit_code == code
    assert done.stdout.startswith(f"PROCESS-CONTROL {('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')[code]} - ")
    assert done.stdout.splitlines()[0].count("|") == 1
    assert ("UNKNOWN: web2 (nothing listens for ssh there" in done.stdout) == (None in codes.values())


def test_two_hundred_hosts_show_trouble_first_and_then_a_line_for_each(with_jobs: Box, ssh: FakeSsh) -> None:
    answer, _ = answer_of(with_jobs, "status")
    good = {**answer, "jobs": [job for job in answer["jobs"] if job["job"] == "good"]}
    ssh.answers(ANY, good)
    ssh.answers("web7", answer)
    ssh.says("web9", "", talk="ssh: Could not resolve hostname web9: Name or service not known\n", code=255)
    hosts = [f"web{number}" for number in range(1, 201)]

    how = {"tty": True, "columns": 100, "env": {"TERM": "dumb"}}
    shown = with_jobs.process_control("status", "--host", ",".join(hosts), **how)

    lines = shown.stdout.splitlines()
    assert shown.exit_code == 1
    assert "200 hosts, 200 jobs: 1 failing, 199 ok" in lines[0]
    assert "1 of 200 hosts did not answer" in shown.stdout
    places = [shown.stdout.index(words) for words in ("its name is not known", "exited with 3", "VERSION", "more: ")]
    assert places == sorted(places)
    assert len(lines) <= 24


def test_a_verb_without_a_host_loads_nothing_of_the_fleet(box: Box) -> None:
    script = f"import sys; sys.path.insert(0, {str(box.product.site_packages)!r}); "
    script += "from process_control.cli.main import main; main(['timers']); "
    script += "print([name for name in sys.modules if 'control.fleet' in name or 'cli.hosts.' in name])"

    done = box.command([*box.product.python, "-I", "-c", script])

    assert done.stdout.splitlines()[-1] == "['process_control.cli.hosts.option']"


def test_a_job_of_another_host_is_never_taken_for_one_of_this(with_jobs: Box) -> None:
    done = with_jobs.process_control("hold", "web1/good")

    hint = "the job of this host is 'good'; on another host: ssh -t web1 process-control ..."
    assert (done.exit_code, done.stderr) == (66, f"'web1/good' is not a job's name\n  hint: {hint}\n")


def test_control_c_ends_what_was_started(box: Box, ssh: FakeSsh) -> None:
    asked = box.fifo("asked")
    ssh.does("web1", f"echo $$ >{asked}; exec sleep 60")
    with box.start_command([str(box.product.process_control), "timers", "--host", "web1"]) as live:
        pid = int(asked.read_line())
        live.signal(signal.SIGINT)
        done = live.wait()

    assert done.exit_code == 130
    wait_gone(pid)


def test_status_of_other_hosts_does_not_load_what_reads_this_one(with_jobs: Box, ssh: FakeSsh) -> None:
    """It is half of the time that the command takes besides ssh."""
    ssh.answers(ANY, answer_of(with_jobs, "status")[0])
    product = with_jobs.product
    script, name = product.prefix / "bin" / ".process-control.py", str(product.process_control)
    command = [*product.python, "-X", "importtime", "-I", "-S", str(script), name, "status", "--json", "--host", "web1"]

    done = with_jobs.command(command)

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert (done.exit_code, len(done.json()["jobs"])) == (0, 2)
    assert "process_control.fleet.replies" in imported
    readers = ("process_control.history", "process_control.crontab", "process_control.views", "sqlite3")
    assert [module for module in imported if module.startswith(readers)] == []
