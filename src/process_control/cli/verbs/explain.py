"""`explain`: what a key of a job file or of the configuration means, from the table of keys."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from process_control.cli.print.output import print_json, print_line
from process_control.cli.print.pager import paged
from process_control.cli.print.plain import is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.field import Field, example_entry
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.other_tools import our_word
from process_control.core.suggestions import nearest
from process_control.errors import ProcessControlError

JOB_FILE, CONFIGURATION = "job file", "configuration"


MAX_TEXT_WIDTH = 100  # wider lines are hard to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key by its whole name, `retention.days`, and the file that it belongs to."""

    name: str
    file: str
    field: Field

    @property
    def default(self) -> str | None:
        return self.field.default_words.replace("`", "") or None

    @property
    def example(self) -> str:
        """The lines of YAML that set it, with the maps that it is in."""
        entry = example_entry(self.field)
        for outer in reversed(self.name.split(".")[:-1]):
            entry = f"{outer}:\n{textwrap.indent(entry, '  ')}"
        return entry

    @property
    def state(self) -> str:
        """Whether it must be there."""
        if self.field.spelling_of:
            return f"another spelling of {self.field.spelling_of}"
        return "required" if self.field.required else "optional"

    def to_json(self) -> dict[str, object]:
        return {
            "key": self.name,
            "file": self.file,
            "type": plain(self.field.kind.name),
            "form": self.field.kind.form,
            "default": self.default,
            "state": self.state,
            "meaning": self.field.meaning,
            "example": self.example,
        }


def plain(words: str) -> str:
    return words.replace("`", "")


def all_keys() -> list[Key]:
    """Return every key of both files, those inside maps too."""
    return [*_keys(JOB_FIELDS, JOB_FILE), *_keys(CONFIGURATION_FIELDS, CONFIGURATION)]


def _keys(fields: tuple[Field, ...], file: str, prefix: str = "") -> Iterator[Key]:
    for field in fields:
        yield Key(name=prefix + field.key, file=file, field=field)
        yield from _keys(field.fields, file, f"{prefix}{field.key}.")


class KeyName(click.types.StringParamType):
    """The name of a key; shells complete it."""

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key.name for key in all_keys()))


@verb(
    "explain",
    epilog="In a pipe, separated by tabs: key, file, type, default, state, meaning, example. Exit code 1: no such key.",
)
@click.argument("key", type=KeyName(), metavar="[KEY]", required=False)
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "keys": [...]}')
@paged
def explain(session: Session, key: str | None, as_json: bool) -> None:  # noqa: ARG001  every verb gets the session
    """Show what KEY means, its type, its default, and an example; without KEY, list all keys.

    KEY is a key of the job file or of the configuration; one inside a map is written with a dot, as retention.days.
    """
    found = all_keys() if key is None else _find(key)
    if as_json:
        print_json({"keys": [each.to_json() for each in found]})
    elif is_terminal() and key is None:
        _print_list(found)
    elif is_terminal():
        print_line("\n\n".join(_at_length(each) for each in found))
    else:
        for each in found:
            facts = each.to_json()
            print_tabbed(facts[name] for name in ("key", "file", "type", "default", "state", "meaning", "example"))


def _find(name: str) -> list[Key]:
    """Return the keys that are called `name`. Raises ProcessControlError (1) with the nearest ones."""
    keys = all_keys()
    wanted = name.removeprefix("default_job_config.")
    found = [each for each in keys if each.name == wanted]
    if found:
        return found
    raise ProcessControlError(f"no key is called '{name}'", hint=_hint(wanted, [each.name for each in keys]))


def _hint(name: str, names: Sequence[str]) -> str:
    prefix, dot, key = name.rpartition(".")
    peers = our_word(key, None, prefix + dot) or our_word(key, None, prefix + dot, in_configuration=True)
    if peers:
        return peers
    inside = [each for each in names if each.rpartition(".")[2] == name]
    near = inside[0] if inside else nearest(name, names)
    return f"did you mean '{near}'?" if near else "list all keys: process-control explain"


def _print_list(keys: Sequence[Key]) -> None:
    """Print a line for each key: its name and the first sentence of its meaning, cut to the terminal."""
    columns = shutil.get_terminal_size().columns
    name_width = max(len(key.name) for key in keys)
    for file in (JOB_FILE, CONFIGURATION):
        print_line(f"Keys of the {file}:")
        for key in keys:
            if key.file == file:
                first = plain(key.field.meaning).partition(". ")[0].rstrip(".")
                shown = textwrap.shorten(first, max(20, columns - name_width - 4), placeholder="…")
                print_line(f"  {key.name:<{name_width}}  {shown}")


def _list_of(keys: Sequence[Key]) -> str:
    """Return a line for each key, the first sentence of its meaning cut to the terminal, by file."""
    name_width = max(len(key.name) for key in keys)
    columns = max(shutil.get_terminal_size().columns - name_width - 5, 20)
    parts = []
    for file in (JOB_FILE, CONFIGURATION):
        lines = [f"Keys of the {file} (more: process-control explain KEY):"]
        for key in keys:
            if key.file == file:
                first = plain(key.field.meaning).partition(". ")[0].rstrip(".")
                lines.append(f"  {key.name:<{name_width}}  {textwrap.shorten(first, columns, placeholder=' …')}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _at_length(key: Key) -> str:
    facts = [
        ("type", f"{plain(key.field.kind.name)}: {key.field.kind.form}"),
        ("default", key.default or "none"),
        ("example", key.example),
        ("keys", ", ".join(f"{key.name}.{each.key}" for each in key.field.fields)),
    ]
    lines = [
        f"{key.name}  ({key.file}, {key.state})",
        _wrapped(plain(key.field.meaning), 2),
    ]
    shown = [(name, _indented(text, 11) if name == "example" else _wrapped(text, 11)) for name, text in facts if text]
    lines += [f"  {name:<9}{text.lstrip()}" for name, text in shown]
    return "\n".join(lines)


def _wrapped(text: str, indent: int) -> str:
    """Return `text`, its lines broken between words for the terminal, behind an indentation."""
    columns = min(shutil.get_terminal_size().columns, MAX_TEXT_WIDTH) - indent
    broken = [
        textwrap.fill(line, columns, break_on_hyphens=False, break_long_words=False) for line in text.splitlines()
    ]
    return _indented("\n".join(broken), indent)


def _indented(text: str, indent: int) -> str:
    return textwrap.indent(text, " " * indent)
