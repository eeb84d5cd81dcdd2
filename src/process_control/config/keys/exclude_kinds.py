"""Kinds of the keys `exclude` and `calendars`: days, and calendars by name."""

from process_control.config.keys.kind import Kind, refuse, text_or_none
from process_control.config.keys.list_kinds import items_of
from process_control.config.yaml.nodes import Faults, Map, Node, Text, quoted
from process_control.core.schedule.excluded import HOLIDAYS, ExcludeError, days_as_written, is_days, is_name
from process_control.core.suggestions import nearest


def _read_exclude(key: str, node: Node, faults: Faults) -> list[str]:
    found = [_entry(key, each, faults) for each in items_of(EXCLUDE, key, node, faults)]
    return list(dict.fromkeys(entry for entry in found if entry is not None))


def _entry(key: str, node: Node, faults: Faults) -> str | None:
    text = text_or_none(EXCLUDE.wanted, EXCLUDE.form, key, node, faults)
    if text is None:
        return None
    text = text.strip()
    if is_days(text):
        try:
            return days_as_written(text)
        except ExcludeError as error:
            faults.add(f"'{key}' {error.what}", node, hint=error.hint)
    elif text.startswith(HOLIDAYS):
        _check_region(key, text, node, faults)
    elif not is_name(text):
        refuse("dates, ranges or names of calendars", EXCLUDE.form, key, node, faults)
    return text


def _check_region(key: str, text: str, node: Node, faults: Faults) -> None:
    from process_control.config.calendar_reading import wrong_region

    if (wrong := wrong_region(text.removeprefix(HOLIDAYS))) is not None:
        what, hint = wrong
        faults.add(f"'{key}': {quoted(text)} {what}", node, hint=hint)


def check_names(key: str, node: Node | None, known: dict[str, str], faults: Faults) -> None:
    """Add a fault for each entry that names a calendar which the configuration does not have."""
    for item in items_of(EXCLUDE, key, node, Faults("")) if node is not None else []:
        name = item.value.strip() if isinstance(item, Text) else ""
        if not is_name(name) or name in known:
            continue
        near = nearest(name, known)
        if near:
            hint = f"did you mean '{near}'?"
        elif known:
            hint = f"the configuration has {', '.join(sorted(known))}"
        else:
            hint = f"add to the configuration: calendars: {{{name}: /etc/{name}.ics}}"
        faults.add(f"'{key}' names a calendar that the configuration does not have: {quoted(name)}", item, hint=hint)


EXCLUDE = Kind(
    name="list",
    wanted="a list of dates, ranges or calendars",
    form="a list of dates (2026-12-24), ranges (2026-12-24..2027-01-02), holidays:REGION, or names of calendars",
    annotation="list[str]",
    read=_read_exclude,
)


def _read_calendars(key: str, node: Node, faults: Faults) -> dict[str, str]:
    if not isinstance(node, Map):
        refuse("a map", CALENDARS.form, key, node, faults)
        return {}
    found = {}
    for name, value in node.entries:
        if not is_name(name.value):
            hint = "begin it with a letter; then letters, digits, - and _"
            faults.add(f"'{key}' has an impossible name: {quoted(name.value)}", name, hint=hint)
        text = text_or_none("a path or holidays:REGION", CALENDARS.form, f"{key}.{name.value}", value, faults)
        if text is None:
            continue
        if text.startswith(HOLIDAYS):
            _check_region(f"{key}.{name.value}", text, value, faults)
        elif not text.isprintable():
            refuse("a path or holidays:REGION", CALENDARS.form, f"{key}.{name.value}", value, faults)
        found[name.value] = text
    return found


CALENDARS = Kind(
    name="map of names to calendars",
    wanted="a map",
    form="a map of names, each with the path of an iCalendar file or holidays:REGION",
    annotation="dict[str, str]",
    read=_read_calendars,
)
