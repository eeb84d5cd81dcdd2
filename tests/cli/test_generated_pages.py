"""Man pages and completion follow from the commands and the table of keys, are in order, and are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from kit.harness import PROJECT, Product
from process_control.cli.main import VERBS
from process_control.cli.run_job.flags import FLAGS
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.job_fields import JOB_FIELDS
from tools.man_pages import PAGES
from tools.pages import SHARE, outputs

MANUAL = sorted(path for path in SHARE.glob("man/*/*") if path.is_file())
SECTIONS = {
    "1": ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"],
    "5": ["NAME", "DESCRIPTION", "KEYS", "FILES", "EXAMPLES", "SEE ALSO"],
}


def short(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def test_all_of_it_is_up_to_date_and_nothing_else_is_installed_below_share(product: Product) -> None:
    generated = outputs()
    below_share = {path for path in generated if path.is_relative_to(SHARE)}

    stale = [short(path) for path, text in generated.items() if not path.exists() or path.read_text("utf-8") != text]
    assert stale == [], "run: python -m tools.pages"
    assert {path for path in SHARE.rglob("*") if path.is_file()} == below_share
    for path in below_share:
        assert (product.prefix / "share" / path.relative_to(SHARE)).read_text("utf-8") == generated[path]


# --- man pages -------------------------------------------------------------------------------------------------------


def printed(path: Path, *, columns: int = 80) -> str:
    """Return the page as a person sees it."""
    if shutil.which("man") is None:
        pytest.skip("man is not installed here: apt-get install man-db")
    environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": str(columns), "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(
        ["man", "--warnings", "-P", "cat", "-l", str(path)],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("path", MANUAL, ids=short)
def test_a_page_has_the_sections_of_its_kind_in_their_order(path: Path) -> None:
    titles = [line.removeprefix(".SH ") for line in path.read_text().splitlines() if line.startswith(".SH ")]

    assert [title for title in titles if title in SECTIONS[path.suffix[1:]]] == SECTIONS[path.suffix[1:]]


@pytest.mark.parametrize("path", MANUAL, ids=short)
def test_man_shows_a_page_without_a_warning_and_within_the_terminal(path: Path) -> None:
    lines = printed(path).splitlines()

    assert max(len(line) for line in lines) <= 80
    assert not [line for line in lines if "\u2010" in line], "a name was cut in two"


@pytest.mark.parametrize("path", MANUAL, ids=short)
def test_mandoc_finds_no_fault_in_a_page(path: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed here: apt-get install mandoc")

    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", str(path)], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.parametrize("path", MANUAL, ids=short)
def test_a_page_is_ascii(path: Path) -> None:
    assert path.read_text().isascii()


def test_the_page_of_run_job_tells_every_flag() -> None:
    text = printed(SHARE / "man/man1/run-job.1")

    assert [name for flag in FLAGS for name in flag.names if name not in text] == []


def test_the_page_of_process_control_tells_every_verb() -> None:
    text = printed(SHARE / "man/man1/process-control.1")

    assert [verb for verb in VERBS if f"\n   {verb} " not in text] == []


@pytest.mark.parametrize(
    ("name", "fields"), [("process-control-job.5", JOB_FIELDS), ("process-control.yaml.5", CONFIGURATION_FIELDS)]
)
def test_the_page_of_a_file_tells_every_key(name: str, fields: tuple) -> None:  # type: ignore[type-arg]
    text = printed(SHARE / "man/man5" / name)

    assert [field.key for field in fields if not field.spelling_of and f"       {field.key}: " not in text] == []
    assert [field.key for field in fields if field.key not in text] == []


def test_man_finds_the_installed_pages_by_their_names(product: Product) -> None:
    if shutil.which("man") is None:
        pytest.skip("man is not installed here: apt-get install man-db")
    path = f"{product.prefix}/bin:/usr/bin:/bin"
    pages = [(name, section) for name, section in PAGES if (SHARE / f"man/man{section}/{name}.{section}").exists()]

    for name, section in pages:
        done = subprocess.run(
            ["man", "-w", str(section), name], capture_output=True, text=True, env={"PATH": path}, check=False
        )
        assert done.stdout.strip() == f"{product.prefix}/share/man/man{section}/{name}.{section}", done.stderr
