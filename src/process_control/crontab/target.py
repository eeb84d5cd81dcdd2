"""The path of the crontab: whether cron reads a file there, and what is there now."""

import os
import re

from process_control.config.settings import Settings
from process_control.crontab.changes import is_of_somebody_else
from process_control.crontab.rules import is_in_cron_d, is_name_that_cron_reads
from process_control.errors import BadConfiguration, NotPermitted, UsageError
from process_control.system.replace import ExistingFile, read_existing

CONSOLE = "console"
MODE = 0o644
SPOOL = "/var/spool/cron/"


def target_of(settings: Settings, output: str | None) -> str:
    """Return the path of the crontab, or `console`. Raises BadConfiguration (78) where cron would read nothing."""
    if output == "":
        raise UsageError("--output: no file", hint="--output FILE, or --output console")
    target = settings.output_crontab if output is None else output
    if target == CONSOLE:
        return target
    target = os.path.normpath(os.path.abspath(target))
    where = (settings.path or "output_crontab") if output is None else "--output"
    directory, name = os.path.split(target)
    if is_in_cron_d(target) and not is_name_that_cron_reads(name):
        near = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "process-control"
        raise BadConfiguration(
            f"cron ignores a file named '{name}' in a cron.d",
            where=where,
            hint=f"letters, digits, - and _ only: {directory}/{near}",
        )
    if target.startswith(SPOOL):
        raise BadConfiguration(
            f"files in {SPOOL} are written only by the command crontab",
            where=where,
            hint="cron-generate --output ~/crontab; crontab ~/crontab",
        )
    return target


def existing_crontab(target: str) -> ExistingFile | None:
    """Return the crontab that is there now, None without one. Raises NotPermitted (77) for one with other lines."""
    existing = read_existing(target, mode=MODE)
    if existing is not None and is_of_somebody_else(text_of(existing)):
        raise NotPermitted(
            "holds lines that are not from cron-generate: they would be lost",
            where=target,
            hint="move them to another file, or set another output_crontab",
        )
    return existing


def text_of(existing: ExistingFile | None) -> str:
    return "" if existing is None else existing.content.decode("utf-8", "surrogateescape")
