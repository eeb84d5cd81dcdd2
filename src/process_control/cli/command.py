"""What a command takes, as values: flags, arguments, verbs. Help, completion and man pages are made from them."""

from dataclasses import dataclass

# What stands where a value is wanted, so far as a shell can complete it.
FILES, DIRECTORIES, JOBS, SLUGS, RUNS = "files", "directories", "jobs", "slugs", "runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option. `value` is what help calls its value, nothing for a switch; `completes` or `choices` tell its kind.

    `meaning` is a phrase for a list, `more` are sentences that only the man page has room for.
    """

    names: tuple[str, ...]
    meaning: str
    more: str = ""
    value: str = ""
    value_is_optional: bool = False
    completes: str = ""
    choices: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def takes_next_word(self) -> bool:
        return bool(self.value) and not self.value_is_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What a command takes besides flags: `value` is its name in help, as `[JOB]...`."""

    value: str
    completes: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command or a verb. `words` says in a phrase what it does, `description` and `epilog` are paragraphs."""

    name: str
    words: str
    usage: tuple[str, ...]
    description: str = ""
    epilog: str = ""
    flags: tuple[Flag, ...] = ()
    argument: Argument | None = None
    verbs: "tuple[Command, ...]" = ()
