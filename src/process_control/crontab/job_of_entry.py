"""A job file made from an entry of a crontab, with a remark for each thing that is written in another way. Pure.

What a job file cannot say is a fault. Whether the file is valid is checked by `config/job_file.py`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from process_control.config.keys.environment_kinds import OWN_PREFIX
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.cron_fields import read_fields
from process_control.crontab.cron_command import (
    in_shell,
    is_cut,
    leaves_processes,
    needs_shell,
    read_command,
    with_input,
)
from process_control.crontab.name_of_command import slug_of
from process_control.crontab.read import Line
from process_control.crontab.rules import Entry
from process_control.crontab.text import on_one_line
from process_control.errors import Fault
from process_control.notify.message import escape_controls

#: What cron gives a command when the crontab sets no PATH.
CRONS_PATH = "/usr/bin:/bin"
CRONS_SHELL = "/bin/sh"
#: Variables of the crontab that are for cron itself.
_OF_CRON = ("MAILTO", "CRON_TZ", "SHELL", "LOGNAME")
FROM = "# From "
_PLAIN = re.compile(r"[A-Za-z/_.][^\n\t]*")
_NOT_PLAIN = re.compile(r": |:$| #|^(?:null|~|true|false|yes|no|on|off)$|[^ -~]", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ADDRESS = re.compile(r"[^\s@,<>\"']+(?:@[^\s@,<>\"']+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The crontab that an entry is from."""

    #: Its path, or what a message calls it.
    name: str
    #: Of all its lines; None when they have a user column.
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something that the job file says in another way than the crontab did."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The job file of an entry, before it has its slug."""

    slug: str
    #: With `{name}` already in it: only the file's name is still free.
    text: str
    remarks: tuple[Remark, ...]


def draft_of(line: Line, source: Source, *, user: str, host: str) -> Draft | Fault:
    """Return the job file of an entry, or why there can be none. `user` is the account that jobs run as."""
    entry = line.entry
    if entry is None:
        raise ValueError("not an entry")
    where = f"{source.name}:{line.number}"
    if fault := _what_no_job_says(line, entry, source, user=user, host=host):
        return Fault(fault[0], where=where, hint=fault[1], line=line.text)
    cron_command = read_command(entry.written)
    slug = slug_of(cron_command.command, otherwise=source.name.rpartition("/")[2])
    written = list(_keys(line, entry))
    shown = escape_controls(line.text.strip().replace("\t", " "))  # whole: a second import knows its file by it
    head = [f"{FROM}{on_one_line(source.name)}, line {line.number}:", f"#   {shown}"]
    body = [f"{key}:{value}" if value.startswith("\n") else f"{key}: {value}" for key, value, _ in written]
    text = "\n".join([*head, f"name: {scalar(slug)}", *body]) + "\n"
    return Draft(slug=slug, text=text, remarks=tuple(remark for *_, remarks in written for remark in remarks))


def origin_of(text: str) -> tuple[str, str] | None:
    """Return the crontab's name and the line of which a job file was made; None for any other file."""
    first, _, rest = text.partition("\n")
    match = re.fullmatch(rf"{FROM}(?P<name>.*), line [0-9]+:", first)
    second = rest.partition("\n")[0]
    return (match["name"], second) if match and second.startswith("#   ") else None


def hint_for_unreadable(text: str) -> str:
    """Return how to correct a line that cron cannot read, or reads as something else."""
    if "\r" in text:
        return "it has line ends of Windows: sed -i 's/\\r$//' FILE"
    try:
        read_fields(" ".join(text.split()[:5]), "", "")
    except ScheduleError as error:
        return error.hint
    return "correct the line, or put a # before it"


# --- what no job can do ----------------------------------------------------------------------------------------------


def _what_no_job_says(line: Line, entry: Entry, source: Source, *, user: str, host: str) -> tuple[str, str] | None:
    runs_as = entry.user or source.owner or user
    try:
        line.text.encode()
    except UnicodeEncodeError:
        return "has bytes that are not UTF-8", "write the line in UTF-8"
    if runs_as != user:
        return (
            f"runs as user '{runs_as}', and jobs run as '{user}'",
            f"import it with a configuration that has 'user: {runs_as}': --config FILE",
        )
    try:
        read_fields(entry.schedule, host, "")
    except ScheduleError as error:
        return error.what, error.hint
    odd = [name for name in line.variables if not _NAME.fullmatch(name) and name not in _OF_CRON]
    if odd:
        return f"gets the variable {odd[0]!r}, which is no name for a job file", "rename it"
    ours = [name for name in line.variables if name.startswith(OWN_PREFIX)]
    return (f"gets the variable {ours[0]}, which process-control sets itself", "rename it") if ours else None


# --- the keys --------------------------------------------------------------------------------------------------------

Key = tuple[str, str, Sequence[Remark]]


def _keys(line: Line, entry: Entry) -> Iterator[Key]:
    variables = line.variables
    if line.comment:
        yield "description", _block(line.comment), ()
    yield _command(entry, variables)
    yield "schedule", json.dumps(entry.schedule), ()
    if zone := variables.get("CRON_TZ"):
        why = "cronie reads CRON_TZ; Debian's cron ignores it and uses the host's zone"
        yield "time_zone", scalar(zone), [Remark(what=f"CRON_TZ={zone} -> time_zone", why=why)]
    if home := variables.get("HOME"):
        yield "working_directory", scalar(home), ()
    yield "environment", *_environment(entry, variables)
    if "MAILTO" in variables:
        yield "failmail", *_failmail(variables["MAILTO"])
    yield "stderr", "warn  # cron never failed on stderr", ()
    yield "timeout", "0  # cron had no limit", ()
    if leaves_processes(read_command(entry.written).command):
        yield "leftovers", "keep", [Remark(what="leftovers: keep", why="the command starts what outlives it")]


def _command(entry: Entry, variables: dict[str, str]) -> Key:
    found = read_command(entry.written)
    command = found.command.strip(" \t") if found.stdin is None else found.command
    shell = _shell(variables)
    if found.stdin is not None:
        text = with_input(command, found.stdin, shell)
        remarks = [Remark(what="% -> the input of the command", why="cron reads % as a line end")]
        if is_cut(command):
            what = "the % ends the command here and begins its input, as cron reads it"
            remarks.append(Remark(what=what, why="\\% is a plain %"))
        return "command", scalar(text), remarks
    if not needs_shell(command, variables.get("SHELL", CRONS_SHELL)):
        return "command", scalar(command), ()
    remark = Remark(what=f"the command is run by {shell} -c", why="it needs a shell")
    return "command", scalar(in_shell(command, shell)), [remark]


def _shell(variables: dict[str, str]) -> str:
    """Return the shell of the crontab; without its directory when it is found without."""
    path = variables.get("PATH", CRONS_PATH).split(":")
    shell = variables.get("SHELL", CRONS_SHELL)
    return "sh" if shell == CRONS_SHELL and {"/bin", "/usr/bin"} & set(path) else shell


def _environment(entry: Entry, variables: dict[str, str]) -> tuple[str, Sequence[Remark]]:
    remarks = []
    values = {name: value for name, value in variables.items() if name not in _OF_CRON}
    if variables.get("SHELL", CRONS_SHELL) != CRONS_SHELL:
        values["SHELL"] = variables["SHELL"]
    if "MAILTO" in variables and "MAILTO" in entry.command:
        values["MAILTO"] = variables["MAILTO"]
    if "LOGNAME" in variables:
        remarks.append(Remark(what="LOGNAME is left out", why="cron sets it to the user itself"))
    ending = "" if "PATH" in values else "  # as cron sets it"
    values.setdefault("PATH", CRONS_PATH)
    for name, value in values.items():
        if name == "PATH" and "$" in value:
            remarks.append(Remark(what=f"PATH={value} is kept as it is", why="cron expands no variables in it"))
    lines = [f"\n  {name}: {scalar(value)}{ending if name == 'PATH' else ''}" for name, value in values.items()]
    return "".join(lines), remarks


def _failmail(mailto: str) -> tuple[str, Sequence[Remark]]:
    if not mailto.strip():
        return "false", [Remark(what='MAILTO="" -> failmail: false', why="nobody is mailed")]
    addresses = [each.strip() for each in mailto.split(",") if each.strip()]
    shown = addresses[0] if len(addresses) == 1 else f"[{', '.join(json.dumps(each) for each in addresses)}]"
    value = scalar(shown) if len(addresses) == 1 else shown
    why = "it gets the mail about failures; cron mailed all output"
    return f"\n  to_address: {value}", [Remark(what=f"MAILTO={mailto} -> failmail", why=why)]


# --- YAML ------------------------------------------------------------------------------------------------------------


def scalar(text: str) -> str:
    """Return a text as YAML, without quotes where it means the same."""
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text) and text == text.strip():
        return text
    return _ESCAPED.sub(lambda found: _escape(found[0]), json.dumps(text, ensure_ascii=False))


_ESCAPED = re.compile("[^ -~\xa1-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}"


def _block(lines: Sequence[str]) -> str:
    """Return the lines as one text of a job file."""
    if len(lines) == 1:
        return scalar(lines[0])
    return scalar("\n".join(lines)) if any(scalar(line) != line for line in lines) else "\n  ".join(["|", *lines])
