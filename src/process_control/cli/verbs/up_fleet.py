"""`up --fleet`: a fleet of this host alone, for trying it out: server, control process and worker."""

import os
import select
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from process_control.actions.rights import become_actor, who
from process_control.cli.print.output import talk
from process_control.cli.session import Session
from process_control.config.settings import Settings
from process_control.core import layout
from process_control.errors import FINE, NotStarted
from process_control.fleet.library import require_the_library
from process_control.system import directories
from process_control.system.interpreter import python
from process_control.system.linux import set_parent_death_signal

#: A process of the fleet, with its name for people.
_Part = tuple[str, "subprocess.Popen[bytes]"]


def up_fleet(session: Session, seconds: float | None) -> int:
    """Start what this host lacks of a fleet, hand it the job files, and stay until Control-C.

    Raises NotStarted (75) when one of the processes that it has started ends before.
    """
    require_the_library()
    actor = become_actor(session.load(), by=who(dict(os.environb)), command="process-control up --fleet")
    directories.ensure([(layout.fleet(actor.settings.state_directory), 0o700)])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started: list[_Part] = []
    try:
        _start_all(actor.settings, session, started)
        talk("Control-C ends it, when its runs have ended; a second one stops them")
        talk("to look: process-control fleet status")
        _wait_for_an_end(started, seconds)
    except KeyboardInterrupt:
        pass
    finally:
        _end(started)
    return FINE


def _wait_for_an_end(started: "Sequence[_Part]", seconds: float | None) -> None:
    """Wait for so long, None: without an end. Raises NotStarted (75) when one of them ends before."""
    handles = {os.pidfd_open(process.pid): (name, process) for name, process in started}
    ended, _, _ = select.select(list(handles), [], [], seconds)
    for handle in ended[:1]:
        name, process = handles[handle]
        code = process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "what it said is above; the others are ended too: process-control up --fleet starts them all"
        raise NotStarted(f"has ended with {how}", where=f"the {name}", hint=hint)


def _start_all(settings: Settings, session: Session, started: "list[_Part]") -> None:
    """Start server, control process and worker; `started` gets each process as soon as there is one."""
    from process_control.fleet import dev_server

    if not dev_server.answers(settings):
        database = layout.fleet_database(settings.state_directory)
        log = Path(layout.fleet_log(settings.state_directory))
        server = dev_server.start(dev_server.words_of_server(settings, database), log)
        started.append(("server", server))
        dev_server.wait_until_it_answers(settings, server)
        talk(f"server on {settings.fleet_address}: keeps everything in {database}")
    started += [("control process", _start(session, "control")), ("worker", _start(session, "worker"))]
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


def _end(started: "Sequence[_Part]") -> None:
    """End all, the server last: the worker reports to it how its runs have ended.

    Control-C once more is for the one that is waited for: the worker stops its runs then.
    """
    for _, process in reversed(started):
        while process.poll() is None:
            try:
                process.terminate()
                process.wait()
            except KeyboardInterrupt:
                continue
