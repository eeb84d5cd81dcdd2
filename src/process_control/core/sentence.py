"""A sentence for people and the command that it ends in. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

COMMANDS = ("process-control", "cron-generate", "run-job")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` has its times as ISO 8601 in UTC: screens write them as people read them. `command`: to paste."""

    text: str
    command: str | None = None

    def __str__(self) -> str:
        return self.text if self.command is None else f"{self.text} {self.command}"


def of_words(text: str) -> str:
    """Return words as a sentence: a capital unless they begin with a command, a full stop unless they end in one."""
    first = text.split(" ", 1)[0]
    begin = text[:1] if first in COMMANDS else text[:1].upper()
    is_whole = text.endswith((".", "…", "?")) or text.rpartition(": ")[2].startswith((*COMMANDS, "kill "))
    return f"{begin}{text[1:]}{'' if is_whole else '.'}"


def with_configuration(sentences: Iterable[Sentence], option: str) -> list[Sentence]:
    """Return the sentences, each command of ours with the option that names the configuration that was used."""
    return [
        Sentence(each.text, command_with(each.command, option)) if each.command is not None else each
        for each in sentences
    ]


def command_with(command: str, option: str) -> str:
    """Return a command of ours with `option` at its end; others as they are."""
    is_ours = command.split(" ", 1)[0] in COMMANDS
    return f"{command} {option}" if option and is_ours else command
