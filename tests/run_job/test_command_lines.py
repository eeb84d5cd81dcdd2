"""Commands as people write them who come from a shell: nothing else runs than what they mean."""

import pytest

from kit.harness import Box


def test_two_lines_are_not_run_as_one_command(box: Box) -> None:
    program = box.root / "rebuild"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    box.job("clear", f"command: |\n  rm -rf {box.root}/cache\n  {program}\n")

    result = box.run("clear")

    assert result.exit_code == 78
    assert result.stderr == (
        "clear.yaml:4:3: 'command' has a second line\n"
        "  hint: no shell runs: write a list, one command an item; or sh -c '…'; or > in place of | if it is one "
        "command\n"
    )
    assert program.exists()


def test_a_backslash_at_the_end_of_a_line_joins_it_with_the_next(box: Box) -> None:
    box.job("long", "command: |\n  printf '<%s>' --one \\\n    --two \\\n    --three\n")

    box.run("long")

    assert box.log_bytes("long") == b"<--one><--two><--three>"


@pytest.mark.parametrize("word", ["cd /srv", "export A=b", "A=b /bin/true", "if true", ". /etc/profile"])
def test_the_report_of_a_word_of_the_shell_says_that_no_shell_runs(box: Box, word: str) -> None:
    box.job("shell", f"command: {word}")

    result = box.run("shell")

    assert result.exit_code == 127
    name = word.split()[0]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert f"{name}: command not found in PATH={path}" in result.stderr
    assert "; no shell runs: write command: sh -c '…'" in result.stderr
