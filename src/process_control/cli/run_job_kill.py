"""`run-job --kill-job`: stop a run from outside and wait until its tree is gone."""

import os
import time

from process_control.cli.output import talk
from process_control.config.job_directory import load_job
from process_control.config.settings import Settings
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, JobNotFound
from process_control.history import journal
from process_control.history.record import Block, Identity, read_block, runner_is_alive
from process_control.system import stop
from process_control.system.clock import iso
from process_control.wiring import announce


def kill(settings: Settings, slug: str, identity: Identity, *, by: str) -> int:
    """Stop the job's run and wait until its tree is gone. 0 stopped, 1 nothing was running; raises JobNotFound (66)."""
    block = read_block(settings.state_directory, slug) if is_slug(slug) else None
    if block is None:
        _raise_unless_job(slug, settings)
    if block is None or (block.get("end") is not None and not block.get("left")):
        talk(f"{slug}: nothing is running")
        return 1
    run_id = str(block["run_id"])
    handle = stop.open_runner(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace)
    if handle is None:
        return _kill_survivors(settings, slug, block, by=by)
    _record_stop(settings, block, identity, by=by)
    if not stop.ask_runner_to_stop(block, boot_id=identity.boot_id, pid_namespace=identity.pid_namespace):
        talk(f"{slug}: the run ended by itself just now")
        return 1
    stop.wait_until_gone(handle)
    left = stop.end_survivors(block, grace_seconds=0.5) if stop.survivors(block) else []
    if left:
        talk(f"{slug}: run {run_id} was stopped, but these could not be ended: {', '.join(left)}")
        return 1
    talk(f"{slug}: stopped run {run_id}")
    return 0


def _kill_survivors(settings: Settings, slug: str, block: Block, *, by: str) -> int:
    """The runner is gone: end what it left behind, if anything."""
    run_id = str(block["run_id"])
    if block.get("end") is None and runner_is_alive(block):
        # Its runner may live: what we can see of its job is not ours to signal behind the runner's back.
        talk(f"{slug}: it runs in another pid namespace (a container): stop it there")
        return 1
    found = stop.survivors(block)
    if not found:
        talk(f"{slug}: nothing is running")
        return 1
    _record_stop(settings, block, Identity(), by=by)
    grace = block.get("kill_grace_seconds")
    left = stop.end_survivors(block, grace_seconds=float(grace) if isinstance(grace, (int, float)) else 10.0)
    if left:
        talk(f"{slug}: these processes of run {run_id} could not be ended: {', '.join(left)}")
        return 1
    talk(f"{slug}: ended {len(found)} process(es) that run {run_id} had left behind")
    return 0


def _raise_unless_job(slug: str, settings: Settings) -> None:
    try:
        load_job(slug, settings)
    except BadConfiguration:
        if not os.path.isdir(settings.job_directory):
            raise JobNotFound(f"no such job: {slug}", mend="run-job --list-jobs") from None


def _record_stop(settings: Settings, block: Block, identity: Identity, *, by: str) -> None:
    record: dict[str, object] = {"event": "stop", "at": iso(time.time()), "run_id": block["run_id"]}
    record |= {"job": block["job"], "by": by, "host": identity.host}
    journal.append(settings.state_directory, record)
    announce(settings, record)
