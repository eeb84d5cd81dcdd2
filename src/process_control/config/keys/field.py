"""A row of THE table of keys, and what is asked of all its rows.

The rows are in `job_fields.py` and `configuration_fields.py`, those of keys inside of maps in `inner_fields.py`. All
that knows keys reads them there: the readers, the classes of job and settings, the reference, the example
configuration, and the suggestions in messages. How a kind of value is read is in `kind.py` and the files beside it.
"""

import textwrap
from dataclasses import dataclass, field
from typing import Any

from process_control.config.keys.kind import Kind
from process_control.config.keys.number_kinds import BOOL


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key. `attribute` is what it becomes; `default` is in the attribute's unit, `default_words` in people's.

    `example` is the value in YAML; of a map it is what stands below the key. A field with `spelling_of` is another way
    to write that key. A field with `fields` is a map with keys of its own, whose attributes join those of its parent,
    unless it is `whole`: then the map is one attribute, a list of maps when there may be `many`. A value that is no map
    is that of the inner key `bare`; `given` is the value of a field left out of a map that is there. A map that
    `may_be_false` is then as if it were not there, whatever the defaults say; one with `off` sets that attribute.
    """

    key: str
    kind: Kind
    meaning: str
    example: str
    attribute: str = ""
    default: Any = None
    default_words: str = ""
    spelling_of: str = ""
    required: bool = False
    supported: bool = True
    in_defaults: bool = True
    off: str = ""
    bare: str = ""
    given: Any = None
    may_be_false: bool = False
    whole: bool = False
    many: bool = False
    fields: "tuple[Field, ...]" = field(default=(), repr=False)

    @property
    def becomes(self) -> str:
        """The attribute that holds the value."""
        return self.attribute or self.key

    @property
    def attributes(self) -> tuple[str, ...]:
        """Every attribute that this key decides."""
        if self.fields and not self.whole:
            inner = [name for each in self.fields if each.supported for name in each.attributes]
            return tuple([*inner, self.off] if self.off else inner)
        return (self.becomes,)


def later(key: str, kind: Kind, meaning: str, example: str, *, default_words: str = "") -> Field:
    """Make a field that is known and refused: its behaviour is not built yet."""
    return Field(key=key, kind=kind, meaning=meaning, example=example, default_words=default_words, supported=False)


def supported_attributes(fields: tuple[Field, ...]) -> dict[str, Field]:
    """Return every attribute that `fields` decide, with the field that is its main spelling."""
    found: dict[str, Field] = {}
    for each in fields:
        if not each.supported or each.spelling_of:
            continue
        if each.fields and not each.whole:
            found.update(supported_attributes(each.fields))
            if each.off:
                found[each.off] = Field(key=each.key, kind=BOOL, default=False, meaning=each.meaning, example="false")
        else:
            found[each.becomes] = each
    return found


def defaults(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return the attributes and their values when no file says anything."""
    return {name: each.default for name, each in supported_attributes(fields).items()}


def example_entry(field: Field) -> str:
    """Return the lines of YAML that set `field` as in its example."""
    if "\n" in field.example or field.fields:
        return f"{field.key}:\n{textwrap.indent(field.example, '  ')}"
    return f"{field.key}: {field.example}"
