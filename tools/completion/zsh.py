"""The completion script for zsh: one file for all commands."""

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
_process_control_offer() {
  # What there is of a kind: slugs, tags, runs; by the configuration that the line names.
  local -a named
  local number file
  for ((number = 2; number < $#line_words; number++)); do
    case $line_words[number] in
      --config) file=$line_words[number+1] ;;
      --config=*) file=${line_words[number]#*=} ;;
      *) continue ;;
    esac
    [[ $file == '~/'* ]] && file=$HOME/${file[3,-1]}
    named=(--config "${(Q)file}")
  done
  command run-job $named --complete "$@" < /dev/null 2> /dev/null
}

_process_control_slugs() {
  local -a found
  found=(${(f)"$(_process_control_offer slugs)"})
  compadd -a found
}

_process_control_incidents() {
  local -a found
  found=(${(f)"$(_process_control_offer incidents)"})
  compadd -a found
}

_process_control_hosts() {
  # Hosts and groups of the configuration, each behind the ones that were typed before a comma.
  local -a found
  local typed=${(Q)PREFIX}
  found=(${(f)"$(_process_control_offer hosts ${typed:+$typed})"})
  compadd -a found
}

_process_control_jobs() {
  local -a found
  if [[ $PREFIX == tag:* ]]; then
    found=(${(f)"$(_process_control_offer tags)"})
    compadd -a found
    return
  fi
  _process_control_slugs
  [[ -n $PREFIX && tag: == "$PREFIX"* ]] && compadd -S '' tag:
}

_process_control_revisions() {
  # One or two revisions: behind the first there may be dots.
  local -a found
  local typed=${(Q)PREFIX}
  found=(${(f)"$(_process_control_offer revisions ${typed:+$typed})"})
  if [[ $typed == *..* ]]; then compadd -a found; else compadd -S '' -a found; fi
}

_process_control_runs() {
  # The job is the word behind the verb `logs`.
  local -a lines ids
  local job=${${words:#-*}[2]}
  [[ $job == $words[CURRENT] ]] && job=
  lines=(${(f)"$(_process_control_offer runs ${job:+$job})"})
  ids=(${lines%%$'\t'*})
  lines=(${lines/$'\t'/  })
  compadd -l -d lines -a ids
}
"""

ENTRY = r"""
_process_control_commands() {
  local curcontext=$curcontext state line
  local -a line_words=($words)
  typeset -A opt_args
  _@prefix@_$service
}

_process_control_commands "$@"
"""

TAKES = {
    SLUGS: "_process_control_slugs",
    JOBS: "_process_control_jobs",
    REVISIONS: "_process_control_revisions",
    HOSTS: "_process_control_hosts",
    INCIDENTS: "_process_control_incidents",
    RUNS: "_process_control_runs",
    FILES: "_files",
    DIRECTORIES: "_files -/",
}
PREFIX = "process_control_at"


def script(commands: Sequence[Command]) -> str:
    """Return the script."""
    names = " ".join(command.name for command in commands)
    functions = [_function(command.name, verbs, place) for command in commands for verbs, place in contexts(command)]
    entry = ENTRY.replace("@prefix@", PREFIX)
    return f"#compdef {names}\n# {MADE_BY}\n{ENGINE}\n" + "\n".join(functions) + entry


def _function(command: str, verbs: tuple[str, ...], place: Command) -> str:
    name = " ".join((command, *verbs))
    body = _at_verbs(name, place) if place.verbs else _arguments(place, _argument(place))
    return f"_{PREFIX}_{_joined(name)}() {{\n{body}}}\n"


def _joined(name: str) -> str:
    return name.replace(" ", "_")


def _at_verbs(name: str, place: Command) -> str:
    """Return the body for a place with verbs: they are offered, and the rest of the line is for the verb to say."""
    specs = _arguments(place, ["'1: :->verb'", "'*:: :->rest'"], begin="_arguments -C -S :")
    verbs = "\n".join(f"        {_quoted(f'{verb.name}:{verb.words}')}" for verb in place.verbs)
    known = " | ".join(verb.name for verb in place.verbs)
    return (
        f"  local -a verbs\n{specs}"
        f"  case $state in\n    verb)\n      verbs=(\n{verbs}\n      )\n      _describe -t verbs verb verbs\n      ;;\n"
        f"    rest)\n      case $words[1] in\n        {known}) _{PREFIX}_{_joined(name)}_$words[1] ;;\n      esac\n"
        "      ;;\n  esac\n"
    )


def _argument(place: Command) -> list[str]:
    if place.argument is None:
        return []
    argument = place.argument
    many = "*" if argument.value.endswith("...") else ""
    return [_quoted(f"{many}:{argument.value.strip('[].').lower()}:{_action(argument.completes, argument.choices)}")]


def _arguments(place: Command, last: Sequence[str], *, begin: str = "_arguments -s -S :") -> str:
    specs = [*(_spec(flag) for flag in place.flags), *last]
    return "  " + " \\\n    ".join([begin, *specs]) + "\n"


def _spec(flag: Flag) -> str:
    meaning = (flag.meaning or "show the version").replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    value = ""
    if flag.value:
        value = f"{'::' if flag.value_is_optional else ':'}{flag.value}:{_action(flag.completes, flag.choices)}"
    names = [_name(name, flag) for name in flag.names]
    shown = _quoted(f"[{meaning}]{value}")
    if flag.repeats:
        return "'*'" + (f"{{{','.join(names)}}}" if len(names) > 1 else names[0]) + shown
    if len(names) > 1:
        return f"'({' '.join(flag.names)})'{{{','.join(names)}}}{shown}"
    return names[0] + shown


def _name(name: str, flag: Flag) -> str:
    if not flag.value:
        return name
    end = "-" if flag.value_is_optional else ""
    return f"{name}={end}" if name.startswith("--") else f"{name}+"


def _action(completes: str, choices: Sequence[str]) -> str:
    return f"({' '.join(choices)})" if choices else TAKES.get(completes, " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
