"""The types of what other hosts answer, made of the tables that say what `--json` prints.

An answer is untrusted: every value has the type of its key, numbers and times have bounds, nothing is nested deeper
than it may be. Keys that are not known, of a newer version, are left out.
"""

from functools import cache
from typing import Annotated, Any, Required, TypedDict

import msgspec

from process_control.core.json_answers import LOOKS
from process_control.core.json_objects import OBJECTS, Key

#: As `core/moments.py` reads them.
_TIME = r"^(19[7-9]\d|20\d\d|2[1-9]\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_MAX_NUMBER = 1 << 53
_Plain = str | int | float | bool | None
_Flat = _Plain | list[_Plain] | dict[str, _Plain]
_Nested = _Plain | list[_Flat] | dict[str, _Flat]
_Deep = _Plain | list[_Nested] | dict[str, _Nested]
_PRIMITIVES: dict[str, Any] = {
    "text": str,
    "time": Annotated[str, msgspec.Meta(pattern=_TIME)],
    "number": Annotated[float, msgspec.Meta(ge=-_MAX_NUMBER, le=_MAX_NUMBER)],
    "whole": Annotated[int, msgspec.Meta(ge=-_MAX_NUMBER, le=_MAX_NUMBER)],
    "boolean": bool,
    "map": dict[str, _Deep],
    "any": _Deep,
}
_COMMAND = "process-control "


@cache
def decoder_of(form: str) -> msgspec.json.Decoder[dict[str, Any]]:
    """Return what reads the answer of a verb, such as `status` or `slots --count`, and refuses any other."""
    answer = next(each for each in LOOKS if f"{_COMMAND}{form}" in each.commands)
    keys = (Key("version", "whole", ""), *answer.keys, Key("error", "error", "", is_rare=True))
    return msgspec.json.Decoder(_map_of(form, keys))


@cache
def error_decoder() -> msgspec.json.Decoder[dict[str, Any]]:
    """Return what reads an answer that is an error."""
    return msgspec.json.Decoder(_map_of("error", (Key("version", "whole", ""), Key("error", "error", ""))))


def _map_of(name: str, keys: tuple[Key, ...]) -> Any:
    """Return the type of a map. What may be null may also be missing: an older version does not know it."""
    types = {key.name: _type_of(key.type) for key in keys}
    needed = {key.name for key in keys if not key.is_rare and not key.type.endswith("?")}
    # mypy wants the keys of a TypedDict in the source.
    make: Any = TypedDict
    return make(name, {key: Required[kind] if key in needed else kind for key, kind in types.items()}, total=False)


@cache
def _object(name: str) -> Any:
    return _map_of(name, OBJECTS[name])


def _type_of(kind: str) -> Any:
    if kind.endswith("?"):
        return _type_of(kind[:-1]) | None
    if kind.startswith("["):
        return list[_type_of(kind[1:-1])]  # type: ignore[misc]  # a type that is made here
    return _PRIMITIVES[kind] if kind in _PRIMITIVES else _object(kind)
