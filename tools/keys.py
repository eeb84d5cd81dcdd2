"""Write what follows from the tables of keys and records: classes, reference pages, the example configuration.

`python -m tools.keys` rewrites them in the source tree; a test compares.
"""

import sys
import textwrap
from pathlib import Path

from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.field import Field, attributes_of, example_entry
from process_control.config.keys.fingerprint import fingerprint
from process_control.config.keys.job_fields import JOB_FIELDS
from tools import records

ROOT = Path(__file__).parents[1]
MADE_BY = "Generated from the tables in config/keys/ by `python -m tools.keys`: do not edit."


def outputs() -> dict[Path, str]:
    """Return every generated file of the source tree and its text."""
    return {
        ROOT / "src/process_control/core/job.py": job_class(),
        ROOT / "src/process_control/config/settings.py": settings_class(),
        ROOT / "src/process_control/data/process-control.example.yaml": example_configuration(),
        ROOT / "docs/reference/job-file.md": job_file_page(),
        ROOT / "docs/reference/configuration.md": configuration_page(),
        **records.outputs(ROOT),
    }


# --- core/job.py -----------------------------------------------------------------------------------------------------

# What a job has besides its keys: attribute, annotation, default ("" = required).
BEFORE = (("slug", "str", ""), ("path", "str", ""), ("version", "str", '""'))
AFTER = (
    ("planned_slots", "list[int]", "[]"),
    ("excluded", "dict[str, Any]", "{}"),
    ("plan_hash", "str", '""'),
    ("schedule_of", "str | None", "None"),
    ("causes_planned", "dict[str, str]", "{}"),
    ("fleet_schedule", "list[str]", "[]"),
)
DOCUMENTED = {
    "slug": "the name of its file without .yaml",
    "path": "its file",
    "version": "the first 12 hex digits of the SHA-256 of its file",
    "planned_slots": "UTC seconds, rising: the last slot before they were planned (0: none), then the next ones",
    "excluded": "what follows from `exclude` for them, see `config/plan_of_job.py`; empty without that key",
    "schedule_of": "the job that its schedule and time zone are of, for a job with `after` and no schedule of its own",
    "causes_planned": "the `plan_hash` of each cause of such a job, of which its own plan was made",
    "fleet_schedule": "what its file has as `schedule`, for a job of the fleet, which this host plans nothing for",
    "plan_hash": "the hash of the file and of what it plans, with the defaults; empty before it is planned",
}

JOB_MODULE = '''\
"""A job: its file over the defaults, in one slotted class with an attribute for each key.

Lean module: imports nothing.

{made_by}
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS_VERSION = "{fingerprint}"

ATTRIBUTES = (
{names}
)

MAX_SLUG = 64


def is_slug(text: str) -> bool:
    """Return whether `text` can name a job: it matches [A-Za-z0-9][A-Za-z0-9_-]{{0,63}} in full."""
    return (
        0 < len(text) <= MAX_SLUG
        and text.isascii()
        and text[0].isalnum()
        and text.replace("_", "0").replace("-", "0").isalnum()
    )


class Job:
    """One job. Times are in seconds, sizes in bytes, commands are split into words; see docs/reference/job-file.md."""

    __slots__ = ATTRIBUTES

    if TYPE_CHECKING:  # to evaluate them would cost every start a third of a millisecond
{annotations}

    def __init__(
        self,
        *,
{parameters}
    ) -> None:
{assignments}

    @classmethod
    def from_values(cls, values: "list[Any]") -> "Job":
        """Return the job whose attributes, in order, are `values`. Raises ValueError for too many or too few."""
        job = cls.__new__(cls)
        (  # a loop with setattr takes ten times as long: a list of jobs has thousands
{targets}
        ) = values
        return job

    def to_values(self) -> "list[Any]":
        """Return the values of all attributes in order, as plain JSON values."""
        return [getattr(self, name) for name in ATTRIBUTES]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self.to_values() == other.to_values()

    __hash__ = None  # type: ignore[assignment]  # its lists may change

    def __repr__(self) -> str:
        """Return the job without the values of its environment, which may be secrets."""
        shown = [
            f"{{name}}={{sorted(self.environment) if name == 'environment' else getattr(self, name)!r}}"
            for name in ATTRIBUTES
        ]
        return f"Job({{', '.join(shown)}})"
'''


def job_class() -> str:
    """Return the text of core/job.py."""
    keys = [(name, *_typed(name, field)) for name, field in attributes_of(JOB_FIELDS).items()]
    rows = [*BEFORE, *keys, *AFTER]
    required_first = sorted(rows, key=lambda row: row[2] != "")
    return JOB_MODULE.format(
        made_by=MADE_BY,
        fingerprint=fingerprint(),
        names="\n".join(f'    "{name}",' for name, _, _ in rows),
        annotations="\n".join(_annotated(name, annotation) for name, annotation, _ in rows),
        parameters="\n".join(_parameter(*row) for row in required_first),
        assignments="\n".join(_assignment(name, default) for name, _, default in rows),
        targets="\n".join(f"            job.{name}," for name, _, _ in rows),
    )


def _annotated(name: str, annotation: str) -> str:
    comment = f"        #: {DOCUMENTED[name]}\n" if name in DOCUMENTED else ""
    return f"{comment}        {name}: {annotation}"


def _typed(name: str, field: Field) -> tuple[str, str]:
    """Return annotation and default of an attribute, as Python text."""
    annotation = field.kind.annotation
    if name == "lock":
        return "str", '""'
    if name == "log_bytes":
        return "int", "100_000_000"
    if name == "umask":
        return "int", f"0o{field.default:03o}"
    if field.required:
        return annotation, ""
    if field.default is None:
        return f"{annotation} | None", "None"
    if isinstance(field.default, str):
        return annotation, f'"{field.default}"'
    is_large = type(field.default) is int and field.default > 9999
    return annotation, f"{field.default:_}" if is_large else repr(field.default)


def _parameter(name: str, annotation: str, default: str) -> str:
    if default in ("[]", "{}"):
        return f'        {name}: "{annotation} | None" = None,'
    shown = f'"{annotation}"' if "[" in annotation or "|" in annotation else annotation
    return f"        {name}: {shown} = {default}," if default else f"        {name}: {shown},"


def _assignment(name: str, default: str) -> str:
    if name == "lock":
        return "        self.lock = lock or slug"
    if default in ("[]", "{}"):
        return f"        self.{name} = {default} if {name} is None else {name}"
    return f"        self.{name} = {name}"


# --- config/settings.py ----------------------------------------------------------------------------------------------

# What the settings have besides their keys.
FROM_THE_SEARCH = ("default_path", "path", "search", "syslog_hangs")
# The keys whose default is not one value.
PLACES = {
    "job_directory": "directories[0]",
    "output_directory": "directories[1]",
    "state_directory": "directories[2]",
    "run_directory": "layout.run_directory(self.state_directory)",
    "output_crontab": "directories[3]",
}

SETTINGS_MODULE = '''\
"""The global configuration in force: an attribute for each key, with the defaults filled in.

Lean module.

{made_by}
"""

from process_control.config.search import Search
from process_control.core import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Settings:
    """The value of each global key, and the file it comes from; see docs/reference/configuration.md."""

    __slots__ = (
{names}
    )

    def __init__(self, values: "dict[str, Any]", search: Search, path: "str | None", directories: "list[str]") -> None:
        """Take the file's `values`, by attribute; `directories` are the defaults, see `Search.found`."""
        get = values.get
        self.path = path
        self.default_path = search.named is None
        self.search = search
        self.syslog_hangs = False  # set by the first line that is sent
{assignments}

    def __repr__(self) -> str:
        """Return the settings without the defaults of jobs, whose environment may hold secrets."""
        hidden = ("default_job_config", "search", "web_users")
        shown = [f"{{name}}={{getattr(self, name)!r}}" for name in self.__slots__ if name not in hidden]
        return f"Settings({{', '.join(shown)}})"


def load_settings(
    named: str | None, environ: "dict[bytes, bytes]", slug_hint: str | None = None, *, root: str = ""
) -> Settings:
    """Return the settings in force. `named` is --config, `environ` is posix.environ.

    `slug_hint` is the job that will be loaded next: one cache file has both. `root` is put before the system's paths
    (/etc, /var).

    Raises BadConfiguration (78) for a configuration that is named but missing, or has faults; NotPermitted (77) for
    one that somebody else could have written.
    """
    search = Search(named, environ, slug_hint, root)
    values, path, directories = search.found()
    return Settings(values, search, path, directories)
'''


def settings_class() -> str:
    """Return the text of config/settings.py."""
    keys = attributes_of(CONFIGURATION_FIELDS)
    return SETTINGS_MODULE.format(
        made_by=MADE_BY,
        names="\n".join(f'        "{name}",' for name in sorted([*keys, *FROM_THE_SEARCH])),
        assignments="\n".join(_setting(name, *_typed(name, field)) for name, field in keys.items()),
    )


def _setting(name: str, annotation: str, default: str) -> str:
    if name in PLACES:
        return f'        self.{name}: str = get("{name}") or {PLACES[name]}'
    if default in ("[]", "{}"):
        return f'        self.{name}: {annotation} = get("{name}") or {default}'
    value = f'get("{name}")' if default == "None" else f'get("{name}", {default})'
    return f"        self.{name}: {annotation} = {value}"


# --- the example configuration ---------------------------------------------------------------------------------------

EXAMPLE_HEAD = """\
# The global configuration of process-control, with every key. It works without any: uncomment what you need.
#
# Copy it to /etc/process-control.yaml, or for yourself to ~/.config/process-control/process-control.yaml
# ('process-control init' writes it there, with your paths). It must belong to root or to you, and nobody else may
# write to it. Times are seconds, or 90s, 10m, 2h, 1d; sizes are bytes, or 100 MB, 1 GB, 1 GiB."""


def example_configuration() -> str:
    """Return the example: words after '# ', YAML after '#' alone."""
    parts = [EXAMPLE_HEAD]
    for field in CONFIGURATION_FIELDS:
        words = [*textwrap.wrap(field.meaning.replace("`", "'"), 110)]
        if field.default_words:
            words.append(f"Default: {field.default_words.replace('`', '')}.")
        if field.key == "default_job_config":
            words.append("Every key of the job file: process-control explain, or man process-control-job.")
        parts.append("\n".join([f"# {line}" for line in words] + [f"#{line}" for line in _lines(field)]))
    return "\n\n".join(parts) + "\n"


def _lines(field: Field) -> list[str]:
    return example_entry(field).splitlines()


# --- the reference pages ---------------------------------------------------------------------------------------------

JOB_HEAD = """\
# The job file

One YAML file is one job: `<slug>.yaml` in the job directory. The slug is what commands call the job; it is letters,
digits, `-` and `_`, at most 64, the first a letter or digit.

```yaml
name: Nightly backup
description: Copies the database to the second site.
owner: ops@example.org
command:
  - /usr/local/bin/backup --all
  - /usr/local/bin/check-backup
schedule: "30 2 * * *"
timeout: 2h
environment:
  BACKUP_TARGET: second-site
```

It is read strictly: unknown keys (but `x-…`, for notes), duplicate keys, anchors, tags and wrong types are
faults, and all faults of a file are reported at once with line and column. At most 64 KiB and 10 levels. A hard tab
used as indentation is read as up to the next column of 8, and `process-control lint --fix` rewrites it.

- **Times** are seconds, or `90s`, `10m`, `2h`, `1d`. **Sizes** are bytes, or `100 kB`, `100 MB`, `1 GB`, `1 GiB`.
- **Lists**: where a list is accepted, one value alone is too.
- **Defaults** for every key but `name`, `command` and `schedule` can be set in `default_job_config` of the
  [configuration](configuration.md).

The file must be a regular file with one name (hard link), owned by root or by the owner of the job directory, and
writable by nobody else; the directory and its parents likewise. When jobs run as root, the owner must be root or the
`trusted_owner`. A group may write if it is root's or the `trusted_group`, or has no member but the owner.
"""

CONFIGURATION_HEAD = """\
# The global configuration

One YAML file, and none is needed: without one the defaults hold. It is searched in this order, and the first that is
found is the only one that is read.

| as root, or as the service user that a system configuration names | as any other user |
|---|---|
| `/etc/process-control.yaml` | `$XDG_CONFIG_HOME/process-control/process-control.yaml` |
| `/etc/fundraising/process-control.yaml` | `/etc/process-control.yaml` |
| | `/etc/fundraising/process-control.yaml` |

`--config FILE` or `PROCESS_CONTROL_CONFIG` names another one. `XDG_CONFIG_HOME` is `~/.config` when it is not set,
`XDG_STATE_HOME` is `~/.local/state`. Where two defaults are given below, the first holds for root and the service
user, the second for any other user.

```yaml
user: jobs
job_directory: /var/lib/process-control
default_job_config:
  timeout: 30m
```

The file is read as strictly as a [job file](job-file.md). It must be owned by root or by you, and be writable by
nobody else; for root it must be root's.
"""


def job_file_page() -> str:
    """Return docs/reference/job-file.md."""
    return _page(JOB_HEAD, JOB_FIELDS)


def configuration_page() -> str:
    """Return docs/reference/configuration.md."""
    return _page(CONFIGURATION_HEAD, CONFIGURATION_FIELDS)


def _page(head: str, fields: tuple[Field, ...]) -> str:
    parts = [f"<!-- {MADE_BY} -->\n\n{head}", "## Keys\n"]
    parts += [
        _section(field, [other.key for other in fields if other.spelling_of == field.key])
        for field in fields
        if not field.spelling_of
    ]
    return "\n".join(parts)


def _section(field: Field, spellings: list[str]) -> str:
    facts = [f"{_a_kind(field)}", "required" if field.required else _default(field)]
    if spellings:
        facts.append("also written " + ", ".join(f"`{key}`" for key in spellings))
    lines = [f"### `{field.key}`", "", "; ".join(facts) + ".", "", field.meaning, ""]
    if field.fields:
        lines.append(_table(field.fields))
    return "\n".join([*lines, _example(field), ""])


def _example(field: Field) -> str:
    entry = example_entry(field)
    if "\n" not in entry:
        return f"Example: `{entry}`"
    title = "# /etc/process-control.yaml\n" if field in CONFIGURATION_FIELDS else ""
    return f"```yaml\n{title}{entry}\n```"


def _a_kind(field: Field) -> str:
    return field.kind.name[0].upper() + field.kind.name[1:] if field.kind.name[0] != "`" else field.kind.name


def _default(field: Field) -> str:
    return f"default {field.default_words}" if field.default_words else "no default"


def _table(fields: tuple[Field, ...]) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    rows += _rows(fields)
    return "\n".join(rows) + "\n"


def _rows(fields: tuple[Field, ...], *, prefix: str = "") -> list[str]:
    rows = []
    for field in fields:
        default = field.default_words or "none"
        rows.append(f"| `{prefix}{field.key}` | {field.kind.name} | {default} | {_cell(field.meaning)} |")
        if prefix or field.whole:
            rows += _rows(field.fields, prefix=f"{prefix}{field.key}.") if field.fields else []
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
