"""The commands as they are installed: nothing of the caller's Python reaches them, and they find their own anywhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.harness import PROJECT, Box, Result
from kit.installation import PYTHON_FLAGS, Product
from kit.runs import outcomes
from process_control import __version__

VERSION = f"process-control {__version__}\n"
COMMANDS = ("run-job", "process-control", "cron-generate", "check-jobs-icinga")
SHADOWED = (
    *("sitecustomize", "usercustomize", "re", "os", "json", "sqlite3", "click", "yaml", "enum", "types", "io"),
    *("site", "process_control", "rich", "msgspec", "encodings", "codecs", "warnings", "signal"),
)
HOSTILE = {
    "PYTHONPATH": {"PYTHONPATH": "{planted}"},
    "PYTHONHOME": {"PYTHONHOME": "/nonexistent"},
    "PYTHONHOME of another Python": {"PYTHONHOME": "{planted}:{planted}", "PYTHONPLATLIBDIR": "planted"},
    "the user's own modules": {"PYTHONUSERBASE": "{planted}/user"},
    "all of Python's switches": {
        "PYTHONINSPECT": "1",
        "PYTHONSTARTUP": "{planted}/re.py",
        "PYTHONWARNINGS": "error",
        "PYTHONVERBOSE": "1",
        "PYTHONDEVMODE": "1",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONMALLOC": "no such",
        "PYTHONDUMPREFS": "1",
        "PYTHONHASHSEED": "no number",
        "PYTHONPROFILEIMPORTTIME": "1",
    },
}


@pytest.fixture
def planted(box: Box) -> Path:
    """A folder of modules that would tell of their import, also where the modules of a user lie."""
    folder = box.root / "planted"
    users = folder / "user" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    users.mkdir(parents=True)
    for name in SHADOWED:
        text = f"open({str(box.root / 'imported')!r}, 'a').write({name!r})\nraise SystemExit('planted {name}')\n"
        (folder / f"{name}.py").write_text(text)
        (users / f"{name}.py").write_text(text)
    return folder


def hostile(how: str, planted: Path) -> dict[str, str]:
    return {name: value.format(planted=planted) for name, value in HOSTILE[how].items()}


def asked(product: Product) -> dict[str, list[str]]:
    """Return each command with words that make it work."""
    words = {
        "run-job": ["job"],
        "process-control": ["history", "--json"],
        "cron-generate": ["--output", "console"],
        "check-jobs-icinga": [],
    }
    return {name: [str(product.prefix / "bin" / name), *words[name]] for name in COMMANDS}


@pytest.fixture(scope="module")
def plain(product: Product) -> Iterator[dict[str, Result]]:
    """What each command answers to somebody who sets none of these variables."""
    box = Box.configured(product)
    box.job("job", "command: 'true'")
    box.run("job")
    yield {name: box.command(command) for name, command in asked(product).items()}
    assert box.close() == []


@pytest.mark.parametrize("how", HOSTILE)
def test_no_command_believes_the_python_variables_of_its_caller(
    box: Box, planted: Path, plain: dict[str, Result], how: str
) -> None:
    box.job("job", "command: 'true'")
    box.run("job")

    for name, command in asked(box.product).items():
        result = box.command(command, env=hostile(how, planted), cwd=planted)
        assert (result.stderr, result.exit_code) == (plain[name].stderr, plain[name].exit_code), name
        assert result.exit_code == 0, f"{name}: {result}"
    assert not (box.root / "imported").exists()


@pytest.mark.parametrize("how", HOSTILE)
def test_a_sub_job_runs_whatever_python_variables_its_parent_sets(box: Box, planted: Path, how: str) -> None:
    variables = "".join(f"\n  {name}: '{value}'" for name, value in hostile(how, planted).items())
    box.job("inner", "command: echo inside")
    box.job("outer", f"command: [run-job inner, sh -c 'run-job inner']\nenvironment:{variables}")

    result = box.run("outer")

    assert result.exit_code == 0, result
    assert outcomes(box) == [("succeeded", None)] * 3
    assert not (box.root / "imported").exists()


def test_the_job_itself_gets_the_python_variables_of_its_file(box: Box) -> None:
    box.job("job", "command: sh -c 'echo $PYTHONPATH'\nenvironment:\n  PYTHONPATH: /opt/tools")

    box.run("job")

    assert box.log_bytes("job") == b"/opt/tools\n"


# --- where they may lie ----------------------------------------------------------------------------------------------


def answers(box: Box, *words: str, **how: object) -> None:
    """Ask a command for its version: the package was found, and behind another option what it needs as well."""
    for options in (["--version"], ["--debug", "--version"]):
        result = box.command([*words, *options], **how)

        assert (result.stdout, result.stderr, result.exit_code) == (VERSION, "", 0), words


@pytest.fixture
def elsewhere(box: Box, product: Product) -> Callable[[str], Path]:
    """Copy the installation to a folder of this name; return where its commands are."""
    return lambda name: product.copy_to(box.root / name).prefix / "bin"


def test_through_links_by_a_relative_path_and_by_sh_they_find_their_own(box: Box) -> None:
    links = box.root / "links"
    links.mkdir()
    (links / "run-job").symlink_to(box.product.run_job)
    (links / "again").symlink_to("run-job")

    answers(box, str(links / "run-job"))
    answers(box, str(links / "again"))
    answers(box, "./run-job", cwd=box.product.prefix / "bin")
    answers(box, "sh", "run-job", cwd=box.product.prefix / "bin")
    answers(box, "run-job", env={"PATH": f"{links}:/usr/bin:/bin"})
    answers(box, "bin/process-control", cwd=box.product.prefix)


@pytest.mark.parametrize("name", COMMANDS[:2])
def test_a_path_with_spaces_and_odd_characters_is_no_matter(
    box: Box, elsewhere: Callable[[str], Path], name: str
) -> None:
    answers(box, str(elsewhere("a folder's $HOME; \\x *") / name))


def test_an_installer_that_wraps_the_path_in_a_script_for_sh_is_understood(
    box: Box, elsewhere: Callable[[str], Path], planted: Path
) -> None:
    commands = elsewhere("a folder")
    script = commands / ".process-control.py"
    first, _, rest = script.read_text().partition("\n")
    wrapped = f"""#!/bin/sh\n'''exec' "{first.removeprefix("#!")}" "$0" "$@"\n' '''\n{rest}"""
    script.write_text(wrapped)

    for name in COMMANDS[:2]:
        answers(box, str(commands / name))


def stub_of_a_run(box: Box, commands: Path) -> Path:
    """Return what the interpreter of a run by hand was called with."""
    box.job("job", "command: sh -c 'cat /proc/$PPID/cmdline'")
    box.command([str(commands / "run-job"), "job"])
    *interpreter, stub, word = [os.fsdecode(each) for each in box.log_bytes("job").split(b"\0")[:-1]]
    assert (interpreter[1:], word) == ([*PYTHON_FLAGS, "-I", "-S"], "job")
    return Path(stub)


def is_of_the_host(product: Product) -> bool:
    """Return whether the product runs under the interpreter that has its version in its name in /usr/bin."""
    path = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    return not PYTHON_FLAGS and path.exists() and path.samefile(product.interpreter)


def test_a_run_by_hand_compiles_no_script(box: Box, product: Product) -> None:
    compiled = f"__pycache__/stub.cpython-3{sys.version_info.minor}.pyc"

    stub = stub_of_a_run(box, product.run_job.parent)

    assert stub == product.stub.parent / (compiled if is_of_the_host(product) else "stub.py")


@pytest.mark.parametrize("why", ["edited", "of another interpreter", "not compiled", "empty"])
def test_what_was_compiled_of_another_stub_or_by_another_interpreter_is_not_used(
    box: Box, elsewhere: Callable[[str], Path], product: Product, why: str
) -> None:
    commands = elsewhere("changed")
    library = commands.parent / product.site_packages.parent.relative_to(product.prefix)
    if why == "of another interpreter":
        library = library.rename(library.with_name("python3.99"))
    entry = library / "site-packages" / "process_control" / "entry"
    compiled = entry / "__pycache__" / f"stub.cpython-{library.name.removeprefix('python').replace('.', '')}.pyc"
    compiled.unlink(missing_ok=True)
    if why != "not compiled":
        compiled.write_bytes(b"" if why == "empty" else b"no code of this interpreter")  # empty: after a power cut
    if why == "edited":
        (entry / "stub.py").write_text((entry / "stub.py").read_text() + "# edited\n")

    assert stub_of_a_run(box, commands) == entry / "stub.py"


def test_of_packages_for_two_interpreters_the_interpreter_finds_its_own(
    box: Box, elsewhere: Callable[[str], Path]
) -> None:
    commands = elsewhere("two")
    for minor in (sys.version_info.minor - 2, sys.version_info.minor + 1):
        entry = commands.parent / f"lib/python3.{minor}/site-packages/process_control/entry"
        entry.mkdir(parents=True)
        (entry / "stub.py").write_text("raise SystemExit('the package of another interpreter')\n")

    answers(box, str(commands / "run-job"))


def test_a_sub_job_is_run_by_the_installation_of_its_parent(
    box: Box, elsewhere: Callable[[str], Path], product: Product
) -> None:
    commands, others = elsewhere("ours"), box.root / "others"
    others.mkdir()
    (others / "python").symlink_to(product.interpreter)
    (others / "run-job").write_text("#!/bin/sh\necho another run-job\n")
    (others / "run-job").chmod(0o755)
    script = commands / ".process-control.py"
    script.write_text(f"#!{others}/python\n{script.read_text().partition(chr(10))[2]}")
    box.job("inner", "command: echo inside")
    box.job("outer", "command: run-job inner")

    result = box.command([str(commands / "run-job"), "outer"])

    assert result.exit_code == 0, result
    assert outcomes(box) == [("succeeded", None)] * 2


def test_a_command_that_was_copied_away_alone_says_what_it_misses(box: Box) -> None:
    alone = box.root / "run-job"
    shutil.copy(box.product.run_job, alone)

    result = box.command([str(alone), "--version"])

    assert result.exit_code == 70
    assert result.stderr == (
        f"{alone}: not installed completely: {box.root}/.process-control.py is missing\n"
        "  hint: install process-control again\n"
    )


def test_a_package_in_a_folder_of_its_own_is_found_without_pythonpath(box: Box, product: Product) -> None:
    """As `pip install --target` lays it out."""
    target = box.root / "target"
    own = product.copy_to(box.root / "own")  # nobody writes there meanwhile
    shutil.copytree(own.site_packages, target, copy_function=os.link)
    shutil.copytree(own.prefix / "bin", target / "bin", symlinks=True)

    for name in COMMANDS[:2]:
        answers(box, str(target / "bin" / name))


def test_an_editable_installation_has_the_same_commands() -> None:
    """The one that these tests run from."""
    for name in COMMANDS[:2]:
        command = [str(Path(sys.prefix) / "bin" / name), "--version"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHOME": "/"}
        )
        assert (done.stdout, done.stderr) == (VERSION, "")


def test_the_version_is_printed_without_importing_a_command_line(product: Product) -> None:
    """Each question to other hosts begins with it."""
    script, name = product.prefix / "bin" / ".process-control.py", str(product.process_control)
    command = [*product.python, "-X", "importtime", "-I", "-S", str(script), name, "--version"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.stdout == VERSION
    assert "process_control" in imported
    assert imported.isdisjoint({"site", "click", "process_control.cli.main", "process_control.cli.waiting"})


@pytest.mark.parametrize("verb", ["status", "history"])
def test_a_verb_that_other_hosts_ask_for_loads_no_library_that_it_does_not_use(box: Box, verb: str) -> None:
    """OpenSSL and `statistics` cost it a twentieth of its time."""
    box.job("job", "command: 'true'\nschedule: '* * * * *'")
    box.run("job")
    box.process_control(verb, "--json")  # adds the run to the index
    script, name = box.product.prefix / "bin" / ".process-control.py", str(box.product.process_control)

    done = box.command([*box.product.python, "-X", "importtime", "-I", "-S", str(script), name, verb, "--json"])

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.exit_code == 0, done
    assert "process_control.history.index.index" in imported
    assert imported.isdisjoint({"_hashlib", "statistics"})


@pytest.mark.parametrize("options", [["--version"], ["--no-pager", "--version"]])
def test_a_version_that_cannot_be_written_is_an_error(product: Product, options: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [product.process_control, *options], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, done.stderr) == (74, "process-control: No space left on device\n")


def test_all_commands_are_the_same_script() -> None:
    texts = {(PROJECT / "scripts" / name).read_text() for name in COMMANDS}

    assert len(texts) == 1
