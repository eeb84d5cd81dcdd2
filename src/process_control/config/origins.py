"""Where each value of a job comes from: a line of its file, the configuration, or a built-in default."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from process_control.config.keys.configuration_fields import DEFAULT_LOG_BYTES
from process_control.config.keys.field import Field
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.config.settings import Settings
from process_control.config.yaml.document import parse
from process_control.config.yaml.nodes import Map, Node
from process_control.core.job import Job

BUILT_IN = "built in"
CONFIGURATION = "configuration"
DEFAULT_JOB_CONFIG = "default_job_config"
#: Keys that mean nothing without a fleet.
OF_THE_FLEET = ("run_on", "on_host_loss", "on_partition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A value of a job, and where it comes from."""

    #: its full name, such as `hold.after_failures`
    key: str
    field: Field
    value: Any
    #: `<slug>.yaml:<line>`, DEFAULT_JOB_CONFIG, CONFIGURATION or BUILT_IN
    origin: str


def origins(job: Job, source: bytes, settings: Settings) -> list[Origin]:
    """Return every key of the job file that means something, in the order of the table. `source`: the file's text."""
    root = parse(source, f"{job.slug}.yaml").root
    found = _origins(JOB_FIELDS, root if isinstance(root, Map) else None, job, settings, prefix="")
    has_fleet = settings.fleet_address is not None
    return [each for each in found if has_fleet or each.key not in OF_THE_FLEET or each.origin != BUILT_IN]


def _origins(
    fields: tuple[Field, ...], node: Map | None, job: Job, settings: Settings, *, prefix: str
) -> Iterator[Origin]:
    written = {key.value: (key.line, value) for key, value in node.entries} if node is not None else {}
    for field in fields:
        if field.spelling_of:
            continue
        names = [field.key, *(other.key for other in fields if other.spelling_of == field.key)]
        line, value = next((written[name] for name in names if name in written), (None, None))
        if field.fields and not field.whole:
            yield from _origins_in_map(field, line, value, job, settings)
            continue
        where = _origin(field, line, job, settings)
        found = job.fleet_schedule or job.schedule if field.key == "schedule" else getattr(job, field.becomes)
        yield Origin(key=prefix + field.key, field=field, value=found, origin=where)


def _origins_in_map(
    field: Field, line: int | None, node: Node | None, job: Job, settings: Settings
) -> Iterator[Origin]:
    prefix = f"{field.key}."
    bare = next((each for each in field.fields if each.key == field.bare), None)
    has_effect = line is not None or bare is None or getattr(job, bare.becomes) is not None
    for each in _origins(field.fields, node if isinstance(node, Map) else None, job, settings, prefix=prefix):
        is_bare = line is not None and not isinstance(node, Map)
        if not has_effect:  # such as `catch_up.within` without `catch_up`: its default is that of the map
            each = replace(each, value=None)
        if is_bare and (each.field.key == field.bare or each.value is None or _is_derived(each)):
            yield Origin(key=each.key, field=each.field, value=each.value, origin=_line(job, line))
        elif line is not None and each.origin == DEFAULT_JOB_CONFIG:  # a job's map replaces the default whole
            yield Origin(key=each.key, field=each.field, value=each.value, origin=BUILT_IN)
        else:
            yield each


def _is_derived(each: Origin) -> bool:
    """Return whether a value follows from that of another key, as `owner.mail` from an address that is the owner."""
    return each.field.given is None and each.value != each.field.default


def _origin(field: Field, line: int | None, job: Job, settings: Settings) -> str:
    if line is not None and not (field.becomes == "time_zone" and job.schedule_of):
        return _line(job, line)
    if field.becomes in ("schedule", "time_zone") and job.schedule_of:
        return f"{job.schedule_of}.yaml"
    if field.becomes in settings.default_job_config:
        return DEFAULT_JOB_CONFIG
    if field.becomes == "log_bytes" and job.log_bytes != DEFAULT_LOG_BYTES:
        return CONFIGURATION
    return BUILT_IN


def _line(job: Job, line: int | None) -> str:
    return f"{job.slug}.yaml:{line}"
