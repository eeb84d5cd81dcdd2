"""Reads one job file: from its bytes to a Job, over the defaults of the configuration. Reports all faults at once."""

import posix
from datetime import UTC
from typing import Any

from process_control.config.keys.after_kinds import check_after, completed_after
from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.exclude_kinds import check_names
from process_control.config.keys.failmail import check_failmail
from process_control.config.keys.field import defaults
from process_control.config.keys.inner_fields import DEFAULT_ATTEMPTS, RULE_FIELDS
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.keys.map_reader import Reading, read_map
from process_control.config.keys.notify_kinds import check_notify, check_ping
from process_control.config.keys.pool_kinds import check_pool
from process_control.config.keys.rule_checks import check_expect, check_only_if, check_rules, rule_text
from process_control.config.keys.text_kinds import wrong_address
from process_control.config.yaml.document import Document, parse
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text
from process_control.core.digest import version_of
from process_control.core.job import Job
from process_control.errors import BadConfiguration

MAX_SCHEDULES = 100
DEFAULT_FIELDS = tuple(field for field in JOB_FIELDS if field.in_defaults)
CONDITIONS = tuple(field.key for field in RULE_FIELDS if field.key != "verdict")
_BY_KEY = {field.key: field for field in JOB_FIELDS}
_GLOBAL_KEYS = {
    field.key: f"it is a key of the configuration, not of a job; see: process-control explain {field.key}"
    for field in CONFIGURATION_FIELDS
}
_DEFAULTS = defaults(JOB_FIELDS)


def read_job(
    source: bytes,
    *,
    slug: str,
    path: str,
    default_values: dict[str, Any],
    log_bytes: int,
    calendars: dict[str, str] | None = None,
    pools: dict[str, int] | None = None,
) -> Job:
    """Return the job that `source` describes. Raises BadConfiguration with all faults of the file.

    `calendars` and `pools` are those of the configuration; None: nobody knows them.
    """
    document = parse(source, f"{slug}.yaml")
    reading = _read(document, slug)
    if calendars is not None:
        check_names("exclude", reading.nodes.get("exclude"), calendars, document.faults)
    if pools is not None:
        check_pool("pool", reading.nodes.get("pool"), pools, document.faults)
    if document.faults:
        raise BadConfiguration(faults=document.faults.in_order())
    values = _DEFAULTS | {"lock": slug, "log_bytes": log_bytes}
    values |= _over(default_values, reading)
    return Job(slug=slug, path=path, version=version_of(source), **_copied(values))


def read_defaults(node: Node, calendars: dict[str, str], pools: dict[str, int], faults: Faults) -> dict[str, Any]:
    """Return the values of a configuration's `default_job_config` by attribute; faults are added to `faults`.

    `calendars` and `pools` are those of the configuration.
    """
    if not isinstance(node, Map):
        return {}
    for key, _ in node.entries:
        field = _BY_KEY.get(key.value)
        if field is not None and not field.in_defaults:
            faults.add(f"'{key.value}' cannot have a default", key, hint="write it in each job file")
    allowed = Map(node.line, node.column, [entry for entry in node.entries if not _has_no_default(entry[0])])
    reading = read_map(allowed, DEFAULT_FIELDS, faults, prefix="default_job_config.")
    check_names("default_job_config.exclude", reading.nodes.get("exclude"), calendars, faults)
    check_pool("default_job_config.pool", reading.nodes.get("pool"), pools, faults)
    check_notify("default_job_config.notify", reading.nodes.get("notify"), faults)
    _check_maps(reading, faults)
    return _values(reading)


def _has_no_default(key: Text) -> bool:
    return key.value in _BY_KEY and not _BY_KEY[key.value].in_defaults


def _read(document: Document, slug: str) -> Reading:
    root, faults = document.root, document.faults
    if not isinstance(root, Map):
        _refuse_no_map(root, faults)
        return Reading()
    reading = read_map(root, JOB_FIELDS, faults, elsewhere=_GLOBAL_KEYS)
    present = {key.value for key, _ in root.entries}
    for field in JOB_FIELDS:
        if field.required and field.key not in present:
            hint = f"add a line such as: {field.key}: {field.example}"
            faults.add(f"'{field.key}' is missing", (1, 1), hint=hint, is_in_line=False)
    _check_schedule(reading, slug, faults)
    check_after(slug, reading.nodes.get("after"), faults)
    check_notify("notify", reading.nodes.get("notify"), faults, of_one_job=True)
    _check_maps(reading, faults)
    return reading


def _check_maps(reading: Reading, faults: Faults) -> None:
    """Add faults for keys inside of maps that do not go together."""
    nodes = reading.nodes
    check_failmail(nodes.get("failmail"), faults)
    check_rules(nodes.get("verdicts"), faults, CONDITIONS)
    check_expect(nodes.get("expect"), faults)
    check_only_if(nodes.get("only_if"), faults)
    check_ping(nodes.get("ping"), faults)


def _refuse_no_map(root: Node | None, faults: Faults) -> None:
    if faults:
        return
    if root is None or (isinstance(root, Text) and root.is_empty):
        faults.add("the file is empty", (1, 1), hint="a job needs at least 'name' and 'command'")
        return
    found = "a list" if isinstance(root, List) else "text"
    faults.add(f"the file must be a map of keys, not {found}", root, hint="write one 'key: value' a line")


def _check_schedule(reading: Reading, slug: str, faults: Faults) -> None:
    """Add a fault for each invalid schedule. The zone makes no difference to that; UTC need not be read."""
    node = reading.nodes.get("schedule")
    if node is None:
        return
    from process_control.core.schedule.columns import ScheduleError
    from process_control.core.schedule.schedule import Schedule  # not for every configuration and job

    items = node.items if isinstance(node, List) else [node]
    if len(items) > MAX_SCHEDULES:
        faults.add(f"more than {MAX_SCHEDULES} schedules", items[MAX_SCHEDULES], hint="write steps and ranges")
    for item in items[:MAX_SCHEDULES]:
        if not isinstance(item, Text) or item.is_empty or "\0" in item.value:
            continue  # has a fault already
        try:
            Schedule.parse([item.value], time_zone=UTC, host=posix.uname().nodename, slug=slug)
        except ScheduleError as error:
            faults.add(error.what, item, hint=error.hint)


def _values(reading: Reading) -> dict[str, Any]:
    """Return the values by attribute: `allow_overtime` as `on_overlap`, rules with their text, default attempts."""
    values = dict(reading.values)
    if "allow_overtime" in reading.nodes:
        values["on_overlap"] = "skip" if values["on_overlap"] else "fail"
    if "retry" in reading.nodes:
        values.setdefault("retry_attempts", DEFAULT_ATTEMPTS)
    if "verdicts" in reading.nodes:
        values["verdicts"] = _with_their_text(values["verdicts"], reading.nodes["verdicts"])
    if "after" in reading.nodes:
        values["after"] = completed_after(values["after"])
    if "owner" in reading.nodes:
        values |= _completed_owner(reading.nodes["owner"], values)
    return values


def _completed_owner(node: Node, values: dict[str, Any]) -> dict[str, Any]:
    """Return the address that a text as owner is, and the name that a map without a team has."""
    owner, mail = values.get("owner"), values.get("owner_mail")
    if isinstance(node, Text) and owner and "@" in owner and not wrong_address(owner):
        return {"owner_mail": [owner]}
    return {"owner": ", ".join(mail)} if mail and not owner else {}


def _with_their_text(rules: list[dict[str, Any]], node: Node) -> list[dict[str, Any]]:
    maps = [item for item in (node.items if isinstance(node, List) else [node]) if isinstance(item, Map)]
    return [{**rule, "text": rule_text(item)} for rule, item in zip(rules, maps, strict=True)]


def _over(default_values: dict[str, Any], reading: Reading) -> dict[str, Any]:
    """Return the values of the job over the defaults of the configuration."""
    given = {name for key in reading.nodes for name in _BY_KEY[key].attributes}
    values = {name: value for name, value in default_values.items() if name not in given} | _values(reading)
    if "environment" in default_values and "environment" in reading.values:
        values["environment"] = default_values["environment"] | reading.values["environment"]
    return values


def _copied(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with all lists and maps copied, so that no two jobs share one."""
    return {name: value.copy() if isinstance(value, (list, dict)) else value for name, value in values.items()}
