"""A fingerprint of the tables of keys and of the code that reads files, for the cache."""

from pathlib import Path

from process_control.config.keys.configuration_fields import CONFIGURATION_FIELDS
from process_control.config.keys.field import Field
from process_control.config.keys.job_fields import JOB_FIELDS
from process_control.core.digest import sha256

#: The code that decides, besides the tables, how a file is read and whether it is valid.
READERS = (
    *("config/command_words.py", "config/configuration.py", "config/job_file.py", "config/odd_places.py"),
    *(
        "config/keys/conditions.py",
        "config/keys/failmail.py",
        "config/keys/notify_kinds.py",
        "config/keys/map_reader.py",
    ),
    *("config/keys/regex_cost.py", "config/keys/rule_checks.py", "config/keys/kind.py", "config/keys/text_kinds.py"),
    *("config/keys/number_kinds.py", "config/keys/list_kinds.py", "config/keys/environment_kinds.py"),
    *("config/keys/exclude_kinds.py", "config/keys/after_kinds.py", "core/schedule/excluded.py"),
    "config/keys/run_on_kinds.py",
    *("config/yaml/document.py", "config/yaml/nodes.py", "config/yaml/repair.py"),
    *("core/schedule/columns.py", "core/schedule/cron_fields.py", "core/schedule/schedule.py"),
)


def fingerprint() -> str:
    """Return 12 hex digits that change with tables or readers: then cached values are parsed again."""
    package = Path(__file__).parents[2]
    rows = [sha256((package / name).read_bytes()).hexdigest() for name in READERS]

    def add(fields: tuple[Field, ...]) -> None:
        for each in fields:
            rows.append(f"{each.key} {each.becomes} {each.kind.name} {each.kind.annotation} {each.default!r}")
            add(each.fields)

    add(JOB_FIELDS)
    add(CONFIGURATION_FIELDS)
    return sha256("\n".join(rows).encode()).hexdigest()[:12]
