"""What follows from the table of records: the facts of a run as a class, those of the syslog, the reference page."""

from pathlib import Path

from process_control.core.records import EVENTS, FIELDS, NEVER_NULL, Field, run_columns, syslog_fields

MADE_BY = "Generated from core/records.py by `python -m tools.keys`: do not edit."
_PYTHON = {"text": "str", "time": "str", "number": "float", "whole": "int", "boolean": "bool", "map": "dict[str, Any]"}

RUN_FACTS = '''\
"""The facts of a run: as the index has them, and as every `--json` answer does.

{made_by}
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(slots=True)  # not frozen, nor of keywords only: lists make thousands
class RunFacts:
    """What is known of one run: an attribute for each field of the table that has a key in `--json`."""

{attributes}


class Row(NamedTuple):
    """The columns of a run in the index. What is JSON there is a text."""

{columns}
'''

SYSLOG_FACTS = '''\
"""Which fields of a record are facts of its line in the syslog, by event.

Lean module: imports nothing. {made_by}
"""

FACTS = {{
{rows}
}}
'''

PAGE_HEAD = """\
# Records

Everything that happens is one line of JSON in the journal (`journal/YYYY-MM-DD.jsonl` in the state directory), and
`process-control audit --json` prints these lines. Fields may be added: pass over those that you do not know. Types are
those of [--json](json.md); `?` is what may be `null`. A field is there only where there is something to say.

## Events
"""

FIELDS_HEAD = """\
## Fields

`block` is the job's block: what the next start has to know of the last run, in `jobs/SLUG/block`; it has what a start
has besides. *Shown in*: `json`, in a run of every `--json` answer; `csv`, in `history --csv`; `syslog`, among the facts
of a line.
"""


def outputs(root: Path) -> dict[Path, str]:
    """Return every file that is made of the table, and its text."""
    return {
        root / "src/process_control/history/index/run_facts.py": run_facts(),
        root / "src/process_control/notify/syslog_facts.py": syslog_facts(),
        root / "docs/reference/records.md": records_page(),
    }


def run_facts() -> str:
    lines = []
    for field in FIELDS:
        if field.in_json:
            lines += [f"    #: {field.meaning}", f"    {field.name}: {_annotation(field)}{_default(field)}"]
    columns = "\n".join(f"    {field.name}: {_in_index(field)}" for field in FIELDS if field.name in run_columns())
    return RUN_FACTS.format(made_by=MADE_BY, attributes="\n".join(lines), columns=columns)


def _in_index(field: Field) -> str:
    kind = {"map": "str", "boolean": "int"}.get(
        field.kind, "str" if field.kind.startswith("[") else _PYTHON.get(field.kind)
    )
    return str(kind) if field.name in NEVER_NULL else f"{kind} | None"


def _annotation(field: Field) -> str:
    kind = "list[dict[str, Any]]" if field.kind.startswith("[") else _PYTHON[field.kind]
    return f"{kind} | None" if field.type.endswith("?") else kind


def _default(field: Field) -> str:
    return " = field(compare=False)" if field.name == "pid" else ""


def syslog_facts() -> str:
    rows = [f'    "{event}": "{" ".join(syslog_fields(event))}",' for event in EVENTS]
    return SYSLOG_FACTS.format(made_by=MADE_BY, rows="\n".join(rows))


def records_page() -> str:
    parts = [f"<!-- {MADE_BY} -->\n\n{PAGE_HEAD}", "| event | when |\n|---|---|"]
    parts += [f"| `{event}` | {meaning} |" for event, meaning in EVENTS.items()]
    parts += [f"\n{FIELDS_HEAD}", "| field | type | meaning | records | shown in | since |\n|---|---|---|---|---|---|"]
    parts += [_row(field) for field in FIELDS]
    return "\n".join(parts) + "\n"


def _row(field: Field) -> str:
    shown = [word for word, is_there in (("json", field.in_json), ("csv", field.csv is not None)) if is_there]
    shown += ["syslog"] if field.syslog else []
    records = "all" if set(EVENTS) <= set(field.events) else ", ".join(field.events)
    meaning = field.meaning.replace("|", "\\|")
    return f"| `{field.name}` | {field.type} | {meaning} | {records} | {', '.join(shown)} | {field.since} |"
