"""Rewrites files of the original process-control with today's keys. Takes bytes; returns bytes and the changes.

Values are edited in place, so comments and blank lines stay as they are. Whether the result is valid is checked by
`job_file.py` and `configuration.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.yaml.edit import Addition, EditedText, Rewritten
from process_control.config.yaml.nodes import List, Map, Node, Text, shown
from process_control.system.syslog import FACILITIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """How a version of the original read its files."""

    #: the unit of a time without one
    unit: str
    #: its defaults that differ from today's
    assumed: tuple[Addition, ...] = ()


EARLY = Original(unit="")
LATER = Original(
    unit="m",
    assumed=(
        Addition("timeout", "0", "the later versions had no default limit"),
        Addition("stderr", "warn", "the later versions never failed on stderr"),
    ),
)


def rewrite_job(source: bytes, original: Original, *, defaults: Mapping[str, Any]) -> Rewritten:
    """Rewrite a job file. `defaults` are those of today's configuration, by attribute: they need no line."""
    edited = EditedText(source)
    root = edited.root
    if isinstance(root, Map):
        _rewrite_job_keys(edited, root, original, prefix="")
        missing = _missing(root, original.assumed)
        edited.append(root, [each for each in missing if _JOB_KEYS[each.key].becomes not in defaults])
        _report_minutes(edited, original)
    return edited.result()


def rewrite_configuration(source: bytes, original: Original, *, accounts: Mapping[int, str]) -> Rewritten:
    """Rewrite the global configuration. `accounts` are names by uid: the original accepted a number as `user`."""
    edited = EditedText(source)
    root = edited.root
    if isinstance(root, Map):
        _rewrite_configuration_keys(edited, root, original, accounts)
        _report_minutes(edited, original)
    return edited.result()


# --- the keys of a job -----------------------------------------------------------------------------------------------

_JOB_KEYS = {each.key: each for each in JOB_FIELDS}
_CONFIGURATION_KEYS = {each.key: each for each in CONFIGURATION_FIELDS}
_ORIGINAL_KEYS = (
    *("name", "description", "command", "slow_start_command", "schedule", "disabled", "timeout", "environment", "tag"),
    *("stdout_destination", "allow_overtime", "failmail", "failure_threshold_for_mail"),
)
_RENAMED = {"tag": "tags", "stdout_destination": "stdout"}
_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9]*)?", re.ASCII)
_RUN_JOB = re.compile(r"/[\w./-]*/run-job(?=\s|$)", re.ASCII)
_YES = ("true", "yes", "on")


def _rewrite_job_keys(edited: EditedText, node: Map, original: Original, *, prefix: str) -> None:
    for key, value in node.entries:
        known = _JOB_KEYS.get(key.value)
        name = prefix + key.value
        if key.value.startswith("x-"):
            continue
        if known is None or (prefix and not known.in_defaults):
            edited.make_note(key, name, "the original ignored it")
        elif key.value in _RENAMED:
            edited.replace(key, _RENAMED[key.value], name, _RENAMED[key.value], "today's key")
        elif key.value == "timeout":
            _rewrite_timeout(edited, value, original, name)
        elif key.value == "allow_overtime":
            _rewrite_overtime(edited, key, value, name)
        elif key.value == "environment":
            _rewrite_environment(edited, value, name)
        elif key.value in ("command", "slow_start_command"):
            _rewrite_commands(edited, value, name)
        elif key.value not in _ORIGINAL_KEYS:
            edited.report(key, f"{name}: stays", "the original ignored it, but today it has a meaning")


def _rewrite_timeout(edited: EditedText, value: Node, original: Original, name: str) -> None:
    if not isinstance(value, Text) or not _NUMBER.fullmatch(value.value):
        return
    number = _as_yaml(value.value)
    if not isinstance(number, int | float):
        return
    digits = str(number) if isinstance(number, int) else f"{number:.6f}".rstrip("0").rstrip(".")
    new = f"{digits}{original.unit}" if number > 0 else "0"
    if new != value.value:
        why = "the later versions counted minutes" if original.unit and number > 0 else "as the original read it"
        edited.replace(value, new, f"{name}: {value.value}", new, why)


def _rewrite_overtime(edited: EditedText, key: Text, value: Node, name: str) -> None:
    if not isinstance(value, Text) or not edited.span(value):
        return
    new = "skip" if value.value.lower() in _YES else "fail"
    edited.replace(key, "on_overlap", f"{name}: {value.value}", f"on_overlap: {new}", "today's key")
    edited.edit(value, new)


def _rewrite_environment(edited: EditedText, node: Node, name: str) -> None:
    """Replace values without quotes by what YAML made of them: today they are taken as written."""
    for key, value in node.entries if isinstance(node, Map) else ():
        if not isinstance(value, Text) or not value.plain or isinstance(read := _as_yaml(value.value), str):
            continue
        if read is None:
            edited.report(value, f"{name}.{shown(key.value)}: is empty", "the original set it to the text None")
        elif str(read) != value.value:
            old = f"{name}.{shown(key.value)}: {value.value}"
            edited.replace(value, f'"{read}"', old, f'"{read}"', "what the original gave the job")


def _rewrite_commands(edited: EditedText, node: Node, name: str) -> None:
    """Remove the path from calls of `run-job`: it may lead to the original, today's is found by its name."""
    for item in node.items if isinstance(node, List) else [node]:
        match = _RUN_JOB.match(item.value) if isinstance(item, Text) else None
        if match is None or not isinstance(item, Text):
            continue
        rest = item.value[match.end() :]
        why = "found by its name, wherever it is installed"
        edited.replace_part(item, match[0], "run-job", f"{name}: {match[0]}{rest}", f"run-job{rest}", why)


_COMMENT_ON_MINUTES = re.compile(r"#.*\btime ?out\b.*\bminutes\b", re.IGNORECASE)


def _report_minutes(edited: EditedText, original: Original) -> None:
    """Report comments that speak of minutes in a file that is read as one of the early versions, in seconds."""
    for line, comment in edited.comments() if not original.unit else ():
        if _COMMENT_ON_MINUTES.match(comment):
            why = "if it is right, import with --minutes: a bare number is seconds"
            edited.report_line(line, "a comment says minutes", why)


def _missing(node: Map, assumed: tuple[Addition, ...]) -> list[Addition]:
    """Return those of `assumed` that the map does not set, in any spelling."""
    given = {known.spelling_of or known.key for key, _ in node.entries if (known := _JOB_KEYS.get(key.value))}
    return [each for each in assumed if each.key not in given]


# --- the keys of the configuration -----------------------------------------------------------------------------------

_DROPPED_KEYS = {
    "logging": "process-control logs to syslog itself, see 'syslog'",
    "runner_path": "the generated crontab calls today's run-job",
    "run_directory": "locks are kept in the state directory",
}
_FORGOTTEN_AT_BOOT = ("/tmp", "/run", "/var/run", "/dev/shm")


def _rewrite_configuration_keys(edited: EditedText, root: Map, original: Original, accounts: Mapping[int, str]) -> None:
    entries = {key.value: value for key, value in root.entries}
    for key, value in root.entries:
        known = _CONFIGURATION_KEYS.get(key.value)
        if key.value.startswith("x-"):
            continue
        if key.value in _DROPPED_KEYS:
            edited.make_note(key, key.value, _DROPPED_KEYS[key.value])
        elif known is None:
            edited.make_note(key, key.value, "the original ignored it")
        elif key.value == "state_directory" and _is_forgotten_at_boot(value):
            edited.make_note(key, key.value, "history must survive a reboot: the default does")
        elif key.value == "user":
            _rewrite_user(edited, value, accounts)
        elif key.value == "default_job_config" and isinstance(value, Map):
            _rewrite_job_keys(edited, value, original, prefix="default_job_config.")
            edited.insert(value, _missing(value, original.assumed), "default_job_config.")
        elif key.value == "default_job_config" and original.assumed:
            edited.make_note(key, key.value, "it is not a map: one is added at the end")
    if not isinstance(entries.get("default_job_config"), Map):
        edited.append_map(root, "default_job_config", original.assumed)
    _mail_each_failure(edited, root, entries.get("failmail"))
    if "syslog" not in entries:
        edited.append_map(root, "syslog", _syslog_additions(entries.get("logging")))


_EACH = Addition("each", "true", "the original mailed each failed run; remove it for one mail an outage")


def _mail_each_failure(edited: EditedText, root: Map, failmail: Node | None) -> None:
    if failmail is None:
        edited.append_map(root, "failmail", [_EACH])
    elif isinstance(failmail, Map) and all(key.value != "each" for key, _ in failmail.entries):
        edited.insert(failmail, [_EACH], "failmail.")


def _is_forgotten_at_boot(value: Node) -> bool:
    return isinstance(value, Text) and any(
        value.value == place or value.value.startswith(f"{place}/") for place in _FORGOTTEN_AT_BOOT
    )


def _rewrite_user(edited: EditedText, value: Node, accounts: Mapping[int, str]) -> None:
    if not isinstance(value, Text) or not value.value.isdecimal():
        return
    name = accounts.get(int(value.value))
    if name is None:
        edited.report(value, f"user: {value.value} stays", "no account has this number: write the name of an account")
    else:
        edited.replace(value, name, f"user: {value.value}", name, "today it is a name")


def _syslog_additions(logging: Node | None) -> list[Addition]:
    """Return the keys of `syslog` that send lines to where the `logging` of the original sent them."""
    handlers = _entry(logging, "handlers")
    for _, handler in handlers.entries if isinstance(handlers, Map) else ():
        kind, facility, address = (_entry(handler, key) for key in ("class", "facility", "address"))
        if not isinstance(kind, Text) or not kind.value.endswith("SysLogHandler"):
            continue
        why = "as the 'logging' of the original had it"
        found = []
        if isinstance(facility, Text) and facility.value in FACILITIES:
            found.append(Addition("facility", facility.value, why))
        if isinstance(address, Text) and address.value.startswith("/") and address.value != "/dev/log":
            found.append(Addition("address", address.value, why))
        return found
    return []


def _entry(node: Node | None, name: str) -> Node | None:
    entries = node.entries if isinstance(node, Map) else ()
    return next((value for key, value in entries if key.value == name), None)


def _as_yaml(text: str) -> Any:
    """Return how the original read a scalar without quotes; the text itself when that is an error."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text
