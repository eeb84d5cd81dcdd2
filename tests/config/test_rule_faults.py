"""What is wrong with `verdicts`, `expect` and `retry`, word for word, and what they become."""

from typing import Any

import pytest

from process_control.config.job_file import read_job
from process_control.core.job import Job
from process_control.errors import BadConfiguration
from process_control.system.json_text import decode, encode


def read(text: str, default_values: dict[str, Any] | None = None) -> Job:
    source = f"name: Sync\ncommand: /bin/true\n{text}\n".encode()
    return read_job(source, slug="sync", path="/jobs/sync.yaml", default_values=default_values or {}, log_bytes=1)


def faults_of(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    return [(fault.where.removeprefix("sync.yaml:"), fault.what, fault.hint) for fault in caught.value.faults]


FAULTS = {
    "not a list of rules": (
        "verdicts: fail",
        "3:11",
        "'verdicts' must be a list of rules, not 'fail'",
        "write a list of rules such as {exit_code: 75, verdict: retry}",
    ),
    "no rules": (
        "verdicts: []",
        "3:11",
        "'verdicts' is an empty list",
        "write a list of rules such as {exit_code: 75, verdict: retry}, or remove the line",
    ),
    "an empty rule": (
        "verdicts: [{}]",
        "3:12",
        "rule 1 of 'verdicts' is empty",
        "write {exit_code: 75, verdict: retry}, or remove it",
    ),
    "a rule without a verdict": (
        "verdicts:\n- {exit_code: 1, verdict: warn}\n- {exit_code: 2}",
        "5:3",
        "rule 2 of 'verdicts' has no verdict",
        "add verdict: ignore, warn, retry, fail or hold",
    ),
    "a rule without a condition": (
        "verdicts: [{verdict: fail}]",
        "3:12",
        "rule 1 of 'verdicts' has no condition",
        (
            "add one of exit_code, signal, stderr, stdout, stdout_missing, timeout, silence, shorter_than, "
            "longer_than, leftovers"
        ),
    ),
    "an unknown condition": (
        "verdicts: [{exitcode: 1, verdict: fail}]",
        "3:13",
        "unknown key 'verdicts.exitcode'",
        (
            "did you mean 'verdicts.exit_code'? (a number such as 75, a range such as 64-78, or a list of them); "
            "see: process-control explain verdicts.exit_code"
        ),
    ),
    "an unknown verdict": (
        "verdicts: [{exit_code: 1, verdict: retyr}]",
        "3:36",
        "'verdicts.verdict' must be ignore, warn, retry, fail or hold, not 'retyr'",
        "did you mean 'retry'?",
    ),
    "an exit code in words": (
        "verdicts: [{exit_code: one, verdict: fail}]",
        "3:24",
        "'verdicts.exit_code' must be an exit code or a range of them, not 'one'",
        "write a number such as 75, a range such as 64-78, or a list of them",
    ),
    "an exit code that there is not": (
        "verdicts: [{exit_code: [1, 256], verdict: fail}]",
        "3:28",
        "'verdicts.exit_code' cannot be 256",
        "an exit code is 0 to 255; for a command that a signal ended use 'signal'",
    ),
    "a range from behind": (
        "verdicts: [{exit_code: 78-64, verdict: fail}]",
        "3:24",
        "'verdicts.exit_code' has a range that ends before it begins: '78-64'",
        "write 64-78",
    ),
    "no exit code": (
        "verdicts: [{exit_code: [], verdict: fail}]",
        "3:24",
        "'verdicts.exit_code' is an empty list",
        "write a number such as 75, a range such as 64-78, or a list of them, or remove the line",
    ),
    "an unknown signal": (
        "verdicts: [{signal: SIGKLIL, verdict: fail}]",
        "3:21",
        "'verdicts.signal' names no signal: 'SIGKLIL'",
        "did you mean 'KILL'?",
    ),
    "signal 0": (
        "verdicts: [{signal: 0, verdict: fail}]",
        "3:21",
        "'verdicts.signal' names no signal: '0'",
        "write a name such as KILL or SIGKILL, a number from 1 to 64, or a list of them",
    ),
    "a bad regex": (
        "verdicts: [{stderr: '^(NOTICE', verdict: ignore}]",
        "3:21",
        "'verdicts.stderr' is no regex: missing ), unterminated subpattern at position 1, in '^(NOTICE'",
        "see https://docs.python.org/3/library/re.html; quotes '…' keep a backslash as it is",
    ),
    "a regex that ignores the case of far too much": (
        r"verdicts: [{stderr: '(?i)(a|[\x00-\uffff])', verdict: ignore}]",
        "3:21",
        "'verdicts.stderr' ignores the case of 65,536 characters in ranges, and at most 2,000 may be",
        "write (?-i:[…]) around a range that has no case, or name the characters",
    ),
    "a regex of no length": (
        "verdicts: [{stdout: '', verdict: ignore}]",
        "3:21",
        "'verdicts.stdout' must be a regex, not ''",
        "write a regex in quotes such as '^ERROR'; it is tried on each line",
    ),
    "a regex of great length": (
        f"verdicts: [{{stdout: '{'x' * 501}', verdict: ignore}}]",
        "3:21",
        "'verdicts.stdout' is longer than 500 characters",
        "split it into several rules with shorter ones",
    ),
    "a condition that is not to hold": (
        "verdicts: [{timeout: false, verdict: fail}]",
        "3:22",
        "'verdicts.timeout' can only be true",
        "write true, or remove it",
    ),
    "two ends of one attempt": (
        "verdicts: [{exit_code: 1, signal: KILL, verdict: fail}]",
        "3:27",
        "rule 1 of 'verdicts' never holds: 'exit_code' and 'signal'",
        "an attempt ends in one way: write two rules",
    ),
    "a duration that there is not": (
        "verdicts: [{longer_than: 5m, shorter_than: 10s, verdict: fail}]",
        "3:30",
        "rule 1 of 'verdicts' never holds: 'longer_than' is not below 'shorter_than'",
        "exchange the two",
    ),
    "expecting nothing": (
        "expect: {verdict: fail}",
        "3:9",
        "'expect' expects nothing",
        "write what a good run looks like, such as longer_than: 5s, or remove it",
    ),
    "expecting what cannot be": (
        "expect: {longer_than: 5m, shorter_than: 5m}",
        "3:27",
        "'expect' can never be met: 'longer_than' is not below 'shorter_than'",
        "make 'shorter_than' larger",
    ),
    "a verdict that is none of a miss": (
        "expect: {longer_than: 5s, verdict: hold}",
        "3:36",
        "'expect.verdict' must be warn or fail, not 'hold'",
        "write warn or fail",
    ),
    "a size without a number": (
        "expect: {stdout_bytes: '>'}",
        "3:24",
        "'expect.stdout_bytes' must be a bound for a size, not '>'",
        (
            'write ">0", ">=", "<", "<=" or "=" and a size (bytes, or 100 kB, 100 MB, 1 GB, 1 GiB), '
            'or a range such as "1 kB-2 MB"'
        ),
    ),
    "a size below 0": (
        "expect: {stdout_bytes: '<0'}",
        "3:24",
        "'expect.stdout_bytes' can never be met: '<0'",
        (
            'write ">0", ">=", "<", "<=" or "=" and a size (bytes, or 100 kB, 100 MB, 1 GB, 1 GiB), '
            'or a range such as "1 kB-2 MB"'
        ),
    ),
    "a file without a path": (
        "expect: {file: {newer_than_start: true}}",
        "3:16",
        "'expect.file' needs 'path'",
        "add path",
    ),
    "a file that is no whole path": (
        "expect: {file: {path: db.dump}}",
        "3:23",
        "'expect.file.path' must be a whole path, not 'db.dump'",
        "write a path that begins with / (~ and variables are not expanded)",
    ),
    "a number without a bound": (
        "expect: {number: {stdout: '(x)'}}",
        "3:18",
        "'expect.number' needs 'at_least' or 'at_most'",
        "add at_least",
    ),
    "a number without a group": (
        r"expect: {number: {stdout: 'rows: \d+', at_least: 1}}",
        "3:27",
        "'expect.number.stdout' has no group for the number",
        r"put round brackets around the number: 'rows: (\d+)'",
    ),
    "a number between wrong bounds": (
        "expect: {number: {stdout: '(x)', at_least: 2, at_most: 1}}",
        "3:56",
        "'expect.number' can never be met: 'at_least' is above 'at_most'",
        "exchange the two",
    ),
    "no attempt": (
        "retry: 0",
        "3:8",
        "'retry' must be a number of attempts from 1 to 100, not '0'",
        "write a number of attempts from 1 to 100, including the first",
    ),
    "a retry that is a list": (
        "retry: [3]",
        "3:8",
        "'retry' must be a map, not a list",
        "write a number of attempts, or a map such as {attempts: 3, delay: 10s}",
    ),
    "a factor that shrinks": (
        "retry: {factor: 0.5}",
        "3:17",
        "'retry.factor' must be a number from 1 to 100, not '0.5'",
        "write a number from 1 to 100, such as 2 or 1.5",
    ),
    "a jitter without a unit": (
        "retry: {jitter: 10}",
        "3:17",
        "'retry.jitter' must be a percentage from 0% to 100%, not '10'",
        "write a percentage such as 10%",
    ),
    "a condition without a command": ("only_if: {timeout: 5s}", "3:10", "'only_if' needs 'command'", "add command"),
    "a condition that is a list": (
        "only_if: [a, b]",
        "3:10",
        "'only_if' must be a map, not a list",
        "write a command such as test -e /srv/ready, or a map",
    ),
    "a condition of several commands": (
        "only_if: {command: [a, b]}",
        "3:20",
        "'only_if.command' must be text, not a list",
        "write a command and its arguments",
    ),
    "a condition of two lines": (
        "only_if: |\n  test -e a\n  test -e b",
        "5:3",
        "'only_if' has a second line",
        "no shell runs: write sh -c '…'; or > in place of | if it is one command",
    ),
    "a condition with an open quote": (
        'only_if: test "x',
        "3:15",
        "'only_if' has a quote that is not closed: 'test \"x'",
        "close it, or put a backslash before it",
    ),
    "a condition that may take no time": (
        "only_if: {command: x, timeout: 0}",
        "3:32",
        "'only_if.timeout' must be a time above 0, not '0'",
        "write seconds, or 90s, 10m, 2h",
    ),
    "a delay of more than a day": (
        "jitter: 25h",
        "3:9",
        "'jitter' must be a time of at most 24h, not '25h'",
        "write seconds, or 90s, 10m, 2h",
    ),
    "a delay in percent": (
        "jitter: 5%",
        "3:9",
        "'jitter' must be a time of at most 24h, not '5%'",
        "write seconds, or 90s, 10m, 2h",
    ),
    "a success in no time": (
        "expect: {success_every: 0}",
        "3:25",
        "'expect.success_every' must be a time above 0, not '0'",
        "write seconds, or 90s, 10m, 2h",
    ),
}


@pytest.mark.parametrize(("text", "where", "what", "hint"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_place_and_its_mend(text: str, where: str, what: str, hint: str) -> None:
    assert faults_of(text) == [(where, what, hint)]


def test_all_faults_of_all_rules_are_told_at_once() -> None:
    told = faults_of("verdicts:\n- {exit_code: 300, verdict: retyr}\n- {stderr: '(', stdout: '['}\nretry: 0")

    assert [where for where, _, _ in told] == ["4:15", "4:29", "5:3", "5:12", "5:25", "6:8"]


def test_more_rules_than_a_hundred_are_refused() -> None:
    rules = "\n".join(["- {exit_code: 1, verdict: warn}"] * 101)

    assert faults_of(f"verdicts:\n{rules}") == [
        ("104:3", "more than 100 rules", "a regex may have alternatives: 'this|that'")
    ]


def test_a_rule_is_plain_values_and_its_own_text() -> None:
    job = read(
        "verdicts:\n"
        "  - {exit_code: [75, 64-78], verdict: retry}\n"
        "  - {signal: [SIGKILL, term, 9], stderr: 'it''s: (x|y)', x-note: why, verdict: hold}\n"
        "  - timeout: true\n"
        "    longer_than: 2m\n"
        "    verdict: fail\n"
    )

    assert job.verdicts == [
        {
            "exit_code": [[75, 75], [64, 78]],
            "verdict": "retry",
            "text": "{exit_code: [75, 64-78], verdict: retry}",
        },
        {
            "signal": [9, 15],
            "stderr": "it's: (x|y)",
            "verdict": "hold",
            "text": "{signal: [SIGKILL, term, 9], stderr: 'it''s: (x|y)', verdict: hold}",
        },
        {
            "timeout": True,
            "longer_than": 120.0,
            "verdict": "fail",
            "text": "{timeout: true, longer_than: 2m, verdict: fail}",
        },
    ]
    assert decode(encode(job.verdicts)) == job.verdicts


@pytest.mark.parametrize(
    ("text", "command", "seconds"),
    [
        ("only_if: 'test -e \"a b\"'", ["test", "-e", "a b"], 10.0),
        ("only_if: {command: test -e a, timeout: 1m}", ["test", "-e", "a"], 60.0),
        ("only_if: {command: test -e a}", ["test", "-e", "a"], 10.0),
        ("only_if: false", None, None),
        ("", None, None),
    ],
)
def test_a_condition_is_text_or_a_map(text: str, command: list[str] | None, seconds: float | None) -> None:
    job = read(text)

    assert (job.only_if_command, job.only_if_timeout_seconds) == (command, seconds)


def test_a_day_is_the_longest_delay() -> None:
    assert read("jitter: 24h").jitter_seconds == 86400.0


def test_one_rule_alone_needs_no_list() -> None:
    assert [rule["verdict"] for rule in read("verdicts: {exit_code: 3, verdict: warn}").verdicts] == ["warn"]


SIZES = {
    ">0": [1, None],
    ">= 1 kB": [1000, None],
    "<10": [0, 9],
    "<= 10": [0, 10],
    "=5": [5, 5],
    "5": [5, 5],
    "1 kB - 2 MB": [1000, 2_000_000],
}


@pytest.mark.parametrize("words", SIZES)
def test_a_bound_of_a_size_becomes_least_and_most(words: str) -> None:
    assert read(f"expect: {{stdout_bytes: '{words}'}}").expect == {"stdout_bytes": [*SIZES[words], words]}


def test_an_expectation_is_plain_values() -> None:
    job = read(
        "expect:\n"
        "  shorter_than: 10m\n"
        "  file: {path: /srv/db.dump, newer_than_start: no}\n"
        "  number: {stdout: 'rows: (\\d+)', at_least: 1.5, at_most: 1000}\n"
        "  verdict: fail\n"
    )

    assert job.expect == {
        "shorter_than": 600.0,
        "file": {"path": "/srv/db.dump", "newer_than_start": False},
        "number": {"stdout": r"rows: (\d+)", "at_least": 1.5, "at_most": 1000.0},
        "verdict": "fail",
    }


def retry_of(job: Job) -> tuple[object, ...]:
    names = ("attempts", "delay_seconds", "factor", "max_delay_seconds", "jitter")
    return tuple(getattr(job, f"retry_{name}") for name in names)


RETRIES = {
    "x-none: x": (1, 10.0, 2.0, 600.0, 0.1),
    "retry: 5": (5, 10.0, 2.0, 600.0, 0.1),
    "retry: {delay: 1s}": (3, 1.0, 2.0, 600.0, 0.1),
    "retry: {}": (3, 10.0, 2.0, 600.0, 0.1),
    "retry: {attempts: 7, delay: 0, factor: 1.5, max_delay: 1h, jitter: 0%}": (7, 0.0, 1.5, 3600.0, 0.0),
}


@pytest.mark.parametrize("text", RETRIES)
def test_a_retry_has_the_defaults_of_the_reference(text: str) -> None:
    assert retry_of(read(text)) == RETRIES[text]


def test_a_job_replaces_the_defaults_whole() -> None:
    defaults = {
        "retry_attempts": 9,
        "retry_delay_seconds": 99.0,
        "verdicts": [{"exit_code": [[1, 1]], "verdict": "warn", "text": ""}],
        "expect": {"longer_than": 5.0},
    }

    job = read("retry: 2\nverdicts: {exit_code: 2, verdict: hold}\nexpect: {shorter_than: 5}", defaults)
    silent = read("x-nothing: said", defaults)

    assert retry_of(job)[:2] == (2, 10.0)
    assert [rule["exit_code"] for rule in job.verdicts] == [[[2, 2]]]
    assert job.expect == {"shorter_than": 5.0}
    assert retry_of(silent)[:2] == (9, 99.0)
    assert silent.verdicts == defaults["verdicts"]
    assert silent.verdicts is not defaults["verdicts"]
