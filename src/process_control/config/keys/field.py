"""One row of the tables of keys, and questions about all rows.

The rows are in `job_fields.py` and `configuration_fields.py`, those of keys inside of maps in `inner_fields.py`.
Readers, the classes of job and settings, the reference, the example configuration and suggestions are made from them.
How a kind of value is read is in `kind.py` and the files beside it.
"""

from typing import Any, NamedTuple

from process_control.config.keys.kind import Kind
from process_control.config.keys.number_kinds import BOOL


class Field(NamedTuple):
    """One key."""

    #: as the file has it
    key: str
    #: how its value is written and read
    kind: Kind
    #: its documentation
    meaning: str
    #: a value in YAML; for a map the lines below the key
    example: str
    #: the attribute of job or settings; empty: named like the key
    attribute: str = ""
    #: in the unit of the attribute
    default: Any = None
    #: the default for people
    default_words: str = ""
    #: the key of which this is another spelling
    spelling_of: str = ""
    required: bool = False
    #: whether `default_job_config` may have it
    in_defaults: bool = True
    #: the attribute that `false` in place of the map sets
    off: str = ""
    #: the inner key that a value in place of the map sets
    bare: str = ""
    #: the value of an inner key that the map does not set
    given: Any = None
    #: whether `false` in place of the map removes all its values, also those of the defaults
    may_be_false: bool = False
    #: whether the map is one attribute; else each inner key is
    whole: bool = False
    #: whether a list of such maps is accepted
    many: bool = False
    #: the inner keys of a map
    fields: "tuple[Field, ...]" = ()

    @property
    def becomes(self) -> str:
        """The attribute that has the value."""
        return self.attribute or self.key

    @property
    def attributes(self) -> tuple[str, ...]:
        """All attributes that this key sets."""
        if self.fields and not self.whole:
            inner = [name for each in self.fields for name in each.attributes]
            return tuple([*inner, self.off] if self.off else inner)
        return (self.becomes, self.off) if self.off else (self.becomes,)


def attributes_of(fields: tuple[Field, ...]) -> dict[str, Field]:
    """Return all attributes that `fields` set, each with the field of its main spelling."""
    found: dict[str, Field] = {}
    for each in fields:
        if each.spelling_of:
            continue
        if each.fields and not each.whole:
            found.update(attributes_of(each.fields))
        else:
            found[each.becomes] = each
        if each.off:
            found[each.off] = Field(key=each.key, kind=BOOL, default=False, meaning=each.meaning, example="false")
    return found


def defaults(fields: tuple[Field, ...]) -> dict[str, Any]:
    """Return the default of each attribute."""
    return {name: each.default for name, each in attributes_of(fields).items()}


def example_entry(field: Field) -> str:
    """Return the YAML that sets `field` to its example."""
    if "\n" in field.example or field.fields:
        import textwrap

        return f"{field.key}:\n{textwrap.indent(field.example, '  ')}"
    return f"{field.key}: {field.example}"
