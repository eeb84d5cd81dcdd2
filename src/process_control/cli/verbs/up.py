"""`up`: the scheduler, and the live status of all jobs in this terminal."""

import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

import click

from process_control.cli.print.output import talk
from process_control.cli.print.plain import is_terminal
from process_control.cli.session import Session, verb
from process_control.cli.verbs.scheduler import become_the_parent, words_of_the_parent
from process_control.cli.verbs.up_fleet import up_fleet
from process_control.cli.verbs.up_page import page_beside
from process_control.config.settings import Settings
from process_control.errors import FINE, NotStarted
from process_control.scheduler.client import ask
from process_control.system.interpreter import python
from process_control.system.linux import set_parent_death_signal

#: Thousands of jobs that were never parsed take some seconds.
STARTS_WITHIN_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.05


@verb(
    "up",
    epilog="q and Control-C end both, and no run. For a service: `process-control scheduler`, which prints lines only.",
)
@click.option("--for", "seconds", type=click.FloatRange(min=0.1), metavar="SECONDS", help="End by itself after that.")
@click.option("--fleet", "is_fleet", is_flag=True, help="Start a fleet of this host alone, to try it out.")
def up(session: Session, *, seconds: float | None, is_fleet: bool) -> int:
    """Start jobs at their planned times, and show how all of them stand until you press q.

    Nothing else is needed: no cron, no service. Runs in progress continue when it ends. Where a scheduler runs already,
    its jobs are shown, and it stays. Where the page is installed (process-control[web]), the first line is its address.
    """
    if is_fleet:
        return up_fleet(session, seconds)
    settings = session.load()
    if not is_terminal() and seconds is None:
        become_the_parent(session.config)
    if ask(settings, {"verb": "status"}) is not None:
        talk("a scheduler runs already; q ends this view of it")
        return _show(session, settings, seconds)
    with tempfile.TemporaryFile() as lines:
        scheduler = subprocess.Popen(
            words_of_the_parent(session.config),
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=lines,
            start_new_session=True,  # Control-C is for the view, which ends first
            preexec_fn=lambda: set_parent_death_signal(signal.SIGTERM),  # noqa: PLW1509  one thread
        )
        try:
            if not _is_ready(scheduler, settings):
                return _report(scheduler, lines)
            return _show(session, settings, seconds)
        finally:
            _stop(scheduler, settings)


def _is_ready(scheduler: "subprocess.Popen[bytes]", settings: Settings) -> bool:
    """Wait until the scheduler answers; return False when it has ended. Raises NotStarted (75)."""
    limit = time.monotonic() + STARTS_WITHIN_SECONDS
    while scheduler.poll() is None:
        if ask(settings, {"verb": "status"}) is not None:
            return True
        if time.monotonic() > limit:
            raise NotStarted(f"the scheduler does not answer within {STARTS_WITHIN_SECONDS:g} s")
        select.select([], [], [], LOOK_AGAIN_SECONDS)
    return False


def _report(scheduler: "subprocess.Popen[bytes]", lines: IO[bytes]) -> int:
    """Print what the scheduler has printed, and return its exit code."""
    lines.seek(0)
    talk(lines.read().decode("utf-8", "replace").rstrip())
    return scheduler.returncode


def _show(session: Session, settings: Settings, seconds: float | None) -> int:
    """Show the status of all jobs until q or Control-C, with the page beside where it is installed."""
    with page_beside(settings, session.config) as page:
        return _view(session, seconds, page)


def _view(session: Session, seconds: float | None, page: str) -> int:
    """Show the status in a process of its own: it gives up the rights of root."""
    program = str(Path(__file__).parents[2] / "entry" / "commands.py")
    config = ["--config", os.path.abspath(session.config)] if session.config else []
    watching = [f"--heading={page}", *(["--watch=1"] if is_terminal() else [])]
    was = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with subprocess.Popen(
            [*python(), "-I", "-S", program, *config, "status", *watching],
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  one thread
        ) as view:
            try:
                view.wait(seconds)
            except subprocess.TimeoutExpired:
                view.terminate()
    finally:
        signal.signal(signal.SIGINT, was)
    return FINE


def _stop(scheduler: "subprocess.Popen[bytes]", settings: Settings) -> None:
    """End the scheduler, and say how many runs continue."""
    if scheduler.poll() is not None:
        return
    answer = ask(settings, {"verb": "status"})
    scheduler.terminate()
    scheduler.wait()
    running = len(answer["scheduler"]["running"]) if answer is not None else 0
    also = f"; {running} {'run continues' if running == 1 else 'runs continue'}" if running else ""
    talk(f"the scheduler has ended{also}")
