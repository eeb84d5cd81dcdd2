"""`metrics`: numbers for Prometheus."""

import os

import click

from process_control.actions.rights import become_reader
from process_control.actions.write_metrics import write_metrics
from process_control.cli.print.output import print_json_list, print_line
from process_control.cli.session import Session, verb
from process_control.core.metrics import exposition, to_json
from process_control.errors import UsageError
from process_control.system.account import check_allowed
from process_control.views.metrics import read_metrics

COMMAND = "process-control metrics"


@verb(
    "metrics",
    epilog=(
        "For the textfile collector of node_exporter, FILE has to end in .prom: "
        "`process-control metrics --output /var/lib/prometheus/node-exporter/process-control.prom`, every minute by "
        "cron; or set `metrics: {textfile: FILE}`, then `watch` writes it. Each metric is explained in "
        "`process-control help reference/metrics`."
        "\f\nAs root, only the file is written with root's rights. Counters never fall: what `prune` removes stays "
        "counted. The service user or root has to ask, since members of read_group keep no counts."
    ),
)
@click.option("--output", metavar="FILE", help="Write to FILE, which is replaced atomically; mode 0644.")
@click.option("--json", "as_json", is_flag=True, help='{"version": 1, "metrics": [...]}, with the same numbers.')
def metrics(session: Session, output: str | None, as_json: bool) -> None:
    """Print counters and states of all jobs in the text format of Prometheus."""
    if output is not None and as_json:
        raise UsageError("--output or --json, not both", hint="process-control metrics --json > FILE")
    if output is not None:
        settings = session.load()
        is_root = os.geteuid() == 0
        reader = check_allowed(settings.user, words=COMMAND) if is_root else become_reader(settings, command=COMMAND)
        write_metrics(settings, os.path.abspath(output), reader=reader)
        return
    families = read_metrics(session.settings("metrics"))
    if as_json:
        print_json_list("metrics", to_json(families))
    else:
        print_line(exposition(families)[:-1])
