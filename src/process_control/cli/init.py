"""`init`: the example configuration and a first job, for a host that has neither. Never overwrites anything."""

import os
from pathlib import Path

import process_control
from process_control.cli.output import talk
from process_control.cli.plain import clean, is_terminal, print_tabbed
from process_control.cli.session import Session, verb
from process_control.config.settings import SYSTEM_CONFIGURATIONS, Settings, load_settings
from process_control.errors import BadConfiguration, NotPermitted

FIRST_JOB = """\
# A first job, made by `process-control init`. Change it, or remove it.
#
#   run-job hello                     runs it now
#   process-control status hello      tells how it went
#   process-control logs hello        shows what it printed

name: Say hello
command: echo 'Hello from process-control'
timeout: 1m

# When it should run by itself:
# schedule: '*/5 * * * *'
"""


@verb("init")
def init(session: Session) -> None:
    """Write the example configuration and a first job that runs.

    What is there already is left as it is.
    """
    named = session.config or os.environ.get("PROCESS_CONTROL_CONFIG") or None
    configuration = Path(named).absolute() if named else _own_configuration()
    done = [("configuration", *_write(configuration, _example()))]
    settings = load_settings(named, dict(os.environb))
    directory = Path(settings.job_directory)
    done.append(("job directory", *_make_directory(directory)))
    done.append(("first job", *_write(directory / "hello.yaml", FIRST_JOB)))
    for what, did, path in done:
        if is_terminal():
            print(f"{did:<6} {what:<14} {clean(path)}")
        else:
            print_tabbed([did, what, path])
    talk(f"next: {_next_command(settings, named)}")


def _own_configuration() -> Path:
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


def _example() -> str:
    return (Path(process_control.__file__).parent / "data" / "process-control.example.yaml").read_text("utf-8")


def _write(path: Path, text: str) -> tuple[str, Path]:
    """Write a new file, readable by all. Return what was done: `wrote`, or `kept` when there is one."""
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return "kept", path
    except PermissionError as error:
        raise NotPermitted(
            f"cannot write: {error.strerror}", where=str(path), mend="sudo process-control init"
        ) from error
    with open(handle, "w", encoding="utf-8") as file:
        os.fchmod(handle, 0o644)
        file.write(text)
    return "wrote", path


def _make_directory(path: Path) -> tuple[str, Path]:
    if path.is_dir():
        return "kept", path
    try:
        path.mkdir(mode=0o755, parents=True)
    except PermissionError as error:
        mend = f"sudo install -d -m 0755 {path}"
        raise NotPermitted(f"cannot make it: {error.strerror}", where=str(path), mend=mend) from error
    except FileExistsError as error:
        raise BadConfiguration("is not a directory", where=str(path), mend="set job_directory to one") from error
    path.chmod(0o755)
    return "made", path


def _next_command(settings: Settings, named: str | None) -> str:
    config = f" --config {settings.path}" if named else ""
    return f"run-job{config} hello"
