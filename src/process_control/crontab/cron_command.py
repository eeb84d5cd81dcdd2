"""What cron makes of the command of an entry: its input behind a `%`, and whether it takes a shell to run it. Pure.

After do_command.c of cron 3.0pl1.
"""

import re
import shlex
from dataclasses import dataclass

from process_control.config.command_words import NotSplit, split
from process_control.core.shell_builtins import is_shell_word

#: Shells that split and quote as a job file does.
PLAIN_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "mksh")
#: Programs that a shell has built in, and that do not do quite the same.
_BUILT_IN = frozenset(
    ("echo", "printf", "test", "[", "kill", "time", "pwd", "command", "hash", "jobs", "times", "ulimit")
)
_QUOTED = r"'[^'\n\\]*'|\"[^\"\n\\$`!]*\""
#: What means the same to a shell and to nobody.
_PLAIN = re.compile(rf"(?:[A-Za-z0-9_@%+=:,./ \t-]|{_QUOTED})+")
_BACKGROUND = re.compile(
    r"(?<![&>|])&(?![&>0-9])|\bnohup\b|\bsetsid\b|\bdisown\b|\bstart-stop-daemon\b|/etc/init\.d/|\bservice "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronCommand:
    """What cron hands to the shell, and what that reads."""

    command: str
    #: None: nothing.
    stdin: str | None = None


def read_command(written: str) -> CronCommand:
    """Return the command of an entry. The first `%` without a backslash ends it; what follows is its input."""
    command: list[str] = []
    escaped = False
    for place, char in enumerate(written):
        if escaped:
            if char in "%\\":
                command.pop()
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "%":
            rest = written[place + 1 :]
            return CronCommand(command="".join(command), stdin=_input(rest) if rest else None)
        command.append(char)
    return CronCommand(command="".join(command))


def _input(text: str) -> str:
    """Return what the command reads: `%` is a line end, `\\%` a percent, and the last line has an end."""
    found, escaped = [], False
    for char in text:
        if escaped and char != "%":
            found.append("\\")
        newline = char == "%" and not escaped
        escaped = char == "\\"
        if not escaped:
            found.append("\n" if newline else char)
    stdin = "".join([*found, "\\"] if escaped else found)
    return stdin if stdin.endswith("\n") else f"{stdin}\n"


def needs_shell(command: str, shell: str) -> bool:
    """Return whether only `shell` runs this command as cron did; when in doubt, it does."""
    if shell.rpartition("/")[2] not in PLAIN_SHELLS or not _PLAIN.fullmatch(command):
        return True
    try:
        words = [word.value for word in split(command)]
    except NotSplit:
        return True
    return not words or not words[0] or words[0] in _BUILT_IN or "=" in words[0] or is_shell_word(words[0])


def is_cut(command: str) -> bool:
    """Return whether a command ends within quotes, or within `$(` or backquotes: hardly what somebody meant."""
    rest = re.sub(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", "", command, flags=re.DOTALL)
    _, opening, inner = rest.partition("$(")
    is_open = opening != "" and inner.count("(") + 1 > inner.count(")")
    return is_open or rest.count("`") % 2 == 1 or "'" in rest or '"' in rest


def leaves_processes(command: str) -> bool:
    """Return whether a command starts something that is to outlive it, as far as its words say so."""
    return _BACKGROUND.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", command)) is not None


def in_shell(command: str, shell: str) -> str:
    """Return the command of a job that runs this with a shell."""
    return f"{shell} -c {quoted_for_shell(command)}"


def with_input(command: str, stdin: str, shell: str) -> str:
    """Return the command of a job that gives this input to `command`, whatever that and its shell are."""
    lines = " ".join(quoted_for_shell(line) for line in stdin.removesuffix("\n").split("\n"))
    return f"""sh -c 'printf "%s\\n" "$@" | {shlex.quote(shell)} -c "$0"' {quoted_for_shell(command)} {lines}"""


def quoted_for_shell(text: str) -> str:
    """Return `text` as one word, in the quotes that are easier to read."""
    if "'" in text and not re.search(r'["$`\\]', text):
        return f'"{text}"'
    return shlex.quote(text) if re.search(r"[^A-Za-z0-9_@%+=:,./-]", text) or not text else text
