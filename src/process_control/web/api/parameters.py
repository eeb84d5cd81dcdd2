"""What a request sends, checked against the table of the API: nothing unknown is passed over. And its address."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from process_control.core.suggestions import nearest
from process_control.errors import UsageError
from process_control.web.api.table import DEFAULT_LIMIT, FORMS, MAX_LIMIT, MAX_WORD, Operation, Parameter

Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a request asks for."""

    values: Mapping[str, list[str]]

    def one(self, name: str) -> str | None:
        found = self.values.get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def is_on(self, name: str) -> bool:
        return self.one(name) == "true"

    def number(self, name: str) -> int | None:
        found = self.one(name)
        return None if found is None else int(found)

    @property
    def limit(self) -> int:
        return self.number("limit") or DEFAULT_LIMIT

    @property
    def cursor(self) -> str | None:
        return self.one("cursor")


def read_address(operation: Operation, pairs: Iterable[tuple[str, str]]) -> Asked:
    """Return the parameters behind the `?`. Raises UsageError (2) for one that is unknown, wrong or missing."""
    return Asked(checked(operation.parameters, pairs, check, called="parameter"))


def checked(
    table: Sequence[Parameter],
    given: Iterable[tuple[str, Given]],
    check_one: Callable[[Parameter, Given], None],
    *,
    called: str,
) -> dict[str, list[Given]]:
    """Return what was given by its name. Raises UsageError (2) for what is unknown, wrong, missing or given twice."""
    known = {each.name: each for each in table}
    found: dict[str, list[Given]] = {}
    for name, value in given:
        parameter = known.get(name)
        if parameter is None:
            raise _unknown(f"no such {called}: {name[:40]}", name, known)
        if name in found and not parameter.is_repeated:
            raise UsageError(f"{name}: given twice")
        check_one(parameter, value)
        found.setdefault(name, []).append(value)
    for parameter in table:
        if parameter.is_required and parameter.name not in found:
            raise UsageError(f"{parameter.name}: missing", hint=f"{parameter.name}: {parameter.meaning}")
    return found


def check(parameter: Parameter, text: str) -> None:
    """Raise UsageError (2) for a value that does not fit."""
    name = parameter.name
    if parameter.choices:
        if text not in parameter.choices:
            raise UsageError(f"{name}: no such {name}: {text[:40]}", hint=f"one of: {', '.join(parameter.choices)}")
        return
    form = FORMS.get(parameter.kind)
    if form is not None and (not _pattern(form[0]).fullmatch(text) or (form[0] == FORMS["whole"][0] and _is_big(text))):
        raise UsageError(f"{name}: {text[:40]!r} is not understood", hint=form[1])
    if form is None and not 0 < len(text) <= MAX_WORD:
        raise UsageError(f"{name}: 1 to {MAX_WORD} characters")


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that there is none of, with the nearest one."""
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(names)}" if names else "it takes none"
    return UsageError(what, hint=hint)


def _is_big(text: str) -> bool:
    return int(text) > MAX_LIMIT


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
