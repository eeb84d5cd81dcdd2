"""Ten thousand job files with any names and any schedules: what cron reads back is those jobs at those times, no more.

They go through the real command, from real files. What is written is read by a reader of the tests' own, by the
`crontab` command, and by cron itself (tests/cron). The same names and texts go through the text's maker alone too, as a
process of the service user could send them.
"""

import json
import os
import pwd
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.cron_reader import Line, read
from kit.harness import Product, storm_size
from kit.real_cron import RealCron
from process_control.crontab.text import InvalidFile, Manner, PlannedJob, write_crontab
from process_control.errors import Fault

JOBS = storm_size(2_500, 40_000)
A_CRONTAB = 5_000
"""As many as one crontab holds with one line a job; comments for what is bad are lines too."""
ME = pwd.getpwuid(os.geteuid()).pw_name
ONE_LINE = "{schedule} {user} {command}\n"

NAMES = ["Nightly", '100% "sure"', "it's", "* * * * * root id", "é ☕ \U0001f600", "#", "a\\%b", "MAILTO=root", "$(id)"]
BAD_NAMES = [
    "new\nline",
    "x\n* * * * * root id\n",
    "per%cent",
    "quo'te",
    'dou"ble',
    "bl ank",
    "-dash",
    "é",
    "a;id",
    "$(id)",
    "tab\tbed",
    "x" * 65,
    "\x1b[31m",
    "back\\slash",
    "\u2028",
]
BAD_SCHEDULES = [
    "60 * * * *",
    "* * * *",
    "* * * * * *",
    "@reboot",
    "@dayly",
    "A=1 * * * *",
    "* * * * *\n* * * * * root id",
    "22-4 * * * *",
    "5/15 * * * *",
    "0 0 31 2 *",
    "%",
    "",
]
RANGES = [("minute", 0, 59), ("hour", 0, 23), ("day", 1, 28), ("month", 1, 12), ("weekday", 0, 6)]
WORDS = {
    "month": ["jan", "FEB", "Mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "DEC"],
    "weekday": ["sun", "MON", "Tue", "wed", "thu", "fri", "sat"],
}
SHORTHANDS = {
    "@hourly": [{0}, set(range(24)), set(range(1, 32)), set(range(1, 13)), set(range(8))],
    "@daily": [{0}, {0}, set(range(1, 32)), set(range(1, 13)), set(range(8))],
    "@weekly": [{0}, {0}, set(range(1, 32)), set(range(1, 13)), {0, 7}],
    "@yearly": [{0}, {0}, {1}, {1}, set(range(8))],
}


@dataclass(slots=True)
class Plan:
    """What was asked for: each job's times, and how many files cannot become lines."""

    times: dict[str, list[list[set[int]]]] = field(default_factory=dict)
    bad: int = 0
    silent: int = 0


# --- schedules whose meaning the test knows by itself ---------------------------------------------------------------


def a_schedule(dice: random.Random) -> tuple[str, list[set[int]]]:
    """Return an expression and the numbers of each of its columns."""
    if dice.random() < 0.05:
        name = dice.choice(list(SHORTHANDS))
        return name, [set(numbers) for numbers in SHORTHANDS[name]]
    columns = [a_column(dice, *column) for column in RANGES]
    times = [numbers for _, numbers in columns]
    if {0, 7} & times[4]:
        times[4] |= {0, 7}
    blank = dice.choice([" ", "  ", "\t"])
    return blank.join(text for text, _ in columns), times


def a_column(dice: random.Random, name: str, low: int, high: int) -> tuple[str, set[int]]:
    last = {"day": 31, "weekday": 7}.get(name, high)
    form = dice.random()
    if form < 0.4:
        return "*", set(range(low, last + 1))
    if form < 0.55:
        step = dice.choice([1, 2, 3, 5, 7, 99, 4294967296])
        return f"*/{step}", set(range(low, last + 1, step))
    parts = [a_part(dice, name, low, high) for _ in range(dice.randint(1, 3))]
    return ",".join(text for text, _ in parts), set().union(*(numbers for _, numbers in parts))


def a_part(dice: random.Random, name: str, low: int, high: int) -> tuple[str, set[int]]:
    first = dice.randint(low, high)
    if dice.random() < 0.5:
        return in_words(dice, name, first, low), {first}
    last, step = dice.randint(first, high), dice.randint(1, 9)
    span = f"{in_words(dice, name, first, low)}-{in_words(dice, name, last, low)}"
    return f"{span}/{step}", set(range(first, last + 1, step))


def in_words(dice: random.Random, name: str, number: int, low: int) -> str:
    if name in WORDS and dice.random() < 0.3:
        return WORDS[name][number - low]
    return dice.choice([str(number), f"0{number}"])


# --- ten thousand files ----------------------------------------------------------------------------------------------


def write_jobs(directory: Path, first: int, count: int) -> Plan:
    """Write `count` job files: most are right, some have names or schedules that cannot be."""
    dice, plan = random.Random(first), Plan()
    for number in range(first, first + count):
        fate = dice.random()
        slug = f"{dice.choice(['j', 'J', '0'])}{dice.choice(['-', '_', ''])}{number}"
        expressions = [a_schedule(dice) for _ in range(1 if fate < 0.9 else 0)]
        written = [text for text, _ in expressions]
        name = slug
        if fate < 0.9:
            plan.times[slug] = [times for _, times in expressions]
        elif fate < 0.94:
            name = f"{dice.choice(BAD_NAMES)}{number}"
            written = ["* * * * *"]
            plan.bad += 1
        elif fate < 0.98:
            written = [dice.choice(BAD_SCHEDULES)]
            plan.bad += 1
        else:
            plan.silent += 1
        keys = {"name": dice.choice(NAMES), "command": "true", **({"schedule": written} if written else {})}
        path = directory / f"{name[:200]}.yaml"
        path.write_text("".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items()))
        path.chmod(0o644)
    return plan


@dataclass(slots=True)
class Written:
    """A crontab that the command wrote, what it was asked for, and what it said."""

    path: Path
    plan: Plan
    told: "subprocess.CompletedProcess[str]"
    configuration: Path

    def lines(self) -> list[Line]:
        return read(self.path.read_bytes(), has_users=True, accounts={ME})


@pytest.fixture(scope="module")
def crontabs(product: Product, tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    """All jobs, as many to a crontab as it holds."""
    return [write_crontab_of(product, tmp_path_factory.mktemp("host"), first) for first in range(0, JOBS, A_CRONTAB)]


def write_crontab_of(product: Product, root: Path, first: int) -> Written:
    root.chmod(0o755)
    for name in ("jobs", "cron.d"):
        (root / name).mkdir(mode=0o755)
    plan = write_jobs(root / "jobs", first, A_CRONTAB)
    configuration = root / "process-control.yaml"
    keys = {
        "job_directory": str(root / "jobs"),
        "state_directory": str(root / "state"),
        "output_directory": str(root / "log"),
        "output_crontab": str(root / "cron.d" / f"jobs-{first}"),
        "syslog": {"address": "/dev/nobody-listens"},  # of a syslog elsewhere each line is sent by a child
        "runner_path": "/bin/true",
        "cron_template": ONE_LINE,
    }
    configuration.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
    return Written(root / "cron.d" / f"jobs-{first}", plan, generate(product, configuration), configuration)


def generate(product: Product, configuration: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(product.cron_generate), "--config", str(configuration), *arguments],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_CACHE_HOME": str(configuration.parent / "cache")},
        check=False,
    )


# --- the promises ----------------------------------------------------------------------------------------------------


@pytest.mark.fault("10,000 job names and schedules", small=2_500, full=40_000, wanted="no injected line")
def test_each_job_comes_back_at_its_times_and_nothing_else_does(crontabs: list[Written]) -> None:
    for crontab in crontabs:
        came: dict[str, list[list[set[int]]]] = {}
        for line in crontab.lines():
            runner, flag, slug, option, path = line.words
            assert (runner, flag, option, path) == ("/bin/true", "--scheduled", "--config", str(crontab.configuration))
            assert (line.user, line.has_input, line.variables) == (ME, False, {})
            came.setdefault(slug, []).append(line.times)

        assert came.keys() == crontab.plan.times.keys()
        assert came == crontab.plan.times
    assert sum(len(crontab.plan.times) for crontab in crontabs) > JOBS * 0.85


@pytest.mark.fault("10,000 jobs, some of them bad", small=2_500, full=40_000, wanted="one bad job leaves the others")
def test_each_bad_file_is_told_and_is_one_comment(crontabs: list[Written]) -> None:
    for crontab in crontabs:
        comments = [line for line in crontab.path.read_text().split("\n") if line.startswith("# invalid: ")]

        assert len(comments) == crontab.plan.bad
        assert crontab.told.returncode == 1
        assert crontab.told.stderr.count("  hint: ") >= crontab.plan.bad
        assert all(line.isprintable() for line in comments)


def test_the_lines_are_sorted_and_a_second_time_nothing_changes(product: Product, crontabs: list[Written]) -> None:
    for crontab in crontabs:
        slugs = [line.words[2] for line in crontab.lines()]
        before = crontab.path.stat().st_mtime_ns

        again = generate(product, crontab.configuration)

        assert slugs == sorted(slugs)
        assert (again.returncode, crontab.path.stat().st_mtime_ns) == (1, before)


@pytest.mark.skipif(shutil.which("crontab") is None, reason="cron is not installed")
def test_the_command_crontab_takes_them(product: Product, crontabs: list[Written], tmp_path: Path) -> None:
    for number, crontab in enumerate(crontabs):
        (tmp_path / str(number)).write_text(generate(product, crontab.configuration, "--output", "console").stdout)

    done = [
        subprocess.run(["crontab", "-n", path], capture_output=True, text=True, check=False)
        for path in sorted(tmp_path.iterdir())
    ]

    assert [(result.returncode, result.stderr) for result in done if "successfully" not in result.stderr] == []


@pytest.mark.needs_root
def test_cron_itself_reads_them_and_would_have_told_a_fault(crontabs: list[Written]) -> None:
    with RealCron() as cron:
        for crontab in crontabs:
            shutil.copy(crontab.path, cron.cron_d)
        (cron.cron_d / "bad").write_text("* * * * * root true\n60 * * * * root true\n")
        cron.start()
        cron.stop()

        assert cron.faults() == [
            "Error: bad minute; while reading /etc/cron.d/bad",
            "(*system*bad) ERROR (Syntax error, this crontab file will be ignored)",
        ]


# --- the same, sent by a process that lies ---------------------------------------------------------------------------


def test_no_name_schedule_or_text_that_is_sent_makes_a_line_of_its_own() -> None:
    dice = random.Random(3)
    texts = [*NAMES, *BAD_NAMES, *BAD_SCHEDULES, "a", "* * * * *", "\0", "\udcff"]
    jobs = [sent_job(dice, texts) for _ in range(9000)]
    good = PlannedJob(slug="good", schedule=("* * * * *",))
    manner = Manner(
        target="/etc/cron.d/x",
        job_directory="/srv/jobs",
        user="games",
        run_job=("/bin/true",),
        configuration=None,
        template=ONE_LINE,
        host="db1",
    )

    made = write_crontab([*jobs, good], manner, is_account=bool, is_zone_of_host=lambda _: dice.random() < 0.5)

    for line in read(made.text.encode("utf-8", "surrogateescape"), has_users=True, accounts={"games"}):
        assert line.words[:2] == ["/bin/true", "--scheduled"]
        assert line.words[2:] in (["a"], ["good"])
    assert made.text.count("--scheduled good") == 1


def sent_job(dice: random.Random, texts: list[str]) -> PlannedJob | InvalidFile:
    if dice.random() < 0.2:
        return InvalidFile(slug=dice.choice(texts), faults=(Fault(dice.choice(texts), where=dice.choice(texts)),))
    return PlannedJob(
        slug=dice.choice(texts),
        schedule=tuple(dice.choice(texts) for _ in range(dice.randint(1, 2))),
        time_zone=dice.choice([None, *texts]),
    )
