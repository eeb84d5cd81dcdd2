"""A cold run imports next to nothing: what it loads, watched in the real processes of a real run.

Each of these costs between a tenth and several times of the interpreter's own start (docs/architecture.md).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import PROJECT, SERVICE_USER, Box
from tools.bundle import GUARD_ROOTS, RUNNER_ROOTS, SOURCE, modules_behind

FORBIDDEN = {
    "__future__",
    "_pydatetime",
    "argparse",
    "asyncio",
    "click",
    "cronsim",
    "ctypes",
    "dataclasses",
    "datetime",
    "enum",
    "importlib",
    "json",
    "logging",
    "msgspec",
    "os",
    "pathlib",
    "re",
    "rich",
    "shlex",
    "signal",
    "site",
    "smtplib",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "yaml",
    "zoneinfo",
}

# Runs the stub as the interpreter would, and notes each import and each exec in the order in which they happen, in
# whichever process. Opened anew each time: the job's process has closed every descriptor when it executes.
WITNESS = """
import posix, sys

def note(event, arguments):
    if event == "import":
        line = "import " + arguments[0]
    elif event == "os.exec":
        line = "exec " + str(arguments[0])
    else:
        return
    notes = posix.open(NOTES, posix.O_WRONLY | posix.O_APPEND)
    posix.write(notes, b"%d %s\\n" % (posix.getpid(), line.encode()))
    posix.close(notes)

NOTES, stub = sys.argv[1:3]
sys.argv = sys.argv[2:]
sys.addaudithook(note)
with open(stub, "rb") as file:
    code = compile(file.read(), stub, "exec")
exec(code, {"__name__": "__main__", "__file__": stub})
"""

JOB = """
command: /bin/true
schedule: "* * * * *"
start_within: 1h
"""


@pytest.fixture
def notes(box: Box) -> Iterator[Path]:
    path = box.root / "notes"
    path.touch()
    path.chmod(0o666)
    return path


def witnessed_run(box: Box, notes: Path, slug: str) -> list[str]:
    """Run the job's slot through the stub; return its imports and execs, in order."""
    command = [*box.product.python, "-I", "-S", "-c", WITNESS, str(notes), str(box.product.stub)]
    result = box.command([*command, "--scheduled", slug])
    assert result.exit_code == 0, result
    return noted(notes)


AFTER_A_MOMENT = ("import process_control.execution.guard_watch", "import weakref")
"""What guard and runner import first after 100 ms of the job: on a slow host before that."""


def noted(notes: Path) -> list[str]:
    """Return imports and execs in order, without those of a process that had time for what the end may need."""
    lines, had_time = [], set()
    for pid, _, line in (noted.partition(" ") for noted in notes.read_text().splitlines()):
        if line in AFTER_A_MOMENT:
            had_time.add(pid)
        if pid not in had_time or line.startswith("exec"):
            lines.append(line)
    return lines


def ours_before_the_command(lines: list[str]) -> set[str]:
    before = lines[: lines.index("exec /bin/true")]
    return {line.removeprefix("import ") for line in before if line.startswith("import process_control")}


def forbidden_in(lines: list[str]) -> list[str]:
    modules = [line.removeprefix("import ") for line in lines if line.startswith("import ")]
    return [module for module in modules if module.split(".")[0] in FORBIDDEN]


def test_a_plain_scheduled_success_imports_nothing_heavy_from_its_start_to_its_end(box: Box, notes: Path) -> None:
    box.job("plain", JOB)
    box.run("plain")  # fills the cache: parsing takes yaml, and is done once

    lines = witnessed_run(box, notes, "plain")

    assert "exec /bin/true" in lines
    assert forbidden_in(lines) == []
    ends = [record["outcome"] for record in box.journal() if record["event"] == "end"]
    assert ends == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    "keys",
    ["backoff: 5m\nhold: {}", "backoff: 5m\nhold: {}\nslow_start: {after: [hold, change]}"],
    ids=["backoff and hold", "slow_start too"],
)
def test_a_healthy_job_with_rules_about_failures_imports_nothing_heavy_either(box: Box, notes: Path, keys: str) -> None:
    box.job("careful", f"{JOB}{keys}\n")
    box.run("careful")  # notes the version that runs, once

    lines = witnessed_run(box, notes, "careful")

    assert "exec /bin/true" in lines
    assert forbidden_in(lines) == []
    assert [line for line in lines if line.endswith(("core.health", "health_changes", "history.rebuild"))] == []


@pytest.mark.parametrize("exclude", ["[2020-12-24]", "[2020-12-24, ops, de]"], ids=["days", "calendars"])
def test_a_job_with_excluded_days_asks_no_library_while_its_plan_is_kept(make_box, exclude: str) -> None:
    box = make_box(calendars={"ops": "ops.ics", "de": "holidays:DE"})
    box.product = box.product.copy_to(box.root / "installation")
    box.product.add_extra("calendars")  # a link that another test makes would change its stamp
    event = "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20200101\nEND:VEVENT\n"
    (box.root / "ops.ics").write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\n{event}END:VCALENDAR\n")
    notes = box.root / "notes"
    notes.touch()
    notes.chmod(0o666)
    box.job("careful", f"{JOB}exclude: {exclude}\n")
    box.run("careful")

    lines = witnessed_run(box, notes, "careful")

    assert "exec /bin/true" in lines
    assert forbidden_in(lines) == []
    assert ours_before_the_command(lines) == set()


def test_a_job_without_a_pool_knows_nothing_of_places_although_the_host_has_pools(make_box, notes: Path) -> None:
    box = make_box(pools={"db": {"at_once": 2}})
    box.job("plain", JOB)
    box.run("plain")

    lines = witnessed_run(box, notes, "plain")

    assert ours_before_the_command(lines) == set()


@pytest.mark.parametrize("limits", [{"pools": {"db": {"at_once": 2}}}, {"max_concurrent": 20}], ids=["pool", "host"])
def test_a_place_that_is_free_is_taken_without_anything_heavy(make_box, notes: Path, limits: dict[str, object]) -> None:
    box = make_box(**limits)
    box.job("plain", f"{JOB}pool: db\n" if "pools" in limits else JOB)
    box.run("plain")

    lines = witnessed_run(box, notes, "plain")

    assert forbidden_in(lines) == []
    names = ("core.places", "run.place_locks", "run.places", "state.places")
    assert ours_before_the_command(lines) == {f"process_control.{name}" for name in names}


@pytest.mark.needs_root
def test_root_that_drops_to_the_service_user_imports_nothing_heavy_either(make_box, notes: Path) -> None:
    box = make_box(service_user=SERVICE_USER)
    box.job("plain", JOB)
    box.run("plain")

    lines = witnessed_run(box, notes, "plain")

    assert "exec /bin/true" in lines
    assert forbidden_in(lines) == []


def test_a_job_that_fails_starts_without_anything_heavy(box: Box, notes: Path) -> None:
    box.job("broken", JOB.replace("/bin/true", "/bin/false"))
    box.run("broken")

    command = [*box.product.python, "-I", "-S", "-c", WITNESS, str(notes), str(box.product.stub)]
    result = box.command([*command, "--scheduled", "broken"])
    lines = noted(notes)

    assert result.exit_code == 1, result
    assert forbidden_in(lines[: lines.index("exec /bin/false")]) == []


def test_with_the_bundle_a_plain_run_imports_nothing_of_ours_at_all(box: Box, notes: Path) -> None:
    box.job("plain", JOB)
    box.run("plain")

    lines = witnessed_run(box, notes, "plain")

    assert ours_before_the_command(lines) == set()


def is_package(name: str) -> bool:
    return PROJECT.joinpath("src", *name.split(".")).is_dir()


def test_without_the_bundle_a_plain_run_loads_few_modules_and_each_of_them_is_in_it(box: Box, notes: Path) -> None:
    box.product = box.product.copy_to(box.root / "installation")
    box.product.bundle.unlink()
    box.job("plain", JOB)
    box.run("plain")

    lines = witnessed_run(box, notes, "plain")
    ours = ours_before_the_command(lines)

    # More modules than this ask for a thought, not for a higher number.
    assert len([name for name in ours if not is_package(name)]) <= 54, sorted(ours)
    assert ours <= {*modules_behind(SOURCE, GUARD_ROOTS), *modules_behind(SOURCE, RUNNER_ROOTS)}
    assert "process_control.run.run_job" in ours


RULES = """
retry: 3
expect: {longer_than: 1h}
verdicts:
  - {stderr: '^NOTICE', verdict: ignore}
  - {exit_code: 75, verdict: retry}
"""


def test_a_job_with_rules_expectations_and_attempts_starts_without_anything_heavy(box: Box, notes: Path) -> None:
    box.job("judged", JOB + RULES)
    box.run("judged")

    lines = witnessed_run(box, notes, "judged")

    before = lines[: lines.index("exec /bin/true")]
    assert forbidden_in(before) == []
    assert not [line for line in before if "watch" in line or "rules" in line or "retry" in line]


def test_a_plain_success_that_no_rule_looks_at_imports_nothing_heavy_at_all(box: Box, notes: Path) -> None:
    box.job("judged", JOB + "retry: 3\nverdicts: [{exit_code: 78, verdict: hold}, {signal: KILL, verdict: hold}]\n")
    box.run("judged")

    assert forbidden_in(witnessed_run(box, notes, "judged")) == []
