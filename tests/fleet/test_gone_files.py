"""`stop`, `hold` and `release` with --fleet of jobs that the fleet has, though no file here says so any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit import fleets
from kit.fleets import Fleet, result_of, state_of
from kit.harness import Box, lives

TEXT = "command: sh -c 'echo $$ > {begun}; exec sleep 1000'\nrun_on: {{host: {host}}}\n"


@contextmanager
def running(fleet: Fleet, box: Box, slug: str) -> Iterator[int]:
    """Have a job running on a host of the fleet; yield the pid of its command."""
    fleet.configure(box)
    begun = box.fifo("begun")
    box.job(slug, TEXT.format(begun=begun, host=slug))
    with fleets.worker(box, slug):
        assert box.process_control("fleet", "apply").exit_code == 0
        box.process_control("run", slug, "--fleet")
        yield int(begun.read_line())


def removed(box: Box, path: Path) -> None:
    path.unlink()


def pruned(box: Box, path: Path) -> None:
    path.unlink()
    assert box.process_control("fleet", "apply", "--prune").exit_code == 0


def invalid(box: Box, path: Path) -> None:
    path.write_text("comand: /bin/true\n")


def at_home(box: Box, path: Path) -> None:
    path.write_text(path.read_text().partition("run_on")[0] + "run_on: local\n")


def with_another_lock(box: Box, path: Path) -> None:
    path.write_text(path.read_text() + "lock: another\n")


@pytest.mark.parametrize("change", [removed, pruned, invalid, at_home, with_another_lock])
def test_a_run_in_progress_is_stopped_by_the_slug_of_its_job_whatever_became_of_the_file(
    fleet: Fleet, box: Box, change: Callable[[Box, Path], None]
) -> None:
    slug = f"gone-{change.__name__.replace('_', '-')}"

    with running(fleet, box, slug) as pid:
        change(box, box.job_directory / f"{slug}.yaml")
        stopped = box.process_control("stop", slug, "--fleet", "--json")
        is_alive = lives(pid)

    (answer,) = stopped.json()["jobs"]
    assert (stopped.exit_code, answer["job"], answer["stopped"], is_alive) == (0, slug, True, False), stopped
    assert answer["why"] == f"stopped run {answer['run_id']} on {slug}"


def test_a_job_without_a_file_is_held_and_released_by_slug_and_by_glob(fleet: Fleet, box: Box) -> None:
    fleet.configure(box)
    path = box.job("left-behind", "command: /bin/true")
    box.process_control("fleet", "apply")
    path.unlink()

    held = box.process_control("hold", "left-behi*", "--fleet")
    state = state_of(box, "left-behind")["state"]
    released = box.process_control("release", "left-behind", "--fleet")
    started = box.process_control("run", "left-behind", "--fleet")

    assert (held.exit_code, state, released.exit_code) == (0, "held", 0), (held, released)
    assert state_of(box, "left-behind")["state"] != "held"
    assert (started.exit_code, result_of(box, "left-behind")) == (66, None), started


def test_a_job_that_nobody_knows_is_an_error_that_names_a_similar_one(fleet: Fleet, box: Box) -> None:
    fleet.configure(box)
    path = box.job("left-alone", "command: /bin/true")
    box.process_control("fleet", "apply")
    path.unlink()

    stopped = box.process_control("stop", "left-alome", "--fleet")

    assert stopped.exit_code == 66
    assert stopped.stderr == f"no job 'left-alome' in {box.job_directory}\n  hint: did you mean 'left-alone'?\n"
