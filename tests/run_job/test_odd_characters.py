"""Characters that nobody sees, in programs and their names: the report of 126 and 127 says what they are."""

from pathlib import Path

import pytest

from kit.harness import Box

SCRIPTS = {
    "line ends of Windows": (
        b"#!/bin/sh\r\necho hi\r\n",
        "{path}: its #! line ends with a carriage return (U+000D), so /bin/sh is not found: sed -i 's/\\r$//' {path}",
    ),
    "a byte-order mark": (
        b"\xef\xbb\xbf#!/bin/sh\necho hi\n",
        "{path}: save it as UTF-8 without a byte-order mark (U+FEFF): its #! line begins with one",
    ),
    "an interpreter that is not there": (
        b"#!/opt/python99 -u\n",
        "{path}: the interpreter in its #! line does not exist: /opt/python99",
    ),
    "no line at all": (b"echo hi\n", "{path}: not a program, and a script without a #! line"),
}


@pytest.mark.parametrize(("content", "why"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_script_that_cannot_be_executed_is_told_with_what_nobody_sees(box: Box, content: bytes, why: str) -> None:
    script = box.root / "script"
    script.write_bytes(content)
    script.chmod(0o755)
    box.job("odd", f"command: {script}")

    result = box.run("odd")

    assert result.exit_code == 126
    assert f"odd: failed: {why.format(path=script)} (run " in result.stderr


def test_a_no_break_space_in_a_program_s_name_is_named(box: Box) -> None:
    box.job("name", "command: echo\u00a0hi")
    box.job("path", "command: /usr/bin/rsync\u00a0-a /a /b")

    name, path = box.run("name"), box.run("path")

    assert (name.exit_code, path.exit_code) == (127, 127)
    assert r"'echo\xa0hi' (with a no-break space (U+00A0)): command not found in PATH=" in name.stderr
    assert r"'/usr/bin/rsync\xa0-a' (with a no-break space (U+00A0)): no such file (run " in path.stderr


def test_a_byte_order_mark_is_no_part_of_any_file_that_is_read(box: Box) -> None:
    mark = b"\xef\xbb\xbf"
    secrets = box.root / "secrets.env"
    secrets.write_bytes(mark + b"FIRST=one\r\nSECOND=two\r\n")
    secrets.chmod(0o600)
    path = box.job("marked", f"command: sh -c 'echo $FIRST $SECOND'\nenvironment_file: {secrets}\n")
    for file in (path, _configuration(box)):
        file.write_bytes(mark + file.read_bytes())

    result = box.run("marked")

    assert (result.exit_code, result.stderr) == (0, "")
    assert box.log_bytes("marked") == b"one two\n"


def _configuration(box: Box) -> Path:
    if box.configuration is None:
        raise ValueError("this box has no configuration")
    return box.configuration


def test_an_environment_file_in_utf_16_is_told_as_that(box: Box) -> None:
    secrets = box.root / "secrets.env"
    secrets.write_bytes("A=b\n".encode("utf-16"))
    secrets.chmod(0o600)
    box.job("wide", f"command: 'true'\nenvironment_file: {secrets}\n")

    result = box.run("wide")

    assert result.exit_code == 78
    assert f"{secrets}: the environment file is UTF-16\n  hint: save it as UTF-8\n" in result.stderr
