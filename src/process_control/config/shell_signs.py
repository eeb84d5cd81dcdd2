"""Finds shell syntax in a command: no shell runs, so it reaches the program as written. Pure.

`lint` warns of it, and so does the report of a command that was not found. A run does not check it.
"""

import json
import re
import shlex
from collections.abc import Iterator

from process_control.config.command_words import HIDDEN, NotSplit, Word, split
from process_control.config.keys.list_kinds import joined_lines
from process_control.config.yaml.document import Document
from process_control.config.yaml.nodes import List, Map, Text, place_in, quoted
from process_control.core.shell_builtins import is_shell_word
from process_control.errors import Fault

COMMAND_KEYS = ("command", "slow_start_command", "only_if")
SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh", "su", "runuser")
#: Programs whose arguments are read by a shell on another host.
REMOTE_SHELLS = ("ssh", "rsh", "mosh")
MAX_NAMED = 5
MAX_SCRIPT = 400

_REDIRECTION = re.compile(r"(?:[0-9]+|&)?(?:>>|>\||>&|<<<|<<-?|<&|<>|>|<)")
_REDIRECTION_INSIDE = re.compile(r">>|>[/&]|<\(|>\(")
_EXPANSION = re.compile(r"\$\(|\$\{|\$[A-Za-z_][A-Za-z0-9_]*|\$[?$!@]|`")
_HOME = re.compile(r"~[A-Za-z0-9_.-]*(?=/|$)")
_PATTERN = re.compile(rf"[?]|\[[^]{HIDDEN}]+\]")
_SCRIPT_OPTION = re.compile(r"-[A-Za-z]*[ce]|--command|--eval|--execute|--expression")
_RUNS_UNTIL_SEMICOLON = ("-exec", "-execdir", "-ok", "-okdir")


def warnings(document: Document) -> list[Fault]:
    """Return a warning for each command of the file that has shell syntax."""
    root = document.root
    found = []
    for key, value in root.entries if isinstance(root, Map) else ():
        if key.value == "only_if" and isinstance(value, Map):
            key, value = next((entry for entry in value.entries if entry[0].value == "command"), (key, value))
        elif key.value not in COMMAND_KEYS:
            continue
        for item in value.items if isinstance(value, List) else [value]:
            if isinstance(item, Text):
                start = "- " if isinstance(value, List) else f"{key.value}: "
                found += _warnings_of(item, start, document.faults.name)
    return found


def _warnings_of(node: Text, start: str, name: str) -> list[Fault]:
    try:
        signs = list(shell_signs(split(node.value, joined_lines(node))))
    except NotSplit:
        return []
    if not signs:
        return []
    named = list(dict.fromkeys(sign for _, sign in signs))
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    words = ", ".join(quoted(sign) for sign in named[:MAX_NAMED]) + more
    line, column = place_in(node, signs[0][0])
    mean = "means" if len(named) == 1 else "mean"
    what = f"{words} {mean} something only in a shell"
    return [Fault(what, where=f"{name}:{line}:{column}", hint=f"no shell runs: write {start}{_script(node)}")]


def _script(node: Text) -> str:
    """Return the command as a call of `sh -c`, quoted for a job file."""
    text = node.value.strip()
    if "\n" in text or len(text) > MAX_SCRIPT or joined_lines(node):
        return "sh -c '…'"
    command = f"sh -c {shlex.quote(text)}"
    return json.dumps(command, ensure_ascii=False) if re.search(r": |:$| #", command) else command


def shell_signs(words: list[Word]) -> Iterator[tuple[int, str]]:
    """Yield the shell syntax in these words, with its offset in the command.

    The script of `sh -c '…'` does not count, nor do expansions for the shell of another host.
    """
    if words and is_shell_word(words[0].bare):
        yield words[0].start, words[0].value.partition("=")[0] + ("=" if "=" in words[0].value else "")
    is_elsewhere = bool(words) and words[0].value.rpartition("/")[2] in REMOTE_SHELLS
    for number, word in enumerate(words):
        before = words[number - 1].value if number else ""
        if _SCRIPT_OPTION.fullmatch(before) and (HIDDEN in word.bare or _has_shell(words[:number])):
            continue
        yield from ((word.start, sign) for sign in _operators(word, words[:number]))
        if not is_elsewhere:
            yield from ((word.start, sign) for sign in _expansions(word))


def _has_shell(words: list[Word]) -> bool:
    return any(word.value.rpartition("/")[2] in SHELLS for word in words)


def _operators(word: Word, before: list[Word]) -> Iterator[str]:
    bare = word.bare
    if bare == ";" and any(each.value in _RUNS_UNTIL_SEMICOLON for each in before):
        return  # the end of find's command: right without a shell, and wrong with one
    ends_or_begins = "&&" in bare or bare.startswith(("|", ";", "(")) or bare.endswith(("|", ";", "&"))
    if ends_or_begins or _REDIRECTION.match(bare) or _REDIRECTION_INSIDE.search(bare):
        yield word.value
    elif bare.startswith("#"):
        yield "#"


def _expansions(word: Word) -> Iterator[str]:
    expansion = _EXPANSION.search(word.expandable)
    if expansion:
        sign = expansion[0]
        yield f"{sign}…" if sign in ("$(", "${", "`") else sign
    home = _HOME.match(word.bare)
    if home:
        yield f"{home[0]}/"
    if "://" in word.value:
        return  # the question mark of a URL is no pattern
    if "*" in word.bare or ("/" in word.bare and _PATTERN.search(word.bare)):
        yield word.value
