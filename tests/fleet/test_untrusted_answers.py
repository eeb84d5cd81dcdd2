"""What a host sends is as untrusted as the output of a job: too much, too slow, wrong types, escape codes."""

import io
import json
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest

from kit.harness import Box, Product
from kit.other_hosts import ANY, FakeSsh
from process_control import __version__
from process_control.cli.hosts.looked import Looked
from process_control.cli.hosts.show import show
from process_control.fleet.ask_hosts import MAX_ANSWER_BYTES, Came, End, ask_all
from process_control.fleet.reply import Reply, reply_of

VERSION = f"process-control {__version__}\n"
TIMERS = json.dumps({"version": 1, "timers": [{"job": "a", "next": None}]}, indent=2) + "\n"

NOISE = "Please contact your system administrator.\n"


def replied(output: str, *, talk: str = "", status: int = 0, form: str = "timers", end: End = End.ENDED) -> Reply:
    came = Came(end=end, status=status, output=bytearray(output.encode()), talk=bytearray(talk.encode()))
    return reply_of("web1", came, form=form, seconds=5)


SAID = {
    "a key that is refused": (
        {"talk": "ops@web1: Permission denied (publickey,password).\r\n", "status": 255},
        "it refuses the key",
        "ssh-copy-id web1; is ssh-agent running?",
    ),
    "a host key that is not known": (
        {"talk": "No ED25519 host key is known for web1\nHost key verification failed.\n", "status": 255},
        "its host key is not known",
        "compare the key: ssh web1",
    ),
    "another host key": (
        {"talk": f"REMOTE HOST IDENTIFICATION HAS CHANGED!\n{NOISE * 9}Host key verification failed.\n", "status": 255},
        "its host key has changed",
        "ssh web1, and ask who runs it",
    ),
    "no such name": (
        {"talk": "ssh: Could not resolve hostname web1: Name or service not known\n", "status": 255},
        "its name is not known",
        "a name in DNS, or a Host of ~/.ssh/config",
    ),
    "no route": (
        {"talk": "ssh: connect to host web1 port 22: Connection timed out\n", "status": 255},
        "it cannot be reached",
        "ssh web1",
    ),
    "something else of ssh": (
        {"talk": "Bad configuration option: \x1b[2Jx\n", "status": 255},
        "Bad configuration option: x",
        "ssh web1",
    ),
    "no package": (
        {"talk": "sh: 1: process-control: not found\n", "status": 127},
        "process-control is not there",
        "install it there, for all users; ssh must find it in its PATH: /usr/bin or /usr/local/bin",
    ),
    "another program": (
        {"output": "rsync only\n", "status": 1},
        "something else answers: rsync only",
        "ssh web1 process-control --version",
    ),
    "an option that it does not know": (
        {"output": "process-control 0.0.1\n" + json.dumps(
            {"version": 1, "error": {"exit_code": 2, "faults": [
                {"what": "no such option: --new", "where": "process-control timers", "hint": None}]}}, indent=2,
        ) + "\n", "status": 2},
        "no such option: --new",
        f"it has version 0.0.1, and here is {__version__}: upgrade the older one",
    ),
    "no such job": (
        {"output": VERSION + json.dumps(
            {"version": 1, "error": {"exit_code": 66, "faults": [
                {"what": "no job 'x'", "where": None, "hint": "did you mean 'y'?"}]}}, indent=2) + "\n", "status": 66},
        "no job 'x'",
        "did you mean 'y'?",
    ),
    "another form": (
        {"output": "process-control 9.0\n" + TIMERS.replace('"version": 1', '"version": 2')},
        "its answer has form 2, and form 1 is known here",
        f"it has version 9.0, and here is {__version__}: upgrade the older one",
    ),
    "a wrong type": (
        {"output": VERSION + TIMERS.replace('"a"', "7")},
        "its answer is not understood",
        "Expected `str`, got `int` - at `$.timers[0].job`",
    ),
    "half an answer": (
        {"output": VERSION + TIMERS[:30]},
        "its answer is not understood",
        "Input data was truncated",
    ),
    "too deep": (
        {"output": VERSION + '{"version": 1, "timers": [], "x": ' + "[" * 99999, "form": "timers"},
        "its answer is not understood",
        "maximum recursion depth exceeded while deserializing an object",
    ),
    "no such job on an older host": (
        {"output": "process-control 0.0.1\n" + json.dumps(
            {"version": 1, "error": {"exit_code": 66, "faults": [
                {"what": "no job 'x'", "where": None, "hint": "did you mean 'y'?"}]}}, indent=2) + "\n", "status": 66},
        "no job 'x'",
        "did you mean 'y'?",
    ),
    "an older one that has only a text for wrong usage": (
        {"output": "process-control 0.0.1\n", "talk": "Error: no such option\n", "status": 2},
        "it does not know this command, or an option of it",
        f"it has version 0.0.1, and here is {__version__}: upgrade the older one",
    ),
    "a connection that broke": (
        {"output": VERSION + TIMERS[:30], "talk": "client_loop: send disconnect: Broken pipe\n", "status": 255},
        "the connection broke",
        "client_loop: send disconnect: Broken pipe",
    ),
    "no answer in time": (
        {"output": "Welcome\n", "end": End.TOO_SLOW, "status": -9},
        "no answer in 5 s",
        "ssh web1",
    ),
    "no end of the answer in time": (
        {"output": VERSION, "end": End.TOO_SLOW, "status": -9},
        "its answer takes more than 5 s",
        "ask for less, or there: ssh web1",
    ),
    "a flood": (
        {"output": VERSION, "end": End.TOO_LARGE, "status": -9},
        "its answer is larger than 16 MiB",
        "ask for less: a JOB, --since, --limit, -n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("came", "what", "hint"), SAID.values(), ids=SAID)
def test_a_host_that_cannot_be_understood_is_said_to_be_so_with_a_hint(
    came: dict[str, Any], what: str, hint: str
) -> None:
    reply = replied(came.pop("output", ""), **came)

    assert reply.error is not None
    assert (reply.error.what, reply.error.hint) == (what, hint)


def test_what_a_login_prints_before_and_after_the_answer_is_left_out() -> None:
    noise = "Welcome to web1\n{\n  not JSON\n}\n"

    reply = replied(f"{noise}{VERSION}{TIMERS}{noise}", talk="stty: not a terminal\n")

    assert (reply.is_ok, reply.version) == (True, __version__)
    assert reply.values == {"version": 1, "timers": [{"job": "a", "next": None}]}


def test_a_whole_answer_counts_also_when_the_connection_does_not_end() -> None:
    reply = replied(VERSION + TIMERS, end=End.TOO_SLOW, status=-9)

    assert reply.is_ok


def test_an_older_answer_without_what_may_be_null_is_shown_and_newer_keys_are_left_out() -> None:
    reply = replied(VERSION.replace(__version__, "0.0.1") + '{"version": 1, "timers": [{"job": "a", "soul": 1}]}\n')

    assert reply.values == {"version": 1, "timers": [{"job": "a"}]}


def test_a_command_that_is_too_slow_or_prints_too_much_is_ended_and_the_others_are_read() -> None:
    for seconds in (1.0, 5.0, 25.0):  # in one second a busy host may not even have begun them
        began = time.monotonic()
        slow, flood, noisy, good = ask_all(
            [
                ["sh", "-c", "echo begun; sleep 600 & wait"],
                ["sh", "-c", "exec yes"],
                ["sh", "-c", "yes >&2"],
                ["sh", "-c", "echo well; echo talk >&2; exit 7"],
            ],
            seconds=seconds,
        )
        took = time.monotonic() - began
        if slow.output and flood.end is not End.TOO_SLOW and good.end is not End.TOO_SLOW:
            break

    assert took < seconds + 19
    assert (slow.end, bytes(slow.output)) == (End.TOO_SLOW, b"begun\n")
    assert (flood.end, noisy.end) == (End.TOO_LARGE, End.TOO_SLOW)
    assert len(noisy.talk) < MAX_ANSWER_BYTES / 100
    assert (good.end, good.status, bytes(good.output), bytes(good.talk)) == (End.ENDED, 7, b"well\n", b"talk\n")


def test_a_process_that_keeps_the_pipes_of_an_ended_command_delays_nothing() -> None:
    (came,) = ask_all([["sh", "-c", "sleep 30 & echo $!"]], seconds=20)

    assert came.end is End.ENDED
    os.kill(int(came.output), signal.SIGKILL)


def test_more_hosts_than_are_asked_side_by_side_all_answer_in_their_order() -> None:
    came = ask_all([["echo", str(number)] for number in range(70)], seconds=30)

    assert [int(each.output) for each in came] == list(range(70))


# --- what is shown ---------------------------------------------------------------------------------------------------

VERBS = ("status", "timers", "history", "slots", "slots --count", "incidents", "day", "logs bad", "why bad", "check")
VERBS += ("doctor",)
OPTIONS = {"show_all": True, "times": True, "run_id": None, "as_json": False, "limit": None, "regex": None}
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e\r\n|a\tb"
SWAPS = (None, 7, -1e300, True, "", EVIL, "x" * 3000, [], {}, "2026-02-31T00:00:00.000Z", "1970-01-01T00:00:00.000Z")
AT = "2026-03-01T02:30:00.000Z"
SLOT = {
    "job": "bad", "slot": AT, "fate": "missed", "reason": None, "cause": "host_down", "run_id": None, "outcome": None,
    "late_seconds": None, "late_parts": None, "evidence": [{"at": AT, "what": "the host was down"}],
}  # fmt: skip
INCIDENT = {
    "id": "bad-1", "cause": "failed", "state": "open", "jobs": ["bad"], "counts": {"bad": 1}, "count": 1, "since": AT,
    "opened_at": AT, "closed_at": None, "closed_by": None, "reason": "exit_code", "sentence": "exited with 3",
    "run_id": "x", "acknowledged": None, "silenced": None, "told": [],
}  # fmt: skip


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def answers(product: Product) -> dict[str, dict[str, Any]]:
    """What each verb answers on a host with trouble."""
    box = Box.configured(product)
    box.job("bad", "command: sh -c 'echo oops; exit 3'\nschedule: '* * * * *'")
    box.job("typo", "comand: x")
    box.run("bad")
    found: dict[str, dict[str, Any]] = {verb: box.process_control(*verb.split(), "--json").json() for verb in VERBS}
    box.close()
    found["slots"]["slots"] = [SLOT]
    found["incidents"]["incidents"] = [INCIDENT]
    return found


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each key of it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(items):
        yield value, key
        yield from places_in(each)


def shown(form: str, reply: Reply, *, terminal: bool) -> str:
    stream = Terminal() if terminal else io.StringIO()
    columns = ("job", "why", "evidence", "sentence", "what", "jobs", "attempts")
    looked = Looked(form=form, replies=[reply], words=[], columns=columns, options=OPTIONS)
    with redirect_stdout(stream), redirect_stderr(stream):
        show(looked)
    return stream.getvalue()


def form_of(verb: str) -> str:
    return verb.removesuffix(" bad")


def test_no_text_of_a_host_can_steer_the_terminal(
    answers: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    for verb, answer in answers.items():
        text = re.sub(r'": "(?!\d{4}-\d\d-)', lambda found: found[0] + json.dumps(EVIL)[1:-1], json.dumps(answer))
        reply = replied(f"{VERSION}{text}\n", form=form_of(verb))
        assert reply.is_ok, (verb, reply.error)
        for terminal in (True, False):
            printed = shown(form_of(verb), reply, terminal=terminal)
            assert all(char.isprintable() or char in "\n\t" for char in printed), verb
            assert "owned" in printed


def test_an_answer_of_wrong_types_is_refused_or_shown_and_never_a_fault_of_ours(
    answers: dict[str, dict[str, Any]],
) -> None:
    chance = random.Random(7)
    refused = 0
    for verb, answer in answers.items():
        text = json.dumps(answer)
        count = len(list(places_in(answer)))
        for number in sorted(chance.sample(range(count), min(count, 40))):
            changed = json.loads(text)
            container, key = list(places_in(changed))[number]
            container[key] = chance.choice(SWAPS)
            reply = replied(f"{VERSION}{json.dumps(changed)}\n", form=form_of(verb))
            refused += not reply.is_ok
            shown(form_of(verb), reply, terminal=True)
            shown(form_of(verb), reply, terminal=False)
    assert refused > 50


def test_escape_codes_in_an_error_of_a_host_are_left_out(box: Box) -> None:
    ssh = FakeSsh(box.root / "ssh")
    ssh.says(ANY, f"{EVIL}\n", talk=f"{EVIL}\n", code=255)

    done = box.process_control("status", "--host", "web1", env={**ssh.environment, "TERM": "dumb"}, tty=True)

    assert done.exit_code == 1
    assert all(char.isprintable() or char == "\n" for char in done.stdout)
