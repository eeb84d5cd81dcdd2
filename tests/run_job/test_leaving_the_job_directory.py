"""Sixty ways to have something run that is not a job of the job directory: by its name, by a link, by a detour."""

import os
import shutil
from collections.abc import Callable

import pytest

from kit.harness import Box, Storm

OUTSIDE = "outside"


def _link(to: str) -> Callable[[Box], str]:
    """Put a symbolic link into the job directory, to what `to` names below the box."""

    def make(box: Box) -> str:
        (box.job_directory / "way.yaml").symlink_to(to.replace("BOX", str(box.root)))
        return "way"

    return make


def _linked_directory(box: Box) -> str:
    (box.job_directory / "way").symlink_to(box.root / OUTSIDE)
    return "way/job"


def _chain(box: Box) -> str:
    (box.job_directory / "way.yaml").symlink_to("second.yaml")
    (box.job_directory / "second.yaml").symlink_to(box.root / OUTSIDE / "job.yaml")
    return "way"


def _link_to_a_job(box: Box) -> str:
    box.job("inside", f"command: touch {box.root}/ran")
    (box.job_directory / "way.yaml").symlink_to("inside.yaml")
    return "way"


def _hard_link(box: Box) -> str:
    os.link(box.root / OUTSIDE / "job.yaml", box.job_directory / "way.yaml")
    return "way"


def _fifo(box: Box) -> str:
    os.mkfifo(box.job_directory / "way.yaml")
    return "way"


def _directory(box: Box) -> str:
    shutil.copytree(box.root / OUTSIDE, box.job_directory / "way.yaml")
    return "way"


def _below(box: Box) -> str:
    shutil.copytree(box.root / OUTSIDE, box.job_directory / "below")
    return "below/job"


def _an_open_descriptor(box: Box) -> str:
    return "/proc/self/fd/0"


def _writable_by_all(box: Box) -> str:
    shutil.copy(box.root / OUTSIDE / "job.yaml", box.job_directory / "way.yaml")
    (box.job_directory / "way.yaml").chmod(0o666)
    return "way"


def _directory_of_all(box: Box) -> str:
    shutil.copy(box.root / OUTSIDE / "job.yaml", box.job_directory / "way.yaml")
    box.job_directory.chmod(0o777)
    return "way"


def _directory_behind_a_link_of_all(box: Box) -> str:
    (box.root / "open").mkdir()
    (box.root / "open").chmod(0o777)
    (box.root / "open/jobs").symlink_to(box.root / OUTSIDE)
    box.configure(job_directory=str(box.root / "open/jobs"))
    return "job"


def _another_suffix(suffix: str) -> Callable[[Box], str]:
    def make(box: Box) -> str:
        shutil.copy(box.root / OUTSIDE / "job.yaml", box.job_directory / f"way{suffix}")
        return "way"

    return make


FILES: dict[str, Callable[[Box], str]] = {
    "a link to a file outside": _link("BOX/outside/job.yaml"),
    "a relative link outside": _link("../outside/job.yaml"),
    "a link through the root of a process": _link("/proc/self/rootBOX/outside/job.yaml"),
    "a link through the directory of a process": _link("/proc/self/cwd/outside/job.yaml"),
    "a link to a descriptor": _link("/proc/self/fd/0"),
    "a link to a device": _link("/dev/stdin"),
    "a link to nothing": _link("/nowhere.yaml"),
    "a link to itself": _link("way.yaml"),
    "a link with a slash at its end": _link("BOX/outside/job.yaml/"),
    "a link to a link": _chain,
    "a link to a job beside it": _link_to_a_job,
    "a directory behind a link": _linked_directory,
    "a directory below": _below,
    "a directory named as a job": _directory,
    "a second name of a file outside": _hard_link,
    "a FIFO": _fifo,
    "a descriptor": _an_open_descriptor,
    "a file that everybody may write": _writable_by_all,
    "a directory that everybody may write": _directory_of_all,
    "a link in a directory that everybody may write": _directory_behind_a_link_of_all,
    "the suffix .yml": _another_suffix(".yml"),
    "the suffix .YAML": _another_suffix(".YAML"),
    "a copy for backup": _another_suffix(".yaml~"),
    "a blank before the suffix": _another_suffix(" .yaml"),
    "no suffix": _another_suffix(""),
    "a hidden suffix": _another_suffix(".yaml.swp"),
}

NAMES = [
    *("../outside/job", "../outside/job.yaml", "./job", "./../outside/job", "x/../../outside/job", "..", ".", "/"),
    *("//outside/job", "BOX/outside/job", "BOX/outside/job.yaml", "file://BOX/outside/job.yaml", "~root/job", "~"),
    *("..\\outside\\job", "%2e%2e/outside/job", "..%2foutside%2fjob", "%2e%2e%2foutside%2fjob", "....//outside/job"),
    *("\u2024\u2024/outside/job", "\uff0e\uff0e/outside/job", "..\u2215outside\u2215job", "\u202ebaboj", "j\u00f6b"),
    *("../outside/job\n", "job\n", " job", "job ", "j*b", "j?b", "[j]ob", "{job,x}", "$(job)", "`job`", "job;x"),
    *("job|x", "job#", "job:x", "job@x", "@job", "=job", "a" * 65, "../" * 40 + "outside/job", "\x1b[2J"),
    "\udcff\udcfe",
]  # fmt: skip


def an_outside_job(box: Box) -> None:
    """Write a job outside that says that it ran, and a harmless one inside."""
    outside = box.root / OUTSIDE
    outside.mkdir()
    (outside / "job.yaml").write_text(f"name: outside\ncommand: touch {box.root}/ran\n")
    (outside / "job.yaml").chmod(0o644)
    box.job("job-inside", "command: 'true'")


@pytest.mark.fault("60 ways to leave the job directory", small=16, full=len(NAMES), wanted="all refused")
def test_no_name_leads_out_of_the_job_directory(box: Box, storm: Storm) -> None:
    an_outside_job(box)
    let_in = []
    for number in storm.rounds():
        name = NAMES[number].replace("BOX", str(box.root))
        for words in ([name], ["--scheduled", name], ["--dry-run", name]):
            result = box.run(*words, via="stub")
            if result.exit_code != 66 or "is not a job's name" not in result.stderr:
                let_in.append((words, result))

    assert let_in == []
    assert not (box.root / "ran").exists()
    assert not (box.state_directory / "jobs").exists()
    storm.found(f"{storm.size} names, 0 led out")


@pytest.mark.fault("60 ways to leave the job directory", wanted="all refused")
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_no_file_leads_out_of_the_job_directory(box: Box, make: Callable[[Box], str]) -> None:
    an_outside_job(box)
    name = make(box)

    results = [box.run(*flags, name, via="stub") for flags in ([], ["--scheduled"])]

    for result in results:
        assert result.exit_code in (66, 77), result
        assert "hint: " in result.stderr, result
        assert "Traceback" not in result.stderr
    assert not (box.root / "ran").exists()
    for line in box.run_job("--list-jobs").stdout.splitlines():
        assert "outside" not in line or "invalid: " in line


def test_there_are_sixty_of_them() -> None:
    assert len({*NAMES}) + len(FILES) >= 60
