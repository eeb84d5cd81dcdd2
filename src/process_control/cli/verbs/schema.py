"""`schema`: the JSON Schema of the job file."""

import json

import click

from process_control.cli.print.output import print_line
from process_control.cli.session import Session, verb
from process_control.config.keys.json_schema import job_schema


@verb(
    "schema",
    epilog="Editors with a YAML language server take it from a first line `# yaml-language-server: $schema=FILE`.",
)
@click.option("--json", "as_json", is_flag=True, help="No effect: the output is always JSON.")
def schema(session: Session, as_json: bool) -> None:  # noqa: ARG001  every verb gets the session, and has the flag
    """Print the JSON Schema of the job file, for editors: they complete keys, explain them, and underline faults."""
    print_line(json.dumps(job_schema(), ensure_ascii=False, indent=2))
