"""Lines of a live crontab become jobs, and lines again, while Debian's cron runs: no minute missed, none doubled."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kit.harness import Storm
from kit.moved_cron import MovedCron
from process_control.actions.adopt import adopt
from process_control.actions.import_crontab import Importer
from process_control.actions.line_exchange import Clock, open_live
from process_control.actions.undo_adoption import undo
from process_control.config.settings import load_settings
from process_control.core.schedule.debian_cron import CronEntry
from process_control.crontab.adopted_line import adopted_lines
from process_control.system.account import account_of

pytestmark = pytest.mark.needs_root

SPRING = datetime(2026, 2, 27, 22, 0, 20, tzinfo=UTC)


@dataclass(slots=True)
class Host:
    """A host whose crontab of many lines is live."""

    moved: MovedCron
    crontab: Path
    #: the schedule of each entry, by its name
    schedules: dict[str, str]
    wrong: list[str] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)

    @property
    def generated(self) -> Path:
        return self.crontab.parent / "process-control"

    def importer(self) -> Importer:
        settings = load_settings(str(self.moved.cron.root / "process-control.yaml"), {})
        return Importer.into(None, settings, account_of(0))

    def exchange(self, number: int) -> None:
        """Adopt the line, or give it back when a job has it."""
        clock = Clock(now=lambda: self.moved.now, sleep=self.moved.sleep)
        crontab = open_live(str(self.crontab))
        is_adopted = any(each.number == number for each in adopted_lines(crontab.text))
        (undo if is_adopted else adopt)(self.importer(), crontab, number, dry_run=False, clock=clock)
        self.moved.changed(self.crontab, self.generated)

    def check_minute(self, minute: float, commands: list[str]) -> None:
        """Compare what cron has started with what was due."""
        started = Counter(re.findall(r"entry-\d+", " ".join(commands)))
        self.starts.update("job" if "--scheduled" in command else "line" for command in commands)
        for name, schedule in self.schedules.items():
            due = CronEntry.read(schedule).is_at(int(minute) // 60)
            if started[name] != due:
                at = datetime.fromtimestamp(minute, UTC)
                starts = [command for command in commands if name in command]
                self.wrong.append(f"{at:%a %H:%M} {name} ({schedule}): {int(due)} due, cron started {starts}")


def schedule_at_random(chance: random.Random) -> str:
    def column(low: int, high: int) -> str:
        first, last = sorted((chance.randint(low, high), chance.randint(low, high)))
        return chance.choice([str(first), f"{first}-{last}", f"{first},{last}", f"*/{chance.randint(2, 7)}", "*"])

    minute = chance.choice(["*", f"*/{chance.randint(2, 30)}", f"{chance.randint(0, 59)}", column(0, 59)])
    hour = chance.choice(["*", "*", "*", column(0, 23)])
    day, month, weekday = chance.choice(["*", "*", column(1, 28)]), "*", chance.choice(["*", "*", column(0, 7)])
    return f"{minute} {hour} {day} {month} {weekday}"


@pytest.fixture
def host(request: pytest.FixtureRequest, storm: Storm) -> Iterator[Host]:
    chance = random.Random(storm.size)
    with MovedCron.at(SPRING) as moved:
        root = moved.cron.root
        for name in ("jobs", "bin"):
            (root / name).mkdir()
            (root / name).chmod(0o755)
        keys = {
            "job_directory": str(root / "jobs"),
            "state_directory": str(root / "state"),
            "output_directory": str(root / "log"),
            "output_crontab": str(moved.cron.cron_d / "process-control"),
            "runner_path": str(root / "bin" / "run-job"),
            "syslog": {"address": "/dev/nobody-listens"},
        }
        (root / "process-control.yaml").write_text("".join(f"{key}: {json.dumps(keys[key])}\n" for key in keys))
        for name in ("run-job", "process-control"):
            (root / "bin" / name).symlink_to("/bin/true")
        schedules = {f"entry-{n:02}": schedule_at_random(chance) for n in range(min(60, max(10, storm.size // 30)))}
        lines = ["# The crontab of a test", "MAILTO=root", "", "# The first one"]
        for name, schedule in schedules.items():
            (root / "bin" / name).symlink_to("/bin/true")
            lines += [f"{schedule}  root\t{root}/bin/{name} --all", *chance.choice([[], [""], ["# Then"]])]
        crontab = moved.cron.cron_d / "live"
        crontab.write_text("\n".join(lines) + "\n")
        crontab.chmod(0o644)
        host = Host(moved, crontab, schedules)
        moved.on_minute = host.check_minute
        moved.start()
        yield host


@pytest.mark.fault(
    "Lines adopted and undone at random under cron, minutes", small=75, full=10_000, wanted="none missed, none doubled"
)
def test_no_minute_is_missed_or_doubled_while_lines_become_jobs_and_lines_again(host: Host, storm: Storm) -> None:
    before, chance, exchanges = host.crontab.read_bytes(), random.Random(7), 0
    numbers = [n for n, line in enumerate(before.decode().split("\n"), start=1) if "/bin/entry-" in line]
    for _ in storm.rounds():
        host.moved.next_minute()
        if chance.random() < 0.3:
            host.moved.sleep(chance.uniform(2, 55))
            host.exchange(chance.choice(numbers))
            exchanges += 1
    left = [each.number for each in adopted_lines(host.crontab.read_text())]
    for number in left:
        host.exchange(number)
    host.moved.next_minute()

    assert host.wrong == []
    assert host.moved.cron.faults() == []
    assert min(host.starts["line"], host.starts["job"]) > storm.size / 10
    assert host.crontab.read_bytes() == before
    assert list((host.moved.cron.root / "jobs").iterdir()) == []
    storm.found(f"none in {sum(host.starts.values()):,} starts, {exchanges:,} exchanges")
