"""The slug for a line of a crontab, from the name of what it runs. Pure."""

import itertools
import re
from collections.abc import Container

from process_control.core.job import MAX_SLUG

#: Characters of a command.
MAX_READ = 1000
#: What runs another program, with its options that have an argument.
_RUNNERS = {
    "nice": ("-n",), "ionice": ("-c", "-n"), "timeout": ("-k", "-s"), "flock": ("-w", "-E"), "lockfile-create": (),
    "sudo": ("-u", "-g"), "su": ("-s",), "runuser": ("-u", "-s"), "env": ("-u",), "nohup": (), "setsid": (),
    "chronic": (), "cronic": (), "chrt": (), "taskset": (), "time": (), "exec": (), "command": (), "eval": (),
    "sh": (), "bash": ("-o",), "dash": (), "ksh": (), "zsh": (), "perl": ("-I", "-M"), "php": ("-d", "-c"),
    "ruby": (), "node": (), "java": ("-cp", "-classpath"), "xvfb-run": (), "savelog": (), "if": (), "then": (),
    "while": (), "do": (), "else": (), "!": (), "{": (), "(": (), ".": (), "source": (), "start-stop-daemon": (),
    "service": (), "invoke-rc.d": (), "systemctl": (), "logger": ("-t",), "python": ("-W",),
}  # fmt: skip
#: What stands before the program that a line is about.
_BEFORE = (
    "", ":", "[", "[[", "cd", "date", "done", "echo", "export", "fi", "mkdir", "pidof", "rm", "set", "sleep", "test",
    "touch", "true", "type", "ulimit", "umask", "which", "}",
)  # fmt: skip
#: Of those, what is nothing that a job could be called after.
_NO_NAMES = ("cd", "done", "export", "fi", "set", "sleep", "ulimit", "umask")
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh", "su", "runuser", "flock")
_INTERPRETERS = ("perl", "php", "ruby", "node", "python")
_WORD = r"(?:'[^']*'|\"[^\"]*\"|\\.|[^\s;|&(){}<>'\"])"
_TOKEN = re.compile(
    rf"(?P<redirection>(?:&>>?|(?<![^\s;|&(){{}}'\"])[0-9]*[<>]|[<>])[<>|&]*[ \t]*{_WORD}*)"
    rf"|(?P<end>&&|\|\||[;|&(){{}}\n])|(?P<word>{_WORD}+|['\"])"
)
#: The last is one that a `%` cut.
_EXPANSION = re.compile(r"\$\(\([^)]*\)\)|\$\([^)]*\)|`[^`]*`|\$\{[^}]*\}|(?:\$\(|`).*")
_PROGRAM = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._-]+", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_EXTENSIONS = re.compile(r"\.(?:sh|bash|pl|py|php|rb|js|jar|cron|exe)$", re.IGNORECASE)


def slug_of(command: str, *, otherwise: str) -> str:
    """Return a slug for this command; from the text `otherwise` when it names no program."""
    return _as_slug(_name_in(command)) or _as_slug(otherwise) or "job"


def free_slug(wanted: str, *taken: Container[str], number: int = 1) -> tuple[str, int]:
    """Return `wanted` and 1, or with the first of -2, -3, … that is not `taken`; begin at `number`.

    Case makes no difference; `taken` has small letters.
    """
    while any((slug := numbered(wanted, number)).lower() in each for each in taken):
        number += 1
    return slug, number


def numbered(wanted: str, number: int) -> str:
    """Return `wanted` for 1, else with the number at its end."""
    end = "" if number == 1 else f"-{number}"
    return f"{wanted[: MAX_SLUG - len(end)]}{end}"


def is_numbered(slug: str, wanted: str) -> bool:
    """Return whether a slug is `wanted`, or that with a number at its end."""
    found = re.fullmatch(r".*-(?P<number>[1-9][0-9]{0,8})", slug)
    return slug == wanted or (found is not None and slug == numbered(wanted, int(found["number"])))


def _name_in(command: str) -> str:
    """Return the name of the first program that is not there to start, to prepare or to check another one."""
    fallback = ""
    for words in _parts(_EXPANSION.sub("X", command)[:MAX_READ]):
        name = _name_of_words(words)
        if name not in _BEFORE and _PROGRAM.fullmatch(name):
            return name
        fallback = fallback or (name if name.isalpha() and name in _BEFORE and name not in _NO_NAMES else "")
    return fallback


def _parts(command: str) -> list[list[str]]:
    """Return the words of each command in a line without redirections, those in quotes as one."""
    parts: list[list[str]] = [[]]
    for found in _TOKEN.finditer(command):
        if found["end"]:
            parts.append([])
        elif found["word"]:
            parts[-1].append(found["word"].replace("'", "").replace('"', ""))
    return parts


def _name_of_words(words: list[str]) -> str:
    while words:
        word, *words = words
        if _VARIABLE.match(word):
            continue
        name = word.rpartition("/")[2]
        runner = re.sub(r"[0-9.]+$", "", name)
        if name == "run-parts":
            return next((each.rstrip("/").rpartition("/")[2] for each in words if not each.startswith("-")), name)
        if runner not in _RUNNERS:
            return _EXTENSIONS.sub("", name)
        if script := _script(words, runner):
            return _name_in(script)
        if runner in _INTERPRETERS and any(each in ("-e", "-r", "-c") for each in words[:3]):
            return ""
        words = _without_options(words, runner)
        if not words:
            return name
    return ""


def _script(words: list[str], runner: str) -> str:
    """Return the script that a shell gets as an argument."""
    for option, script in itertools.pairwise(words):
        if runner in _SHELLS and re.fullmatch(r"-[a-z]*c", option):
            return script
    return ""


def _without_options(words: list[str], runner: str) -> list[str]:
    """Return what a runner such as `nice -n 5` runs."""
    while words and words[0].startswith("-"):
        option, *words = words
        if option in _RUNNERS[runner]:
            words = words[1:]
    return words[1:] if runner in ("timeout", "flock", "chrt", "taskset", "su") else words


def _as_slug(text: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")
    return slug[:MAX_SLUG].rstrip("-_")
