"""The jobs of a shop, with names and troubles as hosts have them: 30 on a small host, 2,000 on a large one.

`open_shop` writes job files and what their runs would have left, so that screens can be looked at without waiting for a
week of runs. By hand: `PYTHONPATH=tests python tests/kit/shop.py DIRECTORY --jobs 2000`, then
`process-control --config DIRECTORY/process-control.yaml status`.
"""

import argparse
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kit.builders import State, iso
from kit.old_versions import seen_days_ago
from process_control.core.schedule.schedule import Schedule

MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MARKS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A job of the shop: `trouble` names what is wrong with it, see `TROUBLES`."""

    slug: str
    name: str
    schedule: str | None
    trouble: str = "fine"
    seconds: float = 12.0
    tags: str = "shop"
    more: str = ""


SHOP = (
    Entry("backup-database-orders", "Back up the database of the orders", "30 2 * * *", "failing", 412, "backup"),
    Entry("certificates", "Renew the certificates", "17 4 * * *", "stderr", 3.4, "web"),
    Entry("partner-import-north", "Import the partner's prices (north)", "*/20 * * * *", "timeout", 95, "import"),
    Entry("rebuild-search-index", "Rebuild the search index", "0 1 * * *", "lost", 1320, "search"),
    Entry("export-tax-report", "Export the tax report", "0 5 1 * *", "invalid", 8, "billing"),
    Entry("migrate-customers-to-the-new-database", "Move customers to the new database", "*/10 * * * *", "held", 44),
    Entry("newsletter", "Send the newsletter", "0 7 * * 1-5", "paused", 730, "mail"),
    Entry("queue-worker-restart", "Restart the workers of the queue", "0 * * * *", "late", 2.2),
    Entry("thumbnails", "Make thumbnails of new pictures", "*/15 * * * *", "leftovers", 38, "media"),
    Entry("sync-warehouse", "Fetch stock levels from the warehouse", "*/5 * * * *", "warned", 6.1, "import"),
    Entry("reindex-by-hand", "Index one category again", None, "stopped", 260, "search"),
    Entry("billing-run", "Bill the orders of the day", "0 22 * * *", "slow start", 88, "billing"),
    Entry("long-export", "Export all orders for the accountant", "0 2 * * *", "running", 2800, "billing"),
    Entry("mirror-pictures", "Mirror pictures to the second site", "0 3 * * *", "running", 900, "media backup"),
    Entry("archive-2025", "Archive the orders of 2025", "0 4 1 1 *", "never ran", 1, "archive"),
    Entry("old-import", "Import from the system that is switched off", "0 6 * * *", "disabled", 20, "import"),
    Entry("clean-sessions", "Remove old sessions", "15 4 * * *", seconds=1.2),
    Entry("clean-carts", "Remove carts that nobody bought", "45 3 * * *", seconds=5.8),
    Entry("rates", "Fetch exchange rates", "5 8,12,16 * * 1-5", seconds=0.8, tags="billing"),
    Entry("health-of-the-shop", "Buy something in the shop, and give it back", "*/2 * * * *", seconds=3.1, tags="web"),
    Entry("backup-files", "Back up the files of the shop", "0 2 * * *", seconds=640, tags="backup"),
    Entry("backup-mail", "Back up the mailboxes", "20 2 * * 0", seconds=2100, tags="backup mail"),
    Entry("stock-report", "Mail the stock report to the buyers", "30 6 * * 1-5", seconds=4.4, tags="mail"),
    Entry("sitemap", "Write the sitemap", "0 */6 * * *", seconds=17, tags="web search"),
    Entry("log-statistics", "Count visits by the logs of the web servers", "10 0 * * *", seconds=310, tags="web"),
    Entry("vacuum", "Vacuum the database", "0 3 * * 0", seconds=1500),
    Entry("dns-check", "Compare the zones of both name servers", "*/30 * * * *", seconds=0.4, tags="network"),
    Entry("tls-check", "Look when certificates of partners end", "0 9 * * *", seconds=7.7, tags="network"),
    Entry("refunds", "Pay refunds", "0 10-16 * * 1-5", seconds=9.9, tags="billing"),
    Entry("price-alerts", "Tell customers whose price was reached", "*/10 * * * *", seconds=2.7, tags="mail"),
)
WHAT = ("import", "export", "backup", "sync", "report", "clean", "check", "mirror", "rebuild", "send")
OF_WHAT = (
    "orders",
    "customers",
    "invoices",
    "pictures",
    "prices",
    "stock",
    "logs",
    "search-index",
    "mailboxes",
    "carts",
)
WHERE = (
    "berlin",
    "lyon",
    "porto",
    "gdansk",
    "the-warehouse-in-the-north",
    "db1",
    "db2",
    "web",
    "partner-a",
    "partner-b",
)
SCHEDULES = ("*/5 * * * *", "*/30 * * * *", "0 * * * *", "30 2 * * *", "0 6 * * 1-5", "20 2 * * 0", "0 5 1 * *")
SHARES = {"failing": 2, "stderr": 1, "timeout": 1, "invalid": 1, "held": 1, "paused": 1, "late": 1, "warned": 3,
          "leftovers": 1, "stopped": 1, "never ran": 4, "disabled": 4, "fine": 79}  # fmt: skip


def entries(count: int) -> list[Entry]:
    """Return the jobs of the shop, and for more than those made-up ones, always the same."""
    dice = random.Random(1)
    found = list(SHOP[:count])
    for number in range(count - len(found)):
        what, of_what, where = WHAT[number % 10], OF_WHAT[number // 10 % 10], WHERE[number // 100 % 10]
        slug = f"{what}-{of_what}-{where}" + (f"-{number // 1000 + 1}" if number >= 1000 else "")
        trouble = dice.choices(list(SHARES), list(SHARES.values()))[0]
        name = f"{what.capitalize()} {of_what.replace('-', ' ')} ({where.replace('-', ' ')})"
        found.append(Entry(slug, name, dice.choice(SCHEDULES), trouble, round(dice.uniform(0.2, 900), 1), where))
    return found


def open_shop(directory: Path, now: datetime, count: int) -> Path:
    """Write `count` jobs and what their runs until `now` left into an empty directory; return the configuration."""
    jobs, state = directory / "jobs", State(directory / "state", logs=directory / "log")
    jobs.mkdir(mode=0o755)
    for entry in entries(count):
        path = jobs / f"{entry.slug}.yaml"
        path.write_text(_job_file(entry))
        path.chmod(0o644)
        os.utime(path, ((now - 90 * DAY).timestamp(),) * 2)
        _History(entry, state, now).write()
    keys = {"job_directory": jobs, "state_directory": state, "output_directory": state.logs}
    configuration = directory / "process-control.yaml"
    configuration.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()) + "output_crontab: console\n")
    configuration.chmod(0o644)
    late = [entry.slug for entry in entries(count) if entry.trouble == "late"]
    if late:  # its file has long been as it is, so that the missing run says something
        seen_days_ago(configuration, *late, days=(datetime.now(UTC) - now).days + 90)
    return configuration


def _job_file(entry: Entry) -> str:
    schedule = f'schedule: "{entry.schedule}"\n' if entry.schedule else ""
    tags = f"tags: [{', '.join(entry.tags.split())}]\n"
    more = {
        "invalid": "timeout: ten minutes\nretries: 3\n",
        "disabled": "disabled: true\n",
        "slow start": "slow_start_command: /bin/true\nslow_start: {runs: 3, after: [hold]}\n",
        "leftovers": "leftovers: kill\n",
        "held": "verdicts:\n  - {exit_code: 78, verdict: hold}\n",
    }
    return f"name: {entry.name}\ncommand: /bin/true\n{schedule}{tags}{more.get(entry.trouble, '')}"


class _History:
    """The last runs of a job, the newest as its trouble says."""

    def __init__(self, entry: Entry, state: State, now: datetime) -> None:
        self._entry, self._state, self._now = entry, state, now
        self._dice = random.Random(entry.slug)

    def write(self) -> None:
        if self._entry.trouble == "never ran":
            return
        *earlier, last = self._slots(MARKS_SHOWN if self._entry in SHOP and self._entry.schedule else 3)
        for slot in earlier:
            self._state.run(self._entry.slug, slot + timedelta(seconds=1), **self._how(slot))
        TROUBLES.get(self._entry.trouble, _History._fine)(self, last)
        if self._entry.trouble not in ("running", "late"):
            self._settle(last)

    def _slots(self, count: int) -> list[datetime]:
        """Return the last planned times, oldest first; of a job without schedule some moments of the last days."""
        if self._entry.schedule is None:
            return [self._now - (count - number) * 5 * HOUR for number in range(count)]
        schedule = Schedule.parse([self._entry.schedule], time_zone=UTC, host="db1", slug=self._entry.slug)
        moment, found = self._now - MINUTE, []
        if self._entry.trouble == "late":
            moment -= 2 * DAY
        for _ in range(count):
            slot = schedule.last_at_or_before(moment)
            if slot is None or slot < self._now - 80 * DAY:
                break
            found.insert(0, slot.astimezone(UTC))
            moment = slot - MINUTE
        return found or [self._now - 70 * DAY]

    def _how(self, slot: datetime) -> dict[str, object]:
        trigger = "cron" if self._entry.schedule else "manual"
        seconds = round(self._entry.seconds * self._dice.uniform(0.8, 1.25), 3)
        return {"seconds": seconds, "trigger": trigger, "scheduled_at": iso(slot), "by": "svc"}

    def _end(self, slot: datetime, outcome: str, reason: str, detail: str | None, **other: object) -> str:
        said = other.pop("said", "cannot reach db2.example.org:5432")
        how = self._how(slot) | {"detail": detail, **other}
        chunks = (0.2, "o", b"begin\n"), (0.9, "e", f"{said}\n".encode())
        log = self._state.log(self._entry.slug, *chunks, at=slot + timedelta(seconds=1))
        return self._state.run(
            self._entry.slug, slot + timedelta(seconds=1), outcome=outcome, reason=reason, log=log, **how
        )

    def _settle(self, slot: datetime) -> None:
        start = dict.fromkeys(("run_id", "pid", "pid_start", "boot_id", "pid_ns", "trigger", "log"))
        start |= {"job": self._entry.slug, "lock": self._entry.slug, "scheduled_at": iso(slot), "at": iso(slot)}
        self._state.block(start, slot=int(slot.timestamp()), end={}, journaled=True)

    # -- what the newest run came to --

    def _fine(self, slot: datetime) -> None:
        self._state.run(self._entry.slug, slot + timedelta(seconds=1), **self._how(slot))

    def _failing(self, slot: datetime) -> None:
        self._end(slot, "failed", "exit_code", "exited with 3", exit_code=3)
        self._state.health(self._entry.slug, "failing", failures_in_row=4, since=iso(slot - 3 * DAY))

    def _stderr(self, slot: datetime) -> None:
        line = "Error: rateLimited: too many certificates already issued for example.org, retry after 04:17"
        decided_by = {"rule": None, "condition": "stderr: fail", "stream": "stderr", "line_number": 2, "line": line}
        self._end(slot, "failed", "stderr", "91 bytes on stderr", exit_code=0, decided_by=decided_by, said=line)

    def _timeout(self, slot: datetime) -> None:
        how = {"exit_code": None, "signal": "TERM", "seconds": 600.4}
        self._end(slot, "failed", "timeout", "still ran after 600 s and was ended with its whole tree", **how)

    def _lost(self, slot: datetime) -> None:
        self._state.start(self._entry.slug, slot + timedelta(seconds=1), boot_id="another")

    def _held(self, slot: datetime) -> None:
        said = "the archive is half written: disk 2 does not answer"
        run = self._end(slot, "failed", "exit_code", "exited with 78", exit_code=78, said=said)
        evidence = "rule 1 ({exit_code: 78, verdict: hold})"
        hold = {"since": iso(slot), "why": "exited with 78", "run_id": run, "evidence": evidence}
        self._state.health(self._entry.slug, "held", failures_in_row=1, hold_kind="unrecoverable", **hold)

    def _paused(self, slot: datetime) -> None:
        self._fine(slot)
        hold = {
            "since": iso(self._now - 5 * HOUR),
            "by": "ann@db1",
            "why": "the mail server moves this weekend",
            "hold_kind": "by_hand",
        }
        self._state.health(self._entry.slug, "held", release_at=iso(self._now + 55 * HOUR), **hold)

    def _leftovers(self, slot: datetime) -> None:
        self._end(slot, "warned", "leftovers", "2 processes were left behind and ended: convert (4711), convert (4712)")

    def _warned(self, slot: datetime) -> None:
        self._end(slot, "warned", "expectation", "took 6.3 s, expected shorter than 5 s")

    def _stopped(self, slot: datetime) -> None:
        self._end(slot, "failed", "stopped", "stopped on request by ann@db1", exit_code=None, signal="TERM")

    def _slow_start(self, slot: datetime) -> None:
        self._fine(slot)
        self._state.health(self._entry.slug, "slow_start", slow_successes=1, since=iso(slot - DAY))

    def _running(self, slot: datetime) -> None:
        start = self._state.start(self._entry.slug, slot + timedelta(seconds=1), alive=True)
        self._state.block(start, slot=int(slot.timestamp()))


TROUBLES: dict[str, Callable[[_History, datetime], None]] = {
    "failing": _History._failing,
    "stderr": _History._stderr,
    "timeout": _History._timeout,
    "lost": _History._lost,
    "held": _History._held,
    "paused": _History._paused,
    "leftovers": _History._leftovers,
    "warned": _History._warned,
    "stopped": _History._stopped,
    "slow start": _History._slow_start,
    "running": _History._running,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a shop of jobs and their history below a new directory.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--jobs", type=int, default=30)
    chosen = parser.parse_args()
    chosen.directory.mkdir(parents=True)
    open_shop(chosen.directory, datetime.now(UTC), chosen.jobs)


if __name__ == "__main__":
    main()
