"""The bundle of lean rooms makes a cold run cheaper, and nothing depends on it: old, torn, foreign or not there."""

import os
import subprocess
from collections.abc import Callable

import pytest

from harness import STRANGER, Box, Storm, until
from process_control.entry.build_bundle import GUARD, RUNNER

SLOT = 'schedule: "* * * * *"\nstart_within: 1h\n'


@pytest.fixture
def own_box(make_box: Callable[..., Box]) -> Box:
    """A box with an installation of its own, and one job."""
    box = make_box()
    box.product = box.product.copy_to(box.root / "installation")
    box.job("plain", "command: /bin/true\n" + SLOT)
    return box


def write_bundle(box: Box) -> None:
    writer = box.product.package / "entry" / "build_bundle.py"
    subprocess.run([*box.product.python, "-I", "-S", str(writer)], check=True)


def imports(box: Box, *command: str) -> set[str]:
    """Return which lean rooms a run by `command` (cron's line) imports one by one: none is what a bundle is for."""
    result = box.command([*(command or (*box.product.python, "-v", "-I", "-S", str(box.product.stub))), "plain"])
    assert result.exit_code == 0, result
    lines = [line.split("'") for line in result.stderr.splitlines() if line.startswith("import 'process_control")]
    names = ("execution.cgroup", "execution.guard_channel", "system.clock", "system.proc")
    of_the_guard_after_a_moment = {f"process_control.{name}" for name in names}
    return {words[1] for words in lines} & {*GUARD, *RUNNER} - of_the_guard_after_a_moment


def test_a_current_bundle_is_used(own_box: Box) -> None:
    write_bundle(own_box)

    assert imports(own_box) == set()
    assert [run["outcome"] for run in own_box.history("plain")] == ["succeeded"]


def test_the_first_run_has_it_written_and_the_next_uses_it(own_box: Box) -> None:
    bundle = own_box.product.bundle
    bundle.unlink()

    assert own_box.run("plain", via="stub").exit_code == 0
    until(bundle.exists, "the bundle to be written")

    assert bundle.stat().st_mode & 0o777 == 0o644
    assert imports(own_box) == set()


def test_a_source_that_was_changed_counts_at_once_and_the_bundle_follows(own_box: Box) -> None:
    write_bundle(own_box)
    bundle = own_box.product.bundle
    before = bundle.stat().st_ino
    source = own_box.product.package / "run" / "run_job.py"
    text = source.read_text()
    source.unlink()  # the copy shares nothing, but a package manager replaces too
    source.write_text(text.replace("def run_job(", "print('changed')\n\n\ndef run_job(", 1))

    result = own_box.run("plain", via="stub")

    assert (result.exit_code, result.stdout) == (0, "changed\n")
    until(lambda: bundle.stat().st_ino != before, "the bundle to be written again")
    assert own_box.run("plain", via="stub").stdout == "changed\n"
    assert imports(own_box) == set()


def test_a_source_changed_within_the_same_size_counts_too(own_box: Box) -> None:
    write_bundle(own_box)
    source = own_box.product.package / "core" / "facts.py"
    source.write_bytes(source.read_bytes().replace(b'"succeeded"', b'"succeedec"'))

    own_box.run("plain", via="stub")

    assert own_box.block("plain")["end"]["outcome"] == "succeedec"


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"\0" * 8, b"     100" + b"\xff" * 100, b"99999999" + b"i" * 1000, b"       5i\0\0\0\0", "torn"],
    ids=["empty", "garbage", "zeros", "bad marshal", "claims more", "a number", "torn"],
)
def test_whatever_lies_there_the_job_runs(own_box: Box, content: bytes | str) -> None:
    write_bundle(own_box)
    whole = own_box.product.bundle.read_bytes()
    own_box.product.bundle.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])

    result = own_box.run("plain", via="stub")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert [run["outcome"] for run in own_box.history("plain")] == ["succeeded"]


@pytest.mark.fault("A page of the bundle is zeros", small=6, full=60, wanted="each run 0, each bundle written anew")
def test_with_any_page_damaged_the_job_runs_and_the_bundle_is_written_anew(own_box: Box, storm: Storm) -> None:
    write_bundle(own_box)
    bundle = own_box.product.bundle  # its path; it goes and comes
    whole = bundle.read_bytes()
    pages = range(0, len(whole), 4096)
    for number in storm.rounds():
        place = pages[number * len(pages) // storm.size]
        damaged = whole[:place] + bytes(min(4096, len(whole) - place)) + whole[place + 4096 :]
        bundle.write_bytes(damaged)

        results = [own_box.run("plain", via="stub") for _ in range(2)]

        assert [(result.exit_code, result.stderr) for result in results] == [(0, "")] * 2
        until(
            lambda damaged=damaged: bundle.exists() and bundle.read_bytes() != damaged,
            f"the bundle to be written again after a damage at {place}",
        )
        assert imports(own_box) == set()
    storm.found(f"{storm.size} of {len(pages)} pages: each run 0, written anew")


@pytest.mark.parametrize("how", ["moved", "through a link"])
def test_by_another_path_the_same_bundle_is_used_and_none_is_written(own_box: Box, how: str) -> None:
    write_bundle(own_box)
    before, other = own_box.product.bundle.stat().st_mtime_ns, own_box.root / "other"
    if how == "moved":
        own_box.product.prefix.rename(other)
    else:
        other.symlink_to(own_box.product.prefix)
    own_box.product = type(own_box.product)(prefix=other, interpreter=own_box.product.interpreter)

    assert imports(own_box) == set()
    assert own_box.run("plain", via="stub").exit_code == 0
    assert own_box.product.bundle.stat().st_mtime_ns == before


@pytest.mark.needs_root
def test_an_account_that_may_not_write_there_runs_without_it_and_leaves_nothing(own_box: Box) -> None:
    own_box.product.bundle.unlink()
    home = own_box.root / "home"
    home.mkdir()
    own_box.give(home, STRANGER)
    own_box.configure(state_directory=str(home / "state"), output_directory=str(home / "log"))

    result = own_box.run("plain", via="stub", user=STRANGER)

    assert (result.exit_code, result.stderr) == (0, "")
    assert list((own_box.product.package / "__pycache__").glob("lean.*")) == []


def test_one_that_could_not_be_finished_is_not_tried_at_each_run_but_again_a_day_later(own_box: Box) -> None:
    bundle = own_box.product.bundle
    bundle.unlink()
    unfinished = bundle.with_suffix(".new")
    unfinished.touch()

    own_box.run("plain", via="stub")
    write_bundle(own_box)  # what the run would have started
    assert not bundle.exists()

    os.utime(unfinished, (0, 0))
    own_box.run("plain", via="stub")
    until(bundle.exists, "the bundle to be written")
    until(lambda: not unfinished.exists(), "the unfinished one to go")


def test_many_first_runs_at_once_write_one(own_box: Box) -> None:
    bundle = own_box.product.bundle
    bundle.unlink()
    for number in range(12):
        own_box.job(f"job-{number}", "command: /bin/true\n")

    lives = [own_box.start(f"job-{number}", via="stub") for number in range(12)]

    assert [live.wait().exit_code for live in lives] == [0] * 12
    until(bundle.exists, "the bundle to be written")
    until(lambda: not bundle.with_suffix(".new").exists(), "its unfinished form to go")
    assert imports(own_box) == set()


def test_a_fault_of_ours_is_still_told_with_its_place(own_box: Box) -> None:
    source = own_box.product.package / "run" / "run_job.py"
    source.write_text(source.read_text().replace("    stopped = take_the_steps(", "    stopped = 1 / 0  # (", 1))
    write_bundle(own_box)

    result = own_box.run("plain", "--debug", via="stub")

    assert result.exit_code == 70
    assert 'File "process_control/run/run_job.py", line ' in result.stderr
    assert "stopped = 1 / 0" in result.stderr
    assert "Traceback" not in own_box.run("plain", via="stub").stderr


def test_whoever_writes_it_by_hand_is_told_where_it_is_or_what_is_in_the_way(own_box: Box) -> None:
    command = [str(own_box.product.prefix / "bin/python"), "-m", "process_control.entry.build_bundle"]

    written = own_box.command(command)
    bundle = own_box.product.bundle
    own_box.product.bundle.rename(bundle.with_suffix(".new"))
    begun = own_box.command(command)

    assert (written.exit_code, written.stdout) == (0, f"{bundle}\n")
    assert (begun.exit_code, begun.stdout.split(": ")[0]) == (0, str(bundle))


@pytest.mark.needs_root
def test_whoever_may_not_write_it_is_told_so(own_box: Box) -> None:
    command = [str(own_box.product.prefix / "bin/python"), "-m", "process_control.entry.build_bundle"]

    result = own_box.command(command, user=STRANGER)

    assert (result.exit_code, result.stdout) == (74, "")
    assert result.stderr.endswith(".new: the bundle cannot be written: Permission denied\n")


def test_the_command_that_people_call_uses_it_too(own_box: Box) -> None:
    write_bundle(own_box)
    script = own_box.product.run_job
    script.write_text(script.read_text().replace(" -I -S ", " -v -I -S "))

    assert imports(own_box, str(script)) == set()
