"""Marks of a merge conflict and characters that look like others: told as what they are, where they are."""

import pytest

from process_control.config.job_file import read_job
from process_control.config.odd_text import warnings
from process_control.config.yaml.document import parse
from process_control.errors import BadConfiguration

HEAD = "name: A\ncommand: a\n"
PLAIN = "write a plain space"
KEEP = "keep the lines that are right, and remove the lines <<<<<<<, =======, >>>>>>>"


def told(text: str) -> list[tuple[str, str]]:
    with pytest.raises(BadConfiguration) as caught:
        read_job(text.encode(), slug="j", path="/j.yaml", default_values={}, log_bytes=1)
    return [(f"{fault.where}: {fault.what}", fault.hint) for fault in caught.value.faults]


REFUSED = {
    "a no-break space behind a key": (
        HEAD + "timeout:\u00a05m\n",
        "j.yaml:3:9: not YAML: a no-break space (U+00A0) only looks like an ordinary character",
        PLAIN,
    ),
    "and more lines": (
        HEAD + "timeout:\u00a05m\ntags: [a]\nstderr: warn\n",
        "j.yaml:3:9: not YAML: a no-break space (U+00A0) only looks like an ordinary character",
        PLAIN,
    ),
    "a key that YAML does not know as one": (
        HEAD + "timeout 5m\n",
        "j.yaml:3:1: not YAML: could not find expected ':', in 'timeout 5m'",
        "write a ':' and a space after the key",
    ),
    "a zero-width space in a key": (
        HEAD + "time\u200bout: 5m\n",
        "j.yaml:3:1: unknown key 'time\\u200bout'",
        "remove the zero-width space (U+200B)",
    ),
    "a byte-order mark in the middle": (
        HEAD + "\ufefftags: [a]\n",
        "j.yaml:3:1: not YAML: a byte-order mark (U+FEFF) only looks like an ordinary character",
        "remove it",
    ),
    "a no-break space behind a value": (
        HEAD + "disabled: true\u00a0\n",
        "j.yaml:3:11: 'disabled' must be true or false, not 'true\\xa0'",
        "remove the no-break space (U+00A0)",
    ),
    "typographic quotes around a word": (
        HEAD + "stderr: ‘warn’\n",
        "j.yaml:3:9: 'stderr' must be fail, warn or ignore, not '‘warn’'",
        "remove the typographic quote ‘ (U+2018), or write ' or \"",
    ),
    "typographic quotes around a schedule": (
        HEAD + "schedule: “0 3 * * *”\n",
        "j.yaml:3:11: schedule '“0 3 * * *”' has a typographic quote “ (U+201C)",
        "write it in ASCII on one line",
    ),
    "a no-break space in a path": (
        HEAD + "working_directory: /srv/my\u00a0app\n",
        "j.yaml:3:20: 'working_directory' must be one line of printable text, not '/srv/my\\xa0app'",
        "remove the no-break space (U+00A0)",
    ),
    "a conflict": (
        HEAD + '<<<<<<< HEAD\nschedule: "0 1 * * *"\n=======\nschedule: "0 2 * * *"\n>>>>>>> b\n',
        "j.yaml:3:1: an unresolved merge conflict, lines 3 to 7",
        KEEP,
    ),
    "a conflict with its origin, at the beginning": (
        "<<<<<<< HEAD\nname: A\n||||||| 0123\nname: B\n=======\nname: C\n>>>>>>> b\ncommand: a\n",
        "j.yaml:1:1: an unresolved merge conflict, lines 1 to 7",
        KEEP,
    ),
    "the end of one": (HEAD + "tags: [a]\n>>>>>>> b\n", "j.yaml:4:1: a mark of a merge conflict", KEEP),
}


@pytest.mark.parametrize(("text", "what", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_author_did_not_see_is_named_at_its_place(text: str, what: str, hint: str) -> None:
    assert told(text) == [(what, hint)]


WARNED = {
    "a no-break space in a command": (
        "command: /usr/bin/rsync\u00a0-a /a /b",
        "j.yaml:1:24: 'command' has a no-break space (U+00A0)\n  hint: write a plain space",
    ),
    "in quotes too": (
        "command: sh -c 'a\u00a0| b'",
        "j.yaml:1:18: 'command' has a no-break space (U+00A0)\n  hint: write a plain space",
    ),
    "a zero-width space in a variable": (
        "environment:\n  A: b\u200b\n",
        "j.yaml:2:7: 'environment' has a zero-width space (U+200B)\n  hint: remove it",
    ),
    "typographic quotes": (
        "command:\n  - echo “hi there”\n",
        (
            "j.yaml:2:10: 'command' has a typographic quote “ (U+201C)\n"
            "  hint: write ' or \": typographic quotes do not quote"
        ),
    ),
    "a dash of a word processor": (
        "command: rsync –a /a /b",
        "j.yaml:1:16: 'command' has an en dash – (U+2013)\n  hint: write - for an option",
    ),
}


@pytest.mark.parametrize(("text", "warning"), WARNED.values(), ids=WARNED.keys())
def test_what_a_program_would_get_is_warned_of(text: str, warning: str) -> None:
    assert [str(fault) for fault in warnings(parse(text.encode(), "j.yaml"))] == [warning]


@pytest.mark.parametrize(
    "text", ["command: echo 'it’s “fine” – 👩‍🔧'", "name: It’s\ncommand: a", "environment: {A: '–'}"]
)
def test_what_people_read_is_left_alone(text: str) -> None:
    assert warnings(parse(text.encode(), "j.yaml")) == []


def test_a_no_break_space_as_indentation_is_named() -> None:
    assert told(HEAD + "environment:\n\u00a0 A: b\n")[1] == (
        "j.yaml:4:1: unknown key '\\xa0 A'",
        "remove the no-break space (U+00A0)",
    )
