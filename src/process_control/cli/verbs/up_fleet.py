"""`up --fleet`: a fleet of this host alone, for trying it out: server, control process and worker."""

import os
import select
import signal
import subprocess
from pathlib import Path

from process_control.actions.rights import become_actor, who
from process_control.cli.fleet_library import require_the_library
from process_control.cli.print.output import talk
from process_control.cli.session import Session
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import FINE
from process_control.system import directories
from process_control.system.interpreter import python
from process_control.system.linux import set_parent_death_signal


def up_fleet(session: Session, seconds: float | None) -> int:
    """Start what this host lacks of a fleet, hand it the job files, and stay until Control-C."""
    require_the_library()
    actor = become_actor(session.load(), by=who(dict(os.environb)), command="process-control up --fleet")
    directories.ensure([(layout.fleet(actor.settings.state_directory), 0o700)])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started: list[subprocess.Popen[bytes]] = []
    try:
        _start_all(actor.settings, session, started)
        talk("Control-C ends it, when its runs have ended; to look: process-control fleet status")
        select.select([], [], [], seconds)
    except KeyboardInterrupt:
        pass
    finally:
        _end(started)
    return FINE


def _start_all(settings: Settings, session: Session, started: list["subprocess.Popen[bytes]"]) -> None:
    """Start server, control process and worker; `started` gets each process as soon as there is one."""
    from process_control.fleet import dev_server

    if not dev_server.answers(settings):
        database = layout.fleet_database(settings.state_directory)
        log = Path(layout.fleet_log(settings.state_directory))
        started.append(dev_server.start(dev_server.words_of_server(settings, database), log))
        dev_server.wait_until_it_answers(settings, started[0])
        talk(f"server on {settings.fleet_address}: keeps everything in {database}")
    started += [_start(session, "control"), _start(session, "worker")]
    _start(session, "apply").wait()


def _start(session: Session, name: str) -> "subprocess.Popen[bytes]":
    """Start a verb of `fleet`, which ends with us."""
    program = str(Path(__file__).parents[2] / "entry" / "commands.py")
    config = ["--config", os.path.abspath(session.config)] if session.config else []
    return subprocess.Popen(
        [*python(), "-I", "-S", program, *config, "fleet", name],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Control-C is for us: we end them in their order
        preexec_fn=lambda: set_parent_death_signal(signal.SIGTERM),  # noqa: PLW1509  one thread
    )


def _end(started: list["subprocess.Popen[bytes]"]) -> None:
    """End all, the server last: the worker reports to it how its runs have ended."""
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
        process.wait()
