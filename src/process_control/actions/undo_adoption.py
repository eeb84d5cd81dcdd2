"""Gives a line of a live crontab that a job has taken over back to cron, as it was."""

import os
from collections.abc import Callable
from pathlib import Path

from process_control.actions.import_crontab import Importer, but_the_first_line
from process_control.actions.line_exchange import (
    HOSTS_CLOCK,
    Clock,
    Exchanged,
    entry_line,
    exchange_both,
    nothing,
    or_else,
    write_both,
)
from process_control.config.yaml.document import parse
from process_control.config.yaml.edit import Addition, EditedText
from process_control.config.yaml.nodes import Map, Node, Text
from process_control.crontab.adopted_line import AdoptedLine, adopted_lines, restore_line
from process_control.crontab.existing import ExistingCrontab
from process_control.crontab.one_job import without_job
from process_control.crontab.target import text_of
from process_control.errors import BadConfiguration, UsageError
from process_control.system.replace import ExistingFile, read_existing, remove
from process_control.system.replace import replace as replace_file

UNDONE = "undone"
REMOVED, DISABLED, NOT_THERE = "removed", "disabled", "not there"


def undo(
    importer: Importer, crontab: ExistingCrontab, number: int | None, *, dry_run: bool, clock: Clock = HOSTS_CLOCK
) -> Exchanged:
    """Give a line back to cron as it was. The job file is removed; one that was edited stays, disabled.

    `number` None: the only line that a job has taken over. Raises as `adopt` does.
    """
    adopted = _adopted_line(crontab, number)
    new_text = restore_line(crontab.text, adopted)
    generated = without_job(importer.settings, importer.account, crontab, adopted.job)
    target = importer.directory / f"{adopted.job}.yaml"
    there = read_existing(str(target), mode=0o644)
    fate = _fate_of_job_file(importer, crontab, new_text, adopted, there)
    new_source = _disabled(there.content, target) if there is not None and fate == DISABLED else None
    done = Exchanged(
        done=UNDONE,
        crontab=crontab.name,
        line=adopted.number,
        text=adopted.line,
        job=adopted.job,
        target=target,
        job_file=fate,
        generated=generated.path or crontab.name,
        is_for_scheduler=generated.is_for_scheduler,
    )
    if dry_run:
        return done

    def exchange() -> None:
        back = nothing if there is None else _take_job_file_away(target, there, new_source)
        or_else(lambda: write_both(crontab, new_text, generated, line_first=False), back)

    return exchange_both(importer, crontab, generated, done, there, new_text, exchange, clock)


def _adopted_line(crontab: ExistingCrontab, number: int | None) -> AdoptedLine:
    adopted = adopted_lines(crontab.text)
    wanted = [each for each in adopted if number in (None, each.number)]
    if len(wanted) == 1:
        return wanted[0]
    numbers = ", ".join(str(each.number) for each in adopted)
    if not adopted:
        raise UsageError("no job has taken over a line of it", where=crontab.name)
    raise UsageError(f"jobs have taken over its lines {numbers}", where=crontab.name, hint="--undo --adopt LINE")


def _fate_of_job_file(
    importer: Importer, crontab: ExistingCrontab, text: str, adopted: AdoptedLine, there: ExistingFile | None
) -> str:
    if there is None:
        return NOT_THERE
    draft = importer.plan(entry_line(text, adopted.number, crontab), crontab).content
    is_as_made = but_the_first_line(text_of(there)) == but_the_first_line(draft.decode())
    return REMOVED if is_as_made else DISABLED


def _disabled(source: bytes, target: Path) -> bytes:
    """Return a job file with `disabled: true`. Raises BadConfiguration (78) when it cannot be edited."""
    edited = EditedText(source)
    root = edited.root
    values = _values_of_disabled(root)
    if isinstance(root, Map) and not values:
        edited.append(root, [Addition("disabled", "true", "cron runs its line again")])
    for value in values:
        if isinstance(value, Text):
            edited.edit(value, "true")
    new = edited.result().source
    now = _values_of_disabled(parse(new, "").root)
    if not now or not all(isinstance(value, Text) and value.value == "true" for value in now):
        raise BadConfiguration(
            "was edited, and cannot be disabled: it is no YAML file to which 'disabled: true' can be added",
            where=str(target),
            hint="correct it, or move it away",
        )
    return new


def _values_of_disabled(root: Node | None) -> list[Node]:
    return [value for key, value in root.entries if key.value == "disabled"] if isinstance(root, Map) else []


def _take_job_file_away(target: Path, there: ExistingFile, new_source: bytes | None) -> Callable[[], None]:
    """Remove the job file, or give it the `new_source`; return what reverses that."""

    def write(source: bytes) -> None:
        is_root = os.geteuid() == 0
        uid, gid = (there.uid, there.gid) if is_root else (-1, there.gid if there.gid in os.getgroups() else -1)
        replace_file(str(target), source, mode=there.mode, uid=uid, gid=gid)

    if new_source is None:
        remove(str(target))
    elif new_source != there.content:
        write(new_source)
    return lambda: write(there.content)
