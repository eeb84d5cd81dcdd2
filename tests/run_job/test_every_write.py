"""The N-th write fails, or the runner is killed at it, for every N: never a wrong success, never a false record."""

import signal
from collections.abc import Callable

import pytest

from kit.faulty_writes import faulty
from kit.harness import Box, Result
from kit.runs import ONE_SLOT, ends, script, starts

pytestmark = pytest.mark.fault(
    "the N-th write fails, or is the last before kill -9, for every N",
    small=1,
    full=1,
    wanted="0 wrong successes, 0 lost twice",
)


@pytest.fixture
def run_with_fault(box: Box) -> Callable[..., Result]:
    driver = faulty(box, "from process_control.cli.run_job.main import main")

    def run(fault: str, *arguments: str) -> Result:
        return box.drive(driver, *arguments, env={"FAULT": fault})

    return run


def prepare(box: Box, code: int) -> None:
    job = script(box, "job.sh", f"echo $PROCESS_CONTROL_RUN_ID >> {box.root}/ran; echo printed; exit {code}")
    (box.root / "ran").touch()
    box.job("job", f"command: {job}\n{ONE_SLOT}")


def ran(box: Box) -> list[str]:
    return (box.root / "ran").read_text().split()


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("flags", [[], ["--scheduled"]], ids=["by hand", "scheduled"])
def test_whichever_write_fails_the_verdict_is_the_jobs_or_nothing_ran(
    box: Box, run_with_fault: Callable[..., Result], code: int, flags: list[str]
) -> None:
    """`box` is new to the job at first: directories, block, journal and log are all made by it."""
    prepare(box, code)
    wanted: dict[str, str] = {}
    for number in range(1, 100):
        before = ran(box)
        result = run_with_fault(f"fail {number}", *flags, "job")
        new = [run_id for run_id in ran(box) if run_id not in before]
        assert "Traceback" not in result.stderr
        if new:
            assert result.exit_code == code, (number, result)
            wanted[new[0]] = "failed" if code else "succeeded"
        elif not (flags and result.exit_code == 0):  # 0: the slot had its run
            assert result.exit_code in (74, 77), (number, result)
        if new and number > 40:
            break

    assert box.run("job").exit_code == code  # there is space again
    told = {end["run_id"]: end["outcome"] for end in ends(box)}
    assert told == wanted | {ran(box)[-1]: "failed" if code else "succeeded"}
    assert len(ends(box)) == len(told)
    assert {start["run_id"] for start in starts(box)} >= set(ran(box))


@pytest.mark.parametrize("moment", ["kill-before", "kill-after"])
@pytest.mark.parametrize("code", [0, 3])
def test_killed_at_whichever_write_the_record_is_true_and_nobody_is_lost_twice(
    box: Box, run_with_fault: Callable[..., Result], moment: str, code: int
) -> None:
    prepare(box, code)
    for number in range(1, 100):
        before = ran(box)
        result = run_with_fault(f"{moment} {number}", "job")
        assert result.exit_code in (137, -signal.SIGKILL, code), (number, result)
        if result.exit_code == code and len(ran(box)) > len(before):
            break

    assert box.run("job").exit_code == code
    told = [end["run_id"] for end in ends(box)]
    assert len(told) == len(set(told))
    assert set(told) >= set(ran(box))
    assert set(ran(box)) <= {start["run_id"] for start in starts(box)}
    assert {end["outcome"] for end in ends(box)} == {"lost", "failed" if code else "succeeded"}
    for end in ends(box):
        assert end["outcome"] == "lost" or end["run_id"] in ran(box)
