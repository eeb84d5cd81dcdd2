"""The message of a command that waits for a disk which does not answer; after a time limit it ends with 74.

Lean module: what is imported here is imported before everything else, and by a process that stays small.
"""

import posix

from process_control.core import layout
from process_control.system.disk_watch import Paths, fork_watched, mount_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from process_control.config.settings import Settings

HAS_ITS_OWN_LIMIT = ("check", "check-jobs-icinga", "fleet", "scheduler", "up", "web")
_AS_JOBS_STAND = "process-control status"
#: Which command shows whether a command that changes something has done so, when it could not report it itself.
WHERE_TO_LOOK = {
    "hold": _AS_JOBS_STAND,
    "pause": _AS_JOBS_STAND,
    "release": _AS_JOBS_STAND,
    "run": _AS_JOBS_STAND,
    "stop": _AS_JOBS_STAND,
    "run-job --kill-job": "run-job --status",
    "recover": "process-control recover",
    "mark": "process-control audit --event mark",
    "notify": "process-control notify test",
    "prune": "process-control prune",
    "init": "process-control init",
    "import": "process-control import --dry-run",
    "cron-generate": "cron-generate --check",
}
ONLY_LOOKS = ("--dry-run", "--check")


def go_on_watched(name: str, words: "Sequence[str]") -> Paths:
    """Fork: continue in the child, while the parent watches it and reports which path it waits for.

    `name` is the command; for `process-control` the verb in `words` is named. Return what passes further paths to the
    parent.
    """
    command = _verb_of(words) or name if name == "process-control" else name
    if command in HAS_ITS_OWN_LIMIT:
        return Paths()
    return fork_watched(
        _paths_before_any_settings(words),
        note=lambda path: _say_that_it_waits(command, path),
        end=lambda path, seconds: _give_up(command, words, path, seconds),
    )


def _verb_of(words: "Sequence[str]") -> str:
    """Return the first word that is neither an option nor the file of --config."""
    pairs = zip(("", *words), words)  # noqa: B905  the first is longer by one
    return next((word for before, word in pairs if before != "--config" and not word.startswith("-")), "")


def paths_of(settings: "Settings") -> list[str]:
    """Return the paths that a command may read because the configuration names them."""
    named = [
        settings.path,
        settings.job_directory,
        settings.state_directory,
        layout.jobs(settings.state_directory),
        settings.run_directory,
        settings.output_directory,
        settings.cron_template,
        settings.output_crontab.rpartition("/")[0],
        settings.failmail_sendmail,
        settings.failmail_ca_file,
        settings.failmail_password_file,
        *(path for item in settings.notify for path in (item.get("url_file"), item.get("key_file"))),
    ]
    return [path for path in named if path]


def _paths_before_any_settings(words: "Sequence[str]") -> list[str]:
    """Return what the words name, and where a configuration is looked for."""
    from process_control.config.search import NAMING_VARIABLE, SYSTEM_CONFIGURATIONS

    named = [value for word in words for value in [word.rpartition("=")[2]] if "/" in value]
    named += [path.decode("utf-8", "surrogateescape") for path in [posix.environ.get(NAMING_VARIABLE)] if path]
    home = posix.environ.get(b"HOME", b"").decode("utf-8", "surrogateescape")
    own = [f"{home}/.config/process-control", f"{home}/.cache/process-control"] if home.startswith("/") else []
    return [*named, *SYSTEM_CONFIGURATIONS, *own]


def _give_up(command: str, words: "Sequence[str]", path: str, seconds: float) -> int:
    """Print that the disk does not answer, and return the exit code (74)."""
    from process_control.cli.print.error_output import error_as_json, wants_json
    from process_control.cli.print.output import json_text
    from process_control.errors import CannotRecord

    look = WHERE_TO_LOOK.get(command) if not set(words) & set(ONLY_LOOKS) else None
    if look is None:
        hint = "nothing was changed; what the kernel knows of the disk: dmesg | tail"
    else:
        hint = f"it is not known whether it was done; when the disk answers: {look}"
    disk = f"its disk ({mount})" if (mount := mount_of(path)) else "its disk"
    error = CannotRecord(f"no answer from {disk} for {seconds:g} s: {command} gives up", where=path, hint=hint)
    if wants_json(words):
        _write(1, json_text({"error": error_as_json(error)}))
    else:
        _write(2, str(error))
    return error.exit_code


def _say_that_it_waits(command: str, path: str) -> None:
    mount = mount_of(path)
    _write(2, f"{command}: still waiting for the disk under {path}{f' ({mount})' if mount else ''}")


def _write(descriptor: int, text: str) -> None:
    from process_control.notify.message import escape_controls

    try:
        posix.write(descriptor, escape_controls(f"{text}\n").encode("utf-8", "replace"))
    except OSError:
        pass
