"""`init`: the example configuration and a first job, for a host that has neither. Never overwrites anything."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import click

import process_control
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.plain import clean, is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.search import SYSTEM_CONFIGURATIONS, Search
from process_control.config.settings import load_settings
from process_control.core import layout
from process_control.errors import BadConfiguration, NotPermitted
from process_control.system.new_files import make_directory, write_new

FIRST_JOB = """\
# A first job, made by `process-control init`. Change it, or remove it.
#
#   run-job hello                     runs it now
#   process-control status hello      shows the result
#   process-control logs hello        shows what it printed

name: Say hello
command: echo 'Hello from process-control'
timeout: 1m

# When it should run by itself:
# schedule: '*/5 * * * *'
"""

HEAD = """\
# The global configuration of process-control: {path}
#
# Every key is here. It works without any: uncomment what you need. The file must belong to {owner}, and
# nobody else may write to it. Times are seconds, or 90s, 10m, 2h, 1d; sizes are bytes, or 100 MB, 1 GB, 1 GiB.

"""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that `init` makes: `did` is wrote, made or kept."""

    did: str
    what: str
    path: Path

    def done(self, *, dry_run: bool) -> str:
        return {"wrote": "would write", "made": "would make"}.get(self.did, self.did) if dry_run else self.did


@verb("init", epilog="In a pipe, separated by tabs: wrote, made or kept; what; path.")
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def init(session: Session, dry_run: bool, as_json: bool) -> None:
    """Write the example configuration and a first job that runs.

    Existing files are not changed.
    """
    named = session.config or os.environ.get("PROCESS_CONTROL_CONFIG") or None
    configuration = Path(named).absolute() if named else own_configuration()
    steps = [_write("configuration", configuration, _example(configuration), dry_run=dry_run)]
    settings = load_settings(named if named is None or configuration.exists() else None, dict(os.environb))
    directory = Path(settings.job_directory)
    steps.append(_directory_step(directory, dry_run=dry_run))
    steps.append(_write("first job", directory / "hello.yaml", FIRST_JOB, dry_run=dry_run))
    command = f"run-job{f' --config {named}' if named else ''} hello"
    if as_json:
        done = [
            {"done": step.done(dry_run=dry_run), "what": step.what, "path": str(step.path), "did": step.did}
            for step in steps
        ]
        print_json({"steps": done, "next": command})
        return
    for step in steps:
        if is_terminal():
            print_line(f"{step.did:<6} {step.what:<14} {clean(step.path)}")
        else:
            print_tabbed([step.did, step.what, step.path])
    talk("dry run: nothing was written" if dry_run else f"next: {command}")


def own_configuration() -> Path:
    """Return where the configuration belongs that holds for us: the one in force, or the place for a new one."""
    if os.geteuid() == 0:
        there = [path for path in SYSTEM_CONFIGURATIONS if os.path.lexists(path)]
        return Path(there[0] if there else SYSTEM_CONFIGURATIONS[0])
    base = os.environ.get("XDG_CONFIG_HOME", "")
    own = Path(base if base.startswith("/") else Path.home() / ".config") / "process-control" / "process-control.yaml"
    try:
        settings = load_settings(None, dict(os.environb))
    except (BadConfiguration, NotPermitted):
        return own  # somebody else's: ours will be found before it
    is_for_us = settings.path is not None and settings.job_directory.startswith("/var/")
    return Path(settings.path) if is_for_us and settings.path else own


def _example(path: Path) -> str:
    """Return the example configuration for this place and account: with the paths that hold without it."""
    search = Search(None, dict(os.environb), None, "")
    jobs, logs, state, crontab = search.system_directories() if os.geteuid() == 0 else search.own_directories()
    places = {
        "job_directory": jobs,
        "output_directory": logs,
        "state_directory": state,
        "run_directory": layout.run_directory(state),
        "output_crontab": crontab,
    }
    text = (Path(process_control.__file__).parent / "data" / "process-control.example.yaml").read_text("utf-8")
    _, _, keys = text.partition("\n\n")
    for key, place in places.items():
        value = place if re.fullmatch(r"[\w/.@+ -]+", place) else json.dumps(place)
        lines = f"# Default: {place}.\n#{key}: {value}".replace("\\", r"\\")
        keys = re.sub(rf"^# Default: .*\n#{key}: .*$", lines, keys, flags=re.MULTILINE)
    return HEAD.format(path=clean(path), owner="root" if os.geteuid() == 0 else "root or you") + keys


def _write(what: str, path: Path, text: str, *, dry_run: bool) -> Step:
    """Write a new file, readable by all, unless there is one."""
    if os.path.lexists(path):
        return Step("kept", what, path)
    if dry_run or write_new(path, text.encode(), sudo="process-control init"):
        return Step("wrote", what, path)
    return Step("kept", what, path)


def _directory_step(path: Path, *, dry_run: bool) -> Step:
    what = "job directory"
    if path.is_dir():
        return Step("kept", what, path)
    if not dry_run:
        make_directory(path)
    return Step("made", what, path)
