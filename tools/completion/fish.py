"""The completion script of a command for fish."""

from collections.abc import Sequence

from process_control.cli.command import (
    DIRECTORIES,
    FILES,
    HOSTS,
    INCIDENTS,
    JOBS,
    REVISIONS,
    RUNS,
    SLUGS,
    Command,
    Flag,
)
from tools.completion.contexts import MADE_BY, contexts

ENGINE = r"""
function __process_control_at --description 'Whether the verbs on the line are these, or begin with them'
    set -l verbs
    set -l skip 1
    for word in (commandline -opc)
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case --config
                set skip 1
            case '-*'
            case '*'
                set -a verbs $word
        end
    end
    set -l wanted $argv[2..-1]
    set -l length (count $wanted)
    if test $argv[1] = below
        set verbs $verbs[1..$length]
    end
    test "$verbs" = "$wanted"
end

function __process_control_offer --description 'What there is of a kind, by the configuration that the line names'
    set -l named
    set -l words (commandline -opc)
    for number in (seq (count $words))
        switch $words[$number]
            case --config
                set named --config (string replace -r '^~/' "$HOME/" -- $words[(math $number + 1)])
            case '--config=*'
                set named --config (string replace -r '^--config=' '' -- $words[$number])
        end
    end
    command run-job $named --complete $argv </dev/null 2>/dev/null
end

function __process_control_hosts --description 'Hosts and groups, behind the ones that were typed before a comma'
    __process_control_offer hosts (commandline -ct | string replace -r '^--[^=]*=' '')
end

function __process_control_jobs --description 'Slugs, and tags behind tag:'
    set -l token (commandline -ct)
    if string match -q 'tag:*' -- $token
        __process_control_offer tags
        return
    end
    __process_control_offer slugs
    if test -n "$token"; and string match -q -- (string escape --style=regex -- $token | string replace -r '$' '*') tag:
        echo tag:
    end
end
"""

TAKES = {
    SLUGS: "-x -a '(__process_control_offer slugs)'",
    JOBS: "-x -a '(__process_control_jobs)'",
    REVISIONS: "-x -a '(__process_control_offer revisions (commandline -ct))'",
    HOSTS: "-x -a '(__process_control_hosts)'",
    INCIDENTS: "-x -a '(__process_control_offer incidents)'",
    RUNS: "-x -a '(__process_control_offer runs)'",
    FILES: "-r -F",
    DIRECTORIES: "-x -a '(__fish_complete_directories)'",
}


def script(command: Command) -> str:
    """Return the script."""
    lines = [f"# fish completion of {command.name}. {MADE_BY}", ENGINE, f"complete -c {command.name} -f"]
    for verbs, place in contexts(command):
        lines += _place(command.name, verbs, place)
    return "\n".join(lines) + "\n"


def _place(name: str, verbs: tuple[str, ...], place: Command) -> list[str]:
    start = f"complete -c {name}"
    exactly = _quoted(" ".join(("__process_control_at exactly", *verbs)))
    below = _quoted(" ".join(("__process_control_at below", *verbs)))
    if place.verbs:
        lines = [f"{start} -n {exactly} -a {verb.name} -d {_quoted(verb.words)}" for verb in place.verbs]
        return lines + [f"{start} -n {exactly} {_flag(flag)}" for flag in place.flags]
    where = f" -n {below}" if verbs else ""
    lines = [f"{start}{where} {_flag(flag)}" for flag in place.flags]
    argument = place.argument
    if argument is not None and (take := _offering(argument.completes, argument.choices)):
        lines.append(f"{start}{where} {take.removeprefix('-x ').removeprefix('-r ')}")
    return lines


def _flag(flag: Flag) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
    take = ""
    if flag.takes_next_word:
        take = " " + (_offering(flag.completes, flag.choices) or "-x")
    elif flag.choices:
        take = f" -a '{' '.join(flag.choices)}'"
    return f"{names}{take} -d {_quoted(flag.meaning or 'show the version')}"


def _offering(completes: str, choices: Sequence[str]) -> str:
    return f"-x -a '{' '.join(choices)}'" if choices else TAKES.get(completes, "")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
