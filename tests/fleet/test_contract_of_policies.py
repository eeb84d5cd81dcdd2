"""The one contract, over several planned times: slow start and pools mean the same under cron, scheduler and fleet.

Each test is one body for all three entries, see `kit.entries`. The examples of a single run are in test_contract.py and
run_job/test_both_entries.py; what needs planned times that really come is in test_policies.py.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from kit import fleets
from kit.entries import CRON, FLEET, SCHEDULER, Entry, OfCron, OfFleet, OfLauncher
from kit.fleets import Fleet
from kit.harness import Box, Fifo, Product, until
from kit.runs import ends, records, script, skips, starts
from kit.schedulers import launcher

#: `one` has one place, and the host has two.
LIMITS = {"pools": {"one": {"at_once": 1}}, "max_concurrent": 2}
RAN, SKIPPED = "ran", "skipped"
SUCCEEDED = (RAN, "succeeded", None)


@pytest.fixture(scope="module")
def host(fleet: Fleet, with_fleet: Product) -> Iterator[Box]:
    """The one host of the fleet for all tests here."""
    box = Box.configured(with_fleet, **LIMITS)
    fleet.configure(box, lease="10m")
    try:
        with fleets.worker(box, "policies1"):
            yield box
    finally:
        box.close()


@pytest.fixture(params=[CRON, SCHEDULER, FLEET])
def entry(request: pytest.FixtureRequest, host: Box, fleet: Fleet, make_box: Callable[..., Box]) -> Iterator[Entry]:
    if request.param == FLEET:
        yield OfFleet(host, fleet, "policies1")
        return
    box = make_box(**LIMITS)
    with ExitStack() as stack:
        if request.param == CRON:
            yield OfCron(box, stack)
        else:
            yield OfLauncher(box, stack.enter_context(launcher(box)))


# --- slow start -------------------------------------------------------------------------------------------------------


class Story:
    """A job whose exit codes are written into a file beforehand, one line a run; it prints which command it is."""

    def __init__(self, entry: Entry, slug: str, keys: str, *, dose: bool = True) -> None:
        self._entry = entry
        self._slug = slug
        self._keys = keys
        self._codes = entry.box.root / f"{slug}.codes"
        self._codes.touch()
        self._script = script(
            entry.box,
            f"{slug}.sh",
            f"""
            echo "$1 ${{PROCESS_CONTROL_SLOW_START:-0}}"
            code=$(head -n 1 {self._codes}); sed -i 1d {self._codes}
            exit ${{code:-0}}
            """,
        )
        self._dose = f"slow_start_command: {self._script} dose\n" if dose else ""
        self.write()

    def write(self, more: str = "") -> None:
        """Write the file of the job, another version when `more` is another text."""
        self._entry.write(self._slug, f"command: {self._script} full\n{self._dose}{self._keys}\n{more}")

    def run(self, code: int = 0) -> str:
        """Let a planned time come; return what was printed and recorded, in a line."""
        self._codes.write_text(f"{code}\n" if code else "")
        fate, outcome, reason = self._entry.run(self._slug)
        if fate != RAN:
            return f"{fate}: {reason}"
        end = ends(self._entry.box, self._slug)[-1]
        start = starts(self._entry.box, self._slug)[-1]
        assert (end["slow_start"], end.get("slow_start_step")) == (start["slow_start"], start.get("slow_start_step"))
        printed = self._entry.box.log_bytes(self._slug).decode().split()
        assert (printed[1] == "1") == end["slow_start"], printed
        step = f" ({end['slow_start_step']})" if end.get("slow_start_step") else ""
        return f"{printed[0]}{step}: {outcome}"

    def replace_the_program(self) -> None:
        """Put another program at the path of the command, as an upgrade does."""
        beside = self._script.with_suffix(".new")
        beside.write_text(self._script.read_text())
        beside.chmod(0o755)
        beside.rename(self._script)

    def release(self) -> None:
        self._entry.release(self._slug)


def test_a_new_and_a_changed_job_start_slowly_and_one_failure_holds_them(entry: Entry) -> None:
    keys = "slow_start: {runs: 2}\nverdicts: [{exit_code: 78, verdict: hold}]"
    story = Story(entry, "slowly", keys)
    new = [story.run() for _ in range(3)]
    story.write("description: another version")
    changed = [story.run(), story.run(code=78), story.run()]
    story.release()
    released = [story.run(), story.run(code=1), story.run()]

    assert new == ["dose (1 of 2): succeeded", "dose (2 of 2): succeeded", "full: succeeded"]
    assert changed == ["dose (1 of 2): succeeded", "dose (2 of 2): failed", "skipped: held"]
    assert released == ["dose (1 of 2): succeeded", "dose (2 of 2): failed", "skipped: held"]


def test_a_slow_start_begins_as_the_new_version_says_and_waits_for_the_release_of_a_hold(entry: Entry) -> None:
    keys = "verdicts: [{exit_code: 78, verdict: hold}]"
    story = Story(entry, "by-version", keys)
    without = story.run()
    story.write("slow_start: {runs: 1, after: [change]}")
    with_it = [story.run(), story.run(code=78)]
    story.write("slow_start: {runs: 1, after: change}")  # while it is held
    story.release()
    after_the_hold = [story.run(), story.run()]
    story.write("slow_start: {runs: 9, after: [change]}")
    begun = story.run()
    story.write()
    without_it = story.run()

    assert without == "full: succeeded"
    assert with_it == ["dose (1 of 1): succeeded", "full: failed"]
    assert after_the_hold == ["dose (1 of 1): succeeded", "full: succeeded"]
    assert begun == "dose (1 of 9): succeeded"
    assert without_it == "full: succeeded"


def test_another_program_at_the_path_of_a_command_begins_a_slow_start(entry: Entry) -> None:
    story = Story(entry, "programs", "slow_start: {runs: 2, after: [change]}")
    before = [story.run(), story.run()]
    story.replace_the_program()
    after = [story.run() for _ in range(3)]

    assert before == ["full: succeeded", "full: succeeded"]
    assert after == ["dose (1 of 2): succeeded", "dose (2 of 2): succeeded", "full: succeeded"]


def test_without_a_small_command_a_slow_start_and_a_probe_use_the_full_one(entry: Entry) -> None:
    keys = "slow_start: {runs: 1, after: [new]}\nhold: {after_failures: 1, release_after: 0.5s}"
    story = Story(entry, "no-dose", keys, dose=False)
    before = [story.run(), story.run(code=1)]
    probe = until(lambda: (found := story.run()) != "skipped: held" and found, "the time of the probe")
    after = story.run()

    assert before == ["full (1 of 1): succeeded", "full: failed"]
    assert (probe, after) == ("full (probe): succeeded", "full: succeeded")


# --- pools ------------------------------------------------------------------------------------------------------------


@contextmanager
def held_by(box: Box, slug: str, keys: str) -> Iterator[Callable[[], None]]:
    """Run a job by hand, which keeps its places until what this gives is called."""
    with ExitStack() as stack:
        started, done = (
            stack.enter_context(closing(Fifo(box.root / f"{slug}.{what}"))) for what in ("started", "done")
        )
        box.job(slug, f"command: sh -c 'echo up > {started}; read line < {done}'\nrun_on: local\n{keys}")
        live = stack.enter_context(box.start(slug))
        started.read_line()

        def end() -> None:
            done.write_line()
            live.wait()

        yield end


def wait_for_its_note(box: Box, slug: str, count: int = 1) -> str:
    """Wait until so many starts of a job are recorded as waiting on the host; return what the last one waits for."""
    until(lambda: len(records(box, "waiting", slug)) == count, f"{count} starts of {slug} to wait")
    return str(records(box, "waiting", slug)[-1]["detail"])


def test_a_start_waits_for_a_place_in_its_pool_and_runs_when_one_is_free(entry: Entry) -> None:
    box = entry.box
    entry.write("in-pool", "command: 'true'\npool: one")
    with held_by(box, "before-in-pool", "pool: one") as end_the_holder:
        wait = entry.plan("in-pool")
        waits_for = wait_for_its_note(box, "in-pool")
        end_the_holder()
        fate = wait()

    (start,) = starts(box, "in-pool")
    assert waits_for == "a place in pool one: 1 of 1 taken by before-in-pool"
    assert fate == SUCCEEDED
    assert start["late_parts"]["queue"] > 0


def test_a_start_waits_for_a_place_on_its_host(entry: Entry) -> None:
    box = entry.box
    entry.write("on-host", "command: 'true'")
    with held_by(box, "first", "lock: first") as end_the_first, held_by(box, "second", "lock: second") as end_the_other:
        wait = entry.plan("on-host")
        waits_for = wait_for_its_note(box, "on-host")
        end_the_first()
        fate = wait()
        end_the_other()

    assert waits_for == "a place on this host (max_concurrent): 2 of 2 taken by first, second"
    assert fate == SUCCEEDED


def test_a_start_that_has_waited_too_long_for_its_pool_is_skipped_and_says_who_had_it(entry: Entry) -> None:
    box = entry.box
    entry.write("in-vain", "command: 'true'\npool: one\nqueue_timeout: 0.3s")
    with held_by(box, "before-in-vain", "pool: one") as end_the_holder:
        fate = entry.run("in-vain")
        end_the_holder()

    (skip,) = skips(box, "in-vain")
    assert len(records(box, "waiting", "in-vain")) == 1
    assert fate == (SKIPPED, None, "overlap")
    assert skip["detail"] == "waited 0.3 s for a place in pool one: 1 of 1 taken by before-in-vain"


def test_with_queue_two_starts_wait_for_the_pool_and_run_in_their_order(entry: Entry) -> None:
    box = entry.box
    entry.write("in-line", "command: 'true'\npool: one\non_overlap: queue")
    with held_by(box, "before-in-line", "pool: one") as end_the_holder:
        first = entry.plan("in-line")
        wait_for_its_note(box, "in-line")
        second = entry.plan("in-line")
        if not isinstance(entry, OfFleet):  # there it waits in the lock, as it has said
            wait_for_its_note(box, "in-line", count=2)
        end_the_holder()
        fates = [first(), second()]

    planned = [start["scheduled_at"] for start in starts(box, "in-line")]
    assert fates == [SUCCEEDED, SUCCEEDED]
    assert planned == sorted(planned)


def test_after_its_wait_for_the_pool_the_gate_is_asked_again(entry: Entry) -> None:
    box = entry.box
    entry.write("asked-again", "command: 'true'\npool: one")
    with held_by(box, "before-asked-again", "pool: one") as end_the_holder:
        wait = entry.plan("asked-again")
        wait_for_its_note(box, "asked-again")
        path = box.job_directory / "asked-again.yaml"
        path.write_text(f"{path.read_text()}disabled: true\n")
        end_the_holder()
        fate = wait()

    assert fate == (SKIPPED, None, "disabled")


# --- stop -------------------------------------------------------------------------------------------------------------


def test_a_stop_ends_the_run_and_the_start_that_waits_for_its_lock_begins(entry: Entry) -> None:
    box = entry.box
    flag = box.root / "has-begun"
    job = script(box, "stopped.sh", f"[ -e {flag} ] && exit 0; touch {flag}; exec sleep 1000")
    entry.write("stopped", f"command: {job}\non_overlap: queue")
    first = entry.plan("stopped")
    until(flag.exists, "the run")
    second = entry.plan("stopped")
    if not isinstance(entry, OfFleet):
        wait_for_its_note(box, "stopped")
    stopped = box.process_control("stop", "stopped", *entry.words)

    assert stopped.exit_code == 0, stopped
    assert [first(), second()] == [(RAN, "failed", "stopped"), SUCCEEDED]


# --- planned times ----------------------------------------------------------------------------------------------------

#: What `schedule` and `time_zone` say, with changes of the clock in the one or the other half of the year.
WHEN = {
    "late-at-night": "schedule: '30 2 * * *'\ntime_zone: America/New_York",
    "half-an-hour": "schedule: '15 1 * * 0'\ntime_zone: Australia/Lord_Howe",
    "two-lines": "schedule: ['0 5 * * 1-5', '30 22 1,15 * *']\ntime_zone: Europe/Berlin",
    "either-day": "schedule: '0 0 13 * 5'\ntime_zone: Asia/Kolkata",
    "yearly": "schedule: '@yearly'\ntime_zone: UTC",
    "of-the-host": "schedule: '45 23 29 2 *'",
}


def test_planned_times_are_those_of_one_host(fleet: Fleet, host: Box, box: Box) -> None:
    for slug, text in WHEN.items():
        for each, where in ((box, "local"), (host, "{host: policies1}")):
            each.job(slug, f"command: 'true'\n{text}\nrun_on: {where}")
    host.process_control("fleet", "apply")

    def next_of_one_host() -> dict[str, str]:
        timers = box.process_control("timers", "--json").json()["timers"]
        return {each["job"]: each["next"] for each in timers}

    def next_of_the_fleet() -> dict[str, str]:
        jobs = host.process_control("fleet", "status", "--json").json()["jobs"]
        return {each["job"]: each["next"] for each in jobs if each["job"] in WHEN}

    until(
        lambda: next_of_the_fleet() == next_of_one_host(),
        f"{next_of_the_fleet()} to be {next_of_one_host()}",
        seconds=20,
    )
