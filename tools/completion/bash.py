"""The completion script of a command for bash. It expands nothing that was typed or offered: names may be hostile."""

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
    Argument,
    Command,
    Flag,
)
from tools.completion.contexts import MADE_BY, contexts, identifier

ENGINE = r"""
_process_control_split() {
    # The words up to the cursor as they were typed; bash itself would cut them at ':', '=' and '@'.
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} breaks=
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    current=${words[${#words[@]} - 1]} asked=
    ((${#words[@]} > 2)) && asked=${words[${#words[@]} - 2]}
    stem= kept=
    if [[ $current == --*=* ]]; then
        asked=${current%%=*}= current=${current#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || stem=$asked
    fi
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
    [[ $COMP_WORDBREAKS == *@* ]] && breaks+=@
    [[ -n $breaks ]] && kept=${current%"${current##*[$breaks]}"}
}

_process_control_take() {
    # Of the lines on stdin, those that begin with the current word, quoted; bash keeps what is before the last cut.
    local line
    while IFS= read -r line; do
        line=${line%%$'\t'*}
        [[ $line == "$current"* ]] && COMPREPLY+=("$stem$(printf %q "${line#"$kept"}")")
    done
}

_process_control_offer() {
    # What there is of a kind: slugs, tags, runs; by the configuration that the line names.
    local -a named=()
    local number file
    for ((number = 1; number < ${#words[@]} - 1; number++)); do
        case ${words[number]} in
            --config) file=${words[number + 1]} ;;
            --config=*) file=${words[number]#*=} ;;
            *) continue ;;
        esac
        [[ $file == '~/'* ]] && file=$HOME/${file:2}
        named=(--config "$file")
    done
    command run-job "${named[@]}" --complete "$@" < /dev/null 2> /dev/null
}

_process_control_jobs() {
    if [[ $current == tag:* ]]; then
        _process_control_take < <(_process_control_offer tags)
        return
    fi
    _process_control_take < <(_process_control_offer slugs)
    if [[ -n $current && tag: == "$current"* ]]; then
        COMPREPLY+=(tag:)
        ((${#COMPREPLY[@]} == 1)) && compopt -o nospace
    fi
}

_process_control_revisions() {
    # One or two revisions: behind the first there may be dots.
    _process_control_take < <(_process_control_offer revisions ${current:+"$current"})
    [[ $current == *..* ]] || compopt -o nospace
}

_process_control_hosts() {
    # Hosts and groups of the configuration, each behind the ones that were typed before a comma.
    _process_control_take < <(_process_control_offer hosts ${current:+"$current"})
}
"""

MAIN = r"""
_@name@() {
    local -a words=()
    local current asked stem kept number at= job=
    COMPREPLY=()
    _process_control_split
    for ((number = 1; number < ${#words[@]} - 1; number++)); do
        case "$at ${words[number]}" in
            *' --config') ((number++)) ;;
            *' -'*) ;;
@verbs@            *) job=${job:-${words[number]}} ;;
        esac
    done
    case "$at $asked" in
@values@    esac
    case "$at $current" in
@flags@    esac
    case $at in
@arguments@    esac
}

complete -F _@name@ @command@
"""

TAKES = {
    SLUGS: "_process_control_take < <(_process_control_offer slugs)",
    JOBS: "_process_control_jobs",
    REVISIONS: "_process_control_revisions",
    HOSTS: "_process_control_hosts",
    INCIDENTS: "_process_control_take < <(_process_control_offer incidents)",
    RUNS: '_process_control_take < <(_process_control_offer runs ${job:+"$job"})',
    FILES: "compopt -o default",
    DIRECTORIES: "compopt -o dirnames",
}


def script(command: Command) -> str:
    """Return the script."""
    places = list(contexts(command))
    verbs = "".join(f"            {_at(verbs)}) at={_at(verbs)} ;;\n" for verbs, _ in places if verbs)
    values = "".join(_values(verbs, flag) for verbs, place in places for flag in place.flags)
    flags = "".join(_flags(verbs, place) for verbs, place in places)
    arguments = "".join(_arguments(verbs, place) for verbs, place in places)
    main = MAIN.replace("@verbs@", verbs).replace("@values@", values).replace("@flags@", flags)
    main = main.replace("@arguments@", arguments)
    main = main.replace("@name@", identifier(command.name)).replace("@command@", command.name)
    return f"# bash completion of {command.name}. {MADE_BY}\n{ENGINE}{main}"


def _at(verbs: tuple[str, ...], *words: str) -> str:
    return "'" + "".join(f" {word}" for word in (*verbs, *words)) + "'"


def _values(verbs: tuple[str, ...], flag: Flag) -> str:
    """Return the branch for the value of a flag, in the next word or behind a '='."""
    if not flag.value:
        return ""
    long = [f"{name}=" for name in flag.names if name.startswith("--")]
    asked = [*long, *flag.names] if flag.takes_next_word else long
    patterns = " | ".join(_at(verbs, name) for name in asked)
    take = _offering(flag.completes, flag.choices)
    return f"        {patterns}) {take and take + '; '}return ;;\n"


def _flags(verbs: tuple[str, ...], place: Command) -> str:
    names = [name for flag in place.flags for name in flag.names]
    return f"        {_at(verbs, '-')}*) {_taking(names)}; return ;;\n" if names else ""


def _arguments(verbs: tuple[str, ...], place: Command) -> str:
    argument = place.argument or Argument(value="")
    take = _offering(argument.completes, [verb.name for verb in place.verbs] or argument.choices)
    return f"        {_at(verbs)}) {take} ;;\n" if take else ""


def _offering(completes: str, choices: Sequence[str]) -> str:
    return _taking(choices) if choices else TAKES.get(completes, "")


def _taking(words: Sequence[str]) -> str:
    return f"_process_control_take < <(printf '%s\\n' {' '.join(words)})"
