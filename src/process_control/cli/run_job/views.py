"""What `run-job` does besides running: --list-jobs, --status, --kill-job, --dry-run, --help.

Not lean: whoever asks for these is a person or a monitor, and the big tables are imported here.
"""

import os
import sys

from process_control import __version__
from process_control.actions.rights import become_reader, who
from process_control.cli.run_job.options import Options
from process_control.cli.waiting import go_on_watched, paths_of
from process_control.cli.whose_jobs import warn_of_own_jobs
from process_control.config.settings import Settings, load_settings
from process_control.state.block import Identity


def show(options: Options) -> int:
    """Do what `options.verb` says and return the exit code."""
    if options.verb == "help":
        from process_control.cli.run_job.flags import help_text

        sys.stdout.write(help_text())
        return 0
    if options.verb == "version":
        sys.stdout.write(f"process-control {__version__}\n")
        return 0
    asked_by = who(dict(os.environb))
    words = {"list": "--list-jobs", "status": "--status", "kill": f"--kill-job {options.job}"}.get(
        options.verb, "--dry-run"
    )
    paths = go_on_watched(f"run-job {words.partition(' ')[0]}", sys.argv[1:])
    settings = load_settings(options.config, dict(os.environb))
    paths.add(paths_of(settings))
    warn_of_own_jobs(settings)
    identity = Identity()
    may_read = options.verb in ("list", "status")
    account = become_reader(settings, command=f"run-job {words}", may_read=may_read)
    if options.verb == "list":
        from process_control.cli.run_job.lists import list_jobs

        return list_jobs(settings, options.job, as_json=options.json)
    if options.verb == "status":
        from process_control.cli.run_job.lists import show_status

        return show_status(settings, options)
    if options.verb == "kill":
        return _kill(settings, options.job or "", identity, by=asked_by)
    from process_control.cli.run_job.dry_run import dry_run

    return dry_run(settings, options, account)


def _kill(settings: Settings, slug: str, identity: Identity, *, by: str) -> int:
    """Stop the job's run and wait until its tree is gone; 0 stopped, 1 nothing was running."""
    from process_control.actions.stop import stop
    from process_control.cli.print.output import talk

    [stopped] = stop(settings, [slug], identity, by=by, progress=talk)
    talk(f"{slug}: {stopped.words}")
    return 0 if stopped.is_stopped else 1
