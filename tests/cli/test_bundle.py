"""The bundle of lean modules makes a cold run cheaper, and nothing depends on it: old, torn, foreign or not there."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.harness import PROJECT, Box, Storm
from kit.installation import PYTHON_FLAGS
from tools.bundle import GUARD_ROOTS, RUNNER_ROOTS, SOURCE, modules_behind

SLOT = 'schedule: "* * * * *"\nstart_within: 1h\n'


@pytest.fixture
def own_box(make_box: Callable[..., Box]) -> Box:
    """A box with an installation of its own, and one job."""
    box = make_box()
    box.product = box.product.copy_to(box.root / "installation")
    box.job("plain", "command: /bin/true\n" + SLOT)
    return box


def edit(source: Path, text: bytes, *, hours: int = 1) -> None:
    """Write a module anew, as somebody does who mends it hours after it was installed."""
    source.write_bytes(text)
    later = time.time() + hours * 3600
    os.utime(source, (later, later))


def imports(box: Box, *command: str) -> set[str]:
    """Return which lean modules a run by `command` (cron's line) imports one by one: none is what a bundle is for."""
    result = box.command([*(command or (*box.product.python, "-v", "-I", "-S", str(box.product.stub))), "plain"])
    assert result.exit_code == 0, result
    lines = [line.split("'") for line in result.stderr.splitlines() if line.startswith("import 'process_control")]
    names = ("core", "core.facts", "execution.cgroup", "execution.guard_channel", "system.clock", "system.proc")
    of_the_guard_after_a_moment = {f"process_control.{name}" for name in names}
    lean = {*modules_behind(SOURCE, GUARD_ROOTS), *modules_behind(SOURCE, RUNNER_ROOTS)}
    return {words[1] for words in lines} & lean - of_the_guard_after_a_moment


def test_an_installation_has_it_and_uses_it(own_box: Box) -> None:
    assert own_box.product.bundle.stat().st_mode & 0o777 == 0o644
    assert imports(own_box) == set()
    assert [run["outcome"] for run in own_box.history("plain")] == ["succeeded"]


def test_a_run_writes_no_code(own_box: Box) -> None:
    own_box.product.bundle.unlink()
    before = code_of(own_box.product.package)

    for via in ("stub", "script"):
        assert own_box.run("plain", via=via).exit_code == 0

    assert code_of(own_box.product.package) - before <= byte_code(own_box.product.package)
    assert imports(own_box) != set()


def code_of(package: Path) -> set[Path]:
    return {path for path in package.rglob("*") if path.is_file()}


def byte_code(package: Path) -> set[Path]:
    """What the interpreter itself keeps of the modules that it has compiled."""
    return set(package.rglob("__pycache__/*.pyc"))


def test_a_wheel_has_it_for_the_interpreter_that_built_it_and_an_editable_one_has_none(tmp_path: Path) -> None:
    builder = [sys.executable, "-m", "hatchling", "build", "--target"]
    editable = tmp_path / "editable"
    subprocess.run([*builder, "wheel:editable", "--directory", str(editable)], cwd=PROJECT, check=True)
    subprocess.run([*builder, "wheel", "--directory", str(tmp_path)], cwd=PROJECT, check=True)

    name = f"process_control/entry/lean.{sys.implementation.cache_tag}.bundle"
    assert name in names_in(tmp_path)
    assert not any(other.endswith(".bundle") for other in names_in(editable))


def names_in(directory: Path) -> list[str]:
    (wheel,) = directory.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_a_source_that_was_changed_counts_at_once(own_box: Box) -> None:
    source = own_box.product.package / "run" / "run_job.py"
    text = source.read_text()
    source.unlink()  # the copy shares nothing, but a package manager replaces too
    source.write_text(text.replace("def run_job(", "print('changed')\n\n\ndef run_job(", 1))

    result = own_box.run("plain", via="stub")

    assert (result.exit_code, result.stdout) == (0, "changed\n")


def test_a_source_changed_within_the_same_size_counts_too(own_box: Box) -> None:
    source = own_box.product.package / "core" / "facts.py"
    edit(source, source.read_bytes().replace(b'"succeeded"', b'"succeedec"'))

    own_box.run("plain", via="stub")

    assert own_box.block("plain")["end"]["outcome"] == "succeedec"


def test_a_copy_of_the_installation_with_other_dates_uses_it(own_box: Box) -> None:
    for path in own_box.product.package.rglob("*"):
        os.utime(path, (1, 1))

    assert imports(own_box) == set()


def test_whatever_lies_there_the_job_runs(own_box: Box) -> None:
    whole = own_box.product.bundle.read_bytes()
    contents = {
        "empty": b"",
        "garbage": b"garbage",
        "zeros": b"\0" * 20,
        "bad marshal": whole[:4] + b"100     00000000" + b"\xff" * 100,
        "claims more": b"99999999" + b"i" * 1000,
        "other interpreter": b"\x01\x02\r\n" + whole[4:],
        "torn": whole[: len(whole) // 2],
    }
    for name, content in contents.items():
        own_box.product.bundle.write_bytes(content)

        result = own_box.run("plain", via="stub")

        assert (result.exit_code, result.stdout, result.stderr) == (0, "", ""), name
        assert imports(own_box) != set(), name
    assert [run["outcome"] for run in own_box.history("plain")] == ["succeeded"] * 2 * len(contents)


@pytest.mark.fault("A page of the bundle is zeros", small=6, full=60, wanted="each run 0, from its modules")
def test_with_any_page_damaged_the_job_runs(own_box: Box, storm: Storm) -> None:
    bundle = own_box.product.bundle
    whole = bundle.read_bytes()
    pages = range(0, len(whole), 4096)
    for number in storm.rounds():
        place = pages[number * len(pages) // storm.size]
        bundle.write_bytes(whole[:place] + bytes(min(4096, len(whole) - place)) + whole[place + 4096 :])

        result = own_box.run("plain", via="stub")

        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
        assert imports(own_box) != set()
    storm.found(f"{storm.size} of {len(pages)} pages: each run 0")


@pytest.mark.parametrize("how", ["moved", "through a link"])
def test_by_another_path_the_same_bundle_is_used(own_box: Box, how: str) -> None:
    other = own_box.root / "other"
    if how == "moved":
        own_box.product.prefix.rename(other)
    else:
        other.symlink_to(own_box.product.prefix)
    own_box.product = type(own_box.product)(prefix=other, interpreter=own_box.product.interpreter)

    assert imports(own_box) == set()
    assert own_box.run("plain", via="stub").exit_code == 0


def test_a_fault_of_ours_is_still_shown_with_its_place(own_box: Box) -> None:
    source = own_box.product.package / "run" / "run_job.py"
    text = source.read_text()
    broken = text.replace("    if not run.commands:\n", "    if 1 / 0:\n", 1)
    assert broken != text
    source.write_text(broken)
    build_bundle(own_box)
    assert imports_at_once(own_box)

    result = own_box.run("plain", "--debug", via="stub")

    assert result.exit_code == 70
    assert 'File "process_control/run/run_job.py", line ' in result.stderr
    assert "if 1 / 0:" in result.stderr
    assert "Traceback" not in own_box.run("plain", via="stub").stderr


def build_bundle(box: Box) -> None:
    """Make the bundle of the installation's sources as they are now, as the build of a wheel does."""
    tools = box.root / "tools"
    shutil.copytree(PROJECT / "tools", tools)
    script = tools / "bundle.py"
    script.write_text(
        script.read_text().replace(
            'SOURCE = Path(__file__).resolve().parents[1] / "src"', f"SOURCE = Path({str(box.product.site_packages)!r})"
        )
    )
    command = [*box.product.python, "-I", "-X", "no_debug_ranges", str(script), str(box.product.bundle)]
    subprocess.run(command, check=True)


def imports_at_once(box: Box) -> bool:
    result = box.command([*box.product.python, "-v", "-I", "-S", str(box.product.stub), "plain"])
    return "import 'process_control.run.run_job'" not in result.stderr


def test_the_command_that_people_call_uses_it_too(own_box: Box) -> None:
    script = own_box.product.run_job
    flags = " ".join([*PYTHON_FLAGS, "-I -S"])
    text = script.read_text()
    assert f" {flags} " in text
    script.write_text(text.replace(f" {flags} ", f" -v {flags} "))

    assert imports(own_box, str(script)) == set()


def test_a_crontab_of_an_earlier_version_still_starts_its_jobs(own_box: Box) -> None:
    old_stub = own_box.product.package / "cli" / "stub.py"

    result = own_box.command([*own_box.product.python, "-I", "-S", str(old_stub), "--scheduled", "plain"])

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert [run["outcome"] for run in own_box.history("plain")] == ["succeeded"]
    assert imports(own_box, *own_box.product.python, "-v", "-I", "-S", str(old_stub)) == set()
