"""What is written to a control group and read from it, on files that look like one; the kernel's part is not tried."""

from pathlib import Path

import pytest

from kit.events import PATIENCE_SECONDS, readable
from process_control.core.job import Job
from process_control.execution import cgroup
from process_control.execution.limits import Limits
from process_control.execution.not_executed import not_executed
from process_control.execution.process import Surroundings, start


@pytest.fixture
def group(tmp_path: Path) -> Path:
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"):
        (tmp_path / name).write_text("max\n")
    return tmp_path


def limits(**asked: int) -> Limits:
    return Limits(Job(slug="job", path="/jobs/job.yaml", name="job", command=[["true"]], **asked))  # type: ignore[arg-type]


def test_memory_and_processes_are_written_and_no_swap_helps_out(group: Path) -> None:
    missing = limits(memory_limit_bytes=1000, processes_limit=5).missing(str(group))

    assert missing == {}
    written = {path.name: path.read_text() for path in group.iterdir()}
    assert written["memory.max"].startswith("1000")
    assert written["memory.swap.max"].startswith("0")
    assert written["memory.oom.group"].startswith("1")
    assert written["pids.max"].startswith("5")


@pytest.mark.parametrize("gone", ["memory.max", "pids.max"])
def test_a_controller_that_is_not_there_is_told(group: Path, gone: str) -> None:
    (group / gone).unlink()

    missing = limits(memory_limit_bytes=1000, processes_limit=5).missing(str(group))

    assert list(missing) == [{"memory.max": "memory", "pids.max": "processes"}[gone]]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n", (4096, True)),
        ("low 0\noom_kill 0\n", (4096, False)),
        ("", (4096, False)),
    ],
)
def test_the_peak_of_the_tree_and_a_kill_for_want_of_memory_are_read(
    group: Path, events: str, expected: tuple[int, bool]
) -> None:
    (group / "memory.peak").write_text("4096\n")
    (group / "memory.events").write_text(events)

    assert cgroup.memory_of_tree(str(group)) == expected


def test_without_the_memory_controller_nothing_is_known_of_the_tree(group: Path) -> None:
    assert cgroup.memory_of_tree(str(group)) is None


def test_what_its_group_would_not_take_is_not_executed_without_its_limits(group: Path) -> None:
    """The group is none of the kernel's: nothing can be born in it, nor move into it."""
    held = limits(memory_limit_bytes=1000)
    held.missing(str(group))
    with (group / "output").open("wb") as output:
        surroundings = Surroundings(
            environment={},
            directory="/",
            umask=0o022,
            search_path=["/usr/bin", "/bin"],
            locks=[],
            no_new_privileges=False,
            cgroup=str(group),
            limits=held,
        )
        surroundings.stdout = surroundings.stderr = output.fileno()

        command = ["touch", str(group / "executed")]
        starting = start(command, surroundings)
        assert readable([starting.report], PATIENCE_SECONDS) == [starting.report]
        why = not_executed(command, surroundings, starting.finish())

    assert (why.code, why.why) == (126, "its limits: Operation not permitted")
    assert not (group / "executed").exists()
