"""What a command of a job file is: the words that a shell would make of it, and what is refused, word for word."""

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from process_control.config.command_words import NotSplit, split
from process_control.config.job_file import read_job
from process_control.errors import BadConfiguration


def commands(text: str) -> list[list[str]]:
    return read_job(f"name: N\n{text}".encode(), slug="j", path="/j.yaml", default_values={}, log_bytes=1).command


def told(text: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        commands(text)
    return [str(fault) for fault in caught.value.faults]


THREE_WAYS = (
    "\n  hint: no shell runs: write a list, one command an item; or sh -c '…'; or > in place of | if it is one command"
)

REFUSED = {
    "two lines": ("command: |\n  rm -rf /c\n  /bin/rebuild\n", "j.yaml:4:3: 'command' has a second line" + THREE_WAYS),
    "two lines of an item": (
        "command:\n  - /bin/true\n  - |\n    a\n\n    b\n",
        "j.yaml:7:5: 'command' has a second line" + THREE_WAYS,
    ),
    "a line end by its escape": (r'command: "a b\nc"', "j.yaml:2:16: 'command' has a second line" + THREE_WAYS),
    "an empty line in a folded text": (
        "command: >\n  a\n\n  b\n",
        "j.yaml:5:3: 'command' has a second line" + THREE_WAYS,
    ),
    "an indented line in a folded text": (
        "command: >\n  a\n    b\n",
        "j.yaml:4:5: 'command' has a second line" + THREE_WAYS,
    ),
    "a comment above": (
        "command: |\n  # say one\n  echo one\n",
        "j.yaml:4:3: 'command' has a second line" + THREE_WAYS,
    ),
    "slow start too": (
        "command: a\nslow_start_command: |\n  a\n  b\n",
        "j.yaml:5:3: 'slow_start_command' has a second line" + THREE_WAYS,
    ),
    "a word list, as containers have it": (
        'command: ["python3", "-c", "print(1)"]',
        (
            "j.yaml:2:22: 'command': '-c' is not a command: each item of the list is one\n"
            "  hint: write one text: python3 -c 'print(1)'"
        ),
    ),
    "an option first": (
        "command:\n  - --all\n  - /bin/true\n",
        (
            "j.yaml:3:5: 'command': '--all' is not a command: each item of the list is one\n"
            "  hint: write one text: --all /bin/true"
        ),
    ),
    "an open quote": (
        "command: echo it's",
        (
            "j.yaml:2:17: 'command' has a quote that is not closed: \"echo it's\"\n"
            "  hint: close it, or put a backslash before it"
        ),
    ),
    "a backslash at the end": (
        "command: echo a\\",
        "j.yaml:2:16: 'command' ends with a backslash: 'echo a\\\\'\n  hint: close it, or put a backslash before it",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_shell_takes_for_one_command_is_refused(text: str, message: str) -> None:
    assert told(text) == [message]


READ = {
    "a line end at the end of a block": ("command: |\n  echo hi\n", ["echo", "hi"]),
    "many of them": ("command: |+\n\n  echo hi\n\n\n", ["echo", "hi"]),
    "a folded text": ("command: >\n  echo a\n  b\n", ["echo", "a", "b"]),
    "a text without quotes on two lines": ("command: echo a\n  b\n", ["echo", "a", "b"]),
    "a line end in quotes": ("command: |\n  sh -c 'a\n  b'\n", ["sh", "-c", "a\nb"]),
    "a line end in double quotes": ('command: |\n  sh -c "a\n  b"\n', ["sh", "-c", "a\nb"]),
    "backslashes in a block": ("command: |\n  printf x --one \\\n    --two \\\n    --three\n", None),
    "backslashes in a folded text": ("command: >\n  printf x --one \\\n  --two \\\n  --three\n", None),
    "backslashes in an indented folded text": ("command: >\n  printf x --one \\\n    --two \\\n    --three\n", None),
    "backslashes without quotes": ("command: printf x --one \\\n  --two \\\n  --three\n", None),
    "backslashes with line ends of Windows": ("command: >\r\n  printf x --one \\\r\n  --two --three\r\n", None),
    "a backslash in a word": ("command: |\n  tar --exclude=a,\\\n  b\n", ["tar", "--exclude=a,b"]),
    "a backslash in a word, folded": ("command: >\n  tar --exclude=a,\\\n  b\n", ["tar", "--exclude=a,b"]),
    "a backslash in double quotes": ('command: |\n  echo "a\\\n  b"\n', ["echo", "ab"]),
    "a backslash in single quotes": ("command: |\n  echo 'a\\\n  b'\n", ["echo", "a\\\nb"]),
    "a blank behind a backslash": ("command: ls My\\ Files", ["ls", "My Files"]),
    "both": ("command: >\n  ls My\\ Files \\\n  b\n", ["ls", "My Files", "b"]),
    "a dollar behind a backslash": (r"""command: sh -c "echo \$HOME \"x\" \a" """, ["sh", "-c", 'echo $HOME "x" \\a']),
    "an empty word": ("command: echo '' b", ["echo", "", "b"]),
}


@pytest.mark.parametrize(("text", "words"), READ.values(), ids=READ.keys())
def test_the_words_are_those_of_a_shell(text: str, words: list[str] | None) -> None:
    assert commands(text) == [words or ["printf", "x", "--one", "--two", "--three"]]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab \t\n\\'\"", max_size=14))
def test_the_words_are_those_of_sh_whatever_is_quoted(text: str) -> None:
    command = f"printf '<%s>' {text}"
    try:
        words = [word.value for word in split(command)]
    except NotSplit:
        return

    shell = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)

    assert shell.stdout == "".join(f"<{word}>" for word in words[2:] or [""])


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_what_is_quoted_for_a_shell_is_read_back(words: list[str]) -> None:
    assert [word.value for word in split(shlex.join(words))] == words
