"""What was imported does what Debian's cron does: at the same minutes, with the same words, input and environment."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kit.events import until
from kit.harness import PROJECT, Box, Product
from kit.moved_cron import MINUTE, MovedCron
from process_control.core.schedule.schedule import Schedule
from process_control.crontab.read import Kind, read_lines

pytestmark = pytest.mark.needs_root

START = datetime(2026, 1, 1, 12, 0, 20, tzinfo=UTC)
AWKWARD = (
    *("0 0 1 * mon", "0 0 */2 * mon", "0 0 1-31/2 * 1", "0 0 1,*/3 * 2", "0 0 *,1 * 2", "0 0 * * 7", "0 0 * * 0-6/2"),
    *("0 0 * * 5-7", "0 0 13 * fri", "0 0 29 feb *", "0 0 31 * *", "0 0 * jan-mar,DEC Sun", "59 23 31 12 *", "@weekly"),
    *("@monthly", "@yearly", "@annually", "@daily", "@midnight", "@hourly", "*/59 * * * *", "*/99999 0 * * *"),
    *(
        "0-59/7 */5 * * *",
        "1,2,3-5,*/30 12 * * *",
        "0 12-18/3 10-20 */4 *",
        "0 0 1 */5 3",
        "0 0 */31 * *",
        "5 4 * * */7",
    ),
    *(
        "0 0 1-7 * 1",
        "30 */23 * * mon-fri",
        "0 3 * 2,4,6 */2",
        "0 00 01 01 00",
        "000007 1 * * *",
        "0 1 1-7 6-9 sat,sun",
    ),
)


def fields_of_packages() -> list[str]:
    found = set()
    for path in (PROJECT / "tests" / "data" / "crontabs").glob("*@*"):
        lines = read_lines(path.read_text(), has_users=True)
        found |= {line.entry.schedule for line in lines if line.kind is Kind.ENTRY and line.entry}
    return sorted(found - {"@reboot"})


def moments(schedules: list[Schedule]) -> list[int]:
    """Return minutes of 400 days, more than three hours apart: at each of them something is due, or nothing."""
    chance, start = random.Random(1), int(START.timestamp()) // MINUTE * MINUTE
    due: list[int] = []
    for schedule in schedules:
        for _ in range(2):
            after = datetime.fromtimestamp(start + chance.randrange(390 * 86400), UTC)
            due.append(int(next(schedule.after(after)).timestamp()))
    due += [start + chance.randrange(400 * 1440) * MINUTE for _ in range(20)]
    found = [start]
    for moment in sorted(due):
        if found[-1] + 181 * MINUTE < moment < start + 400 * 86400:
            found.append(moment)
    return found[1:]


@pytest.mark.long
def test_the_imported_schedules_are_due_when_cron_starts_their_lines() -> None:
    written = [*AWKWARD, *fields_of_packages()]
    schedules = [Schedule.parse([each], time_zone=UTC, host="h", slug="s") for each in written]
    with MovedCron.at(START) as moved:
        crontab = moved.cron.cron_d / "all"
        crontab.write_text("".join(f"{each} root : line-{n:03}-\n" for n, each in enumerate(written)))
        crontab.chmod(0o644)
        moved.start()
        wrong, starts = [], 0
        for moment in moments(schedules):
            moved.now = float(moment - MINUTE)
            commands = " ".join(moved.next_minute())
            starts += commands.count(": line-")
            for n, schedule in enumerate(schedules):
                before = datetime.fromtimestamp(moment - 1, UTC)
                is_due = int(next(schedule.after(before)).timestamp()) == moment
                if is_due != (f": line-{n:03}-" in commands):
                    wrong.append(f"{written[n]} at {before}: due {is_due}")
        faults = moved.cron.faults()

    assert (wrong, faults) == ([], [])
    assert starts > 100


# --- the commands ----------------------------------------------------------------------------------------------------

RECORD = """#!/bin/sh
# Keeps what it was called with.
number=$1; shift
{{ for word in "$@"; do printf '<%s>' "$word"; done
  printf '\\nin:'; cat; printf '\\ndirectory:'; pwd
  env | LC_ALL=C sort | grep -E '^(PATH|HOME|SHELL|LOGNAME|MINE|TZ|MAILTO)='; }} > {root}/out/."$number" 2>&1
mv {root}/out/."$number" {root}/out/"$number"
"""
COMMANDS = (
    "a b  c", "'a  b' c", '"a  b" c', "a 'b'\"c\"", "a\\ b", "$MINE x", "'$MINE'", '"$MINE"', "$(echo sub shell)",
    "a%one%two", "a%", "a%%", "100\\%", "'50\\%' b", "a\\\\b", "'a\\\\b'", "a\\nb", "'a\\nb'", "a%in\\%put\\n%x\\\\y",
    "a | cat", "a; true", "a && true", "a > /dev/null", "x=1 y", "a #b", "#", "é ü€", "a &", "*.nothing",
    "/et[c]", "~", "a{b,c}",
    "''", '"it\'s" 1', "-n -e", "a: b", "a % b ", "a%  in  ", "a%last\\", "- x", "[a]", "{a: b}", "!x", "@x", "a\tb",
)  # fmt: skip


@pytest.fixture
def box(product: Product) -> Iterator[Box]:
    box = Box.configured(product)
    yield box
    assert box.close() == []


def test_an_imported_job_does_what_cron_did_with_the_line(box: Box) -> None:
    script, out = box.root / "record", box.root / "out"
    script.write_text(RECORD.format(root=box.root))
    script.chmod(0o755)
    head = f"SHELL=/bin/sh\nMINE=' my  own '\nTZ=Asia/Tokyo\nHOME={box.root}\n"
    lines = "".join(f"* * * * * root {script} {n:02} {words}\n" for n, words in enumerate(COMMANDS))
    out.mkdir()
    with MovedCron.at(START) as moved:
        crontab = moved.cron.cron_d / "commands"
        crontab.write_text(f"{head}{lines}")
        crontab.chmod(0o644)
        moved.start()
        moved.next_minute()
        assert moved.cron.faults() == []
        by_cron = until(lambda: len(found := recorded(out)) == len(COMMANDS) and found, "each line to be run")
        imported = box.process_control("import", "crontab", str(crontab), "--json").json()

    by_job = {}
    for entry in imported["crontabs"][0]["entries"]:
        for path in out.iterdir():
            path.unlink()
        result = box.run(entry["job"])
        assert result.exit_code in (0, 1), (entry, result)
        by_job |= until(lambda: recorded(out), f"{entry['job']} to have run")

    assert len(by_cron) == len(COMMANDS)
    different = [
        f"{COMMANDS[int(n)]}: cron {text.splitlines()}, job {by_job.get(n, '').splitlines()}"
        for n, text in sorted(by_cron.items())
        if by_job.get(n) != text
    ]
    assert different == [], "\n".join(different)


def recorded(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir() if not path.name.startswith(".")}
