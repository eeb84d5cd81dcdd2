"""Reads the global configuration file: from its bytes to values by attribute. All faults are reported at once."""

from typing import Any

from process_control.config.job_file import read_defaults
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.failmail import check_failmail
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.kind import refuse
from process_control.config.keys.map_reader import read_map
from process_control.config.keys.notify_kinds import check_notify
from process_control.config.yaml.document import parse
from process_control.config.yaml.nodes import Map, Text
from process_control.core.schedule.excluded import HOLIDAYS
from process_control.errors import BadConfiguration
from process_control.system.untrusted import shown

_KEYS_OF_JOBS = {
    field.key: "it is a key of job files; for all jobs set it below 'default_job_config'"
    for field in JOB_FIELDS
    if field.in_defaults
}


def read_configuration(source: bytes, path: str) -> dict[str, Any]:
    """Return the values of the configuration by attribute of Settings; none for an empty file.

    Raises BadConfiguration with all faults of the file.
    """
    document = parse(source, shown(path))
    root, faults = document.root, document.faults
    values: dict[str, Any] = {}
    if isinstance(root, Map):
        reading = read_map(root, CONFIGURATION_FIELDS, faults, in_configuration=True, elsewhere=_KEYS_OF_JOBS)
        values = reading.values
        check_failmail(reading.nodes.get("failmail"), faults)
        check_notify("notify", reading.nodes.get("notify"), faults)
        if values.get("calendars"):
            values["calendars"] = _with_whole_paths(values["calendars"], path)
        if "default_job_config" in reading.nodes:
            node = reading.nodes["default_job_config"]
            if not isinstance(node, Map):
                refuse("a map", "a map", "default_job_config", node, faults)
            values["default_job_config"] = read_defaults(
                node, values.get("calendars") or {}, values.get("pools") or {}, faults
            )
    elif root is not None and not (isinstance(root, Text) and root.is_empty):
        faults.add("the file must be a map of keys", root, hint="write one 'key: value' a line")
    if faults:
        raise BadConfiguration(faults=faults.in_order())
    return values


def _with_whole_paths(calendars: dict[str, str], path: str) -> dict[str, str]:
    """Return the calendars; a relative path is relative to the configuration's directory."""
    directory = path.rpartition("/")[0]
    return {
        name: source if source.startswith((HOLIDAYS, "/")) else f"{directory}/{source}"
        for name, source in calendars.items()
    }
