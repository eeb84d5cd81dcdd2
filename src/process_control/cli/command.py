"""What a command takes, as values: flags, arguments, verbs. Help, completion and man pages are made from them."""

from dataclasses import dataclass

# What stands where a value is wanted, so far as a shell can complete it.
FILES, DIRECTORIES, JOBS, SLUGS, RUNS, REVISIONS = "files", "directories", "jobs", "slugs", "runs", "revisions"
INCIDENTS, HOSTS = "incidents", "hosts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option."""

    names: tuple[str, ...]
    #: A phrase, for lists.
    meaning: str
    #: Sentences that only the man page has.
    more: str = ""
    #: The name of its value in help; empty for a switch.
    value: str = ""
    value_is_optional: bool = False
    #: What a shell completes in its value: FILES, JOBS …
    completes: str = ""
    choices: tuple[str, ...] = ()
    repeats: bool = False

    @property
    def takes_next_word(self) -> bool:
        return bool(self.value) and not self.value_is_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What a command takes besides flags."""

    #: Its name in help, as `[JOB]...`.
    value: str
    completes: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command or a verb."""

    name: str
    #: A phrase: what it does.
    words: str
    usage: tuple[str, ...]
    #: Paragraphs, before and behind the options.
    description: str = ""
    epilog: str = ""
    flags: tuple[Flag, ...] = ()
    argument: Argument | None = None
    verbs: "tuple[Command, ...]" = ()
