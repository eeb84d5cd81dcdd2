"""Any words behind `run-job`, `process-control` and `cron-generate`: an exit code of the manual, never a traceback.

For real, on a host of its own: what the words ask for is done.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import Box
from kit.storms import Storm
from process_control.cli.main import VERBS, process_control
from process_control.cli.run_job.flags import FLAGS

DRIVER = Path(__file__).with_name("command_lines.py")
CODES = {
    "run-job": {0, 1, 2, 66, 74, 75, 77, 78},
    "process-control": {0, 1, 2, 3, 66, 74, 75, 77, 78},  # 3: check cannot say
    "cron-generate": {0, 1, 2, 74, 77, 78},
}
SLUGS = ["backup", "fails", "broken", "b*", "[", "tag:nightly", "tag:", "nosuch", "../backup", "-backup", "+", "."]
VALUES = [
    *("", " ", "0", "-1", "1", "3", "90s", "1e400", "9" * 30, "10m", "1d", "2026-03-10", "2026-99-99", "0001-01-01"),
    *("9999-12-31T23:59:59Z", "now", "é", "\udcff", "\x1b[2J", "\n", "'", '"', "--", "-", "=", "%", "{}", "x" * 5000),
    *("failed", "succeeded", "stdout", "stderr", "cron", "timer", "/nosuch", "/dev/null", "/", ".", "a,b", "*"),
]
FOLLOWS = ("-f", "--follow")
SHELLS = ["slugs", "tags", "runs", "jobs"]


def _flags_of_process_control() -> dict[str, list[str]]:
    context = process_control.make_context("process-control", ["--help"], resilient_parsing=True)
    found = {}
    for verb in VERBS:
        command = process_control.get_command(context, verb)
        assert command is not None
        found[verb] = [name for parameter in command.params for name in parameter.opts if name.startswith("-")]
    return found


def _words(dice: random.Random, flags: list[str], count: int) -> list[str]:
    words = []
    for _ in range(count):
        kind = dice.random()
        flag, value = dice.choice([*flags, "-h", "--config", "--debug", "--nosuch"]), dice.choice(VALUES)
        if kind < 0.35:
            words.append(dice.choice(SLUGS))
        elif kind < 0.6:
            words.append(flag)
        elif kind < 0.75:
            words += [flag, value]
        elif kind < 0.9:
            words.append(f"{flag}={value}" if flag.startswith("--") else flag + value)
        else:
            words.append(value)
    return words


def _command_lines(dice: random.Random, count: int) -> list[list[str]]:
    of_verbs, of_run_job = _flags_of_process_control(), [name for flag in FLAGS for name in flag.names] + ["--complete"]
    lines = []
    for _ in range(count):
        size = dice.randint(0, 5)
        verb = dice.choice(list(VERBS))
        lines.append(
            dice.choice(
                [
                    ["run-job", *_words(dice, of_run_job, size)],
                    ["run-job", "--complete", dice.choice(SHELLS), *_words(dice, of_run_job, 1)],
                    ["process-control", verb, *_words(dice, of_verbs[verb], size)],
                    ["process-control", *_words(dice, of_verbs[verb], 1), verb, *_words(dice, of_verbs[verb], size)],
                    ["cron-generate", *_words(dice, ["--check", "--dry-run", "--user", "--json", "-"], size)],
                ]
            )
        )
    return lines


@pytest.fixture
def host(make_box: Callable[..., Box]) -> Box:
    """A host where nothing is configured, with jobs that succeed, fail, and cannot be read."""
    box = make_box(configured=False)
    box.job(
        "backup", "command: /bin/echo done\nschedule: '*/5 * * * *'\ntags: [nightly]\nslow_start_command: /bin/true"
    )
    box.job("fails", "command: [/bin/true, ls /nosuch]\nhold: {after_failures: 2}\nbackoff: 5m")
    box.job("broken", "command: /bin/true\ntimout: 3")
    box.run("backup")
    box.run("fails")
    return box


@pytest.mark.fault("Any words on the command line", small=75, full=20_000, wanted="a code of the manual, no traceback")
def test_any_command_line_ends_with_a_code_of_the_manual(host: Box, storm: Storm) -> None:
    lines = _command_lines(random.Random(5), storm.size)
    file, driver = host.root / "lines.json", host.root / "driver.py"
    file.write_text(json.dumps(lines))
    driver.write_text(DRIVER.read_text())  # the clone may lie where only root may enter

    python = [str(host.product.prefix / "bin" / "python"), *host.product.python[1:], "-I"]
    done = host.command([*python, str(driver), str(file)], seconds=60 + storm.size)
    results = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(results) == len(lines), done
    for line, result in zip(lines, results, strict=True):
        shown = result["out"] + result["err"]
        codes = CODES[line[0]] | ({130} if "logs" in line and any(word.startswith(FOLLOWS) for word in line) else set())
        assert result["code"] in codes, (line, result)
        assert "Traceback" not in shown, (line, result)
        assert "fault in process-control" not in shown, (line, result)
        assert result["code"] != 2 or shown, (line, result)
    storm.found(f"{len({(line[0], result['code']) for line, result in zip(lines, results, strict=True)})} kinds of end")
