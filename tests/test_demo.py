"""`make demo`: what a stranger sees first, in a directory of its own, as root or not."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from kit.harness import IS_ROOT, PROJECT, SERVICE_USER, Box, Result


def run_demo(box: Box, *, user: str | None = None, **how: Any) -> Result:
    """Run the demo with the installed package. TMPDIR: it keeps its directory, and here it must not stay."""
    demo = box.root / "demo.py"
    demo.write_bytes((PROJECT / "demo" / "demo.py").read_bytes())
    temporary = box.root / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    python = str(box.product.prefix / "bin" / "python")
    env = {"TMPDIR": str(temporary), "PROCESS_CONTROL_CONFIG": None, "TERM": "xterm"}
    return box.command([python, str(demo)], user=user, env=env, **how)


SHOWN = (
    "exit code 3",
    "exit code 124",
    "cannot reach mail.example.org",
    "timeout",
    "good night",
    "on hold since",
    "the scheduler has ended; 1 run continues",
    "pulse",
    "[web]",
)


@pytest.mark.long
def test_the_demo_shows_every_outcome_in_colour_on_a_terminal(box: Box) -> None:
    result = run_demo(box, tty=True, columns=80)

    assert result.exit_code == 0, result
    assert [words for words in SHOWN if words not in result.stdout] == []
    assert "\x1b[31m" in result.stdout, "red"
    texts = re.findall(r"\x1b\[36m(.*?)\x1b\[0m", result.stdout)
    assert [text for text in texts if len(text) > 80 and "/tmp/" not in text] == []


@pytest.mark.parametrize("user", [None, pytest.param(SERVICE_USER, marks=pytest.mark.needs_root)])
@pytest.mark.long
def test_the_demo_writes_no_colours_into_a_file_and_nothing_outside_its_directory(box: Box, user: str | None) -> None:
    watched = [Path("/var/lib"), Path("/var/log"), Path("/etc"), Path("/etc/cron.d")] if IS_ROOT else [Path.home()]
    before = {path: sorted(os.listdir(path)) for path in watched if path.exists()}

    result = run_demo(box, user=user)

    assert (result.exit_code, result.stderr) == (0, ""), result
    assert [words for words in SHOWN if words not in result.stdout] == []
    assert "\x1b" not in result.stdout
    assert "…" not in re.sub(r"1[0-9a-z]{7}…", "run id", result.stdout), "cut"
    assert {path: sorted(os.listdir(path)) for path in watched if path.exists()} == before
