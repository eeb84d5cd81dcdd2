"""What `run-job` does besides running: --list-jobs, --status, --kill-job, --dry-run, --help.

Not lean: whoever asks for these is a person or a monitor, and the big tables are imported here.
"""

import os
import sys

from process_control import __version__
from process_control.cli.run_job import who
from process_control.cli.run_job_options import Options
from process_control.config.settings import load_settings
from process_control.errors import NotPermitted
from process_control.history.record import Identity
from process_control.system.account import account_of, check_allowed, drop_rights, may_look

HELP = """\
usage: run-job NAME | -j NAME      run a job now; on a terminal its output is shown as it comes
       run-job --list-jobs | -l    the jobs there are; invalid files with their fault
       run-job --status | -s [-r]  what each job did last; -r only those that run now
       run-job --kill-job NAME     stop a run and wait until its whole process tree is gone

  -j, --job NAME        the job, when its name is easier said with a flag
      --slow-start      with the small-dose command (slow_start_command)
      --scheduled       as crontabs and timers call it: for its slot, through the gate, quiet
      --wait[=TIME]     queue for the lock instead of refusing (TIME: 90s, 10m, 2h; default queue_timeout)
      --force           run although the job is held
      --timeout TIME    for this run only; 0 is none
      --dry-run         show what would run: command, environment, directory, user, limits, lock
  -l, --list-jobs       one line a job
  -s, --status          one line a job, what it did last
  -r, --only-running    with --status: only jobs that run now
  -k, --kill-job NAME   exit 0 stopped, 1 nothing was running, 66 no such job
      --json            for --list-jobs, --status and --dry-run
      --config FILE     another configuration (or PROCESS_CONTROL_CONFIG)
      --debug           show where a fault of process-control itself is
  -h, --help            this text
      --version

exit codes: 0 fine · the command's own · 1 failed though it exited 0 · 124 timeout · 143 stopped · 137 lost
            75 not started: running, held · 74 cannot record · 66 no such job · 77 not permitted · 78 bad file · 2 usage
"""


def show(options: Options) -> int:
    """Do what `options.verb` says and return the exit code."""
    if options.verb == "help":
        sys.stdout.write(HELP)
        return 0
    if options.verb == "version":
        sys.stdout.write(f"process-control {__version__}\n")
        return 0
    asked_by = who(dict(os.environb))
    words = {"list": "--list-jobs", "status": "--status", "kill": f"--kill-job {options.job}"}.get(
        options.verb, "--dry-run"
    )
    settings = load_settings(options.config, dict(os.environb))
    try:
        account = check_allowed(settings.user, words=f"run-job {words}", where=settings.path or "")
    except NotPermitted:
        if options.verb not in ("list", "status") or not may_look(settings.read_group):
            raise
        account = account_of(os.geteuid())
    identity = Identity()
    drop_rights(account)
    if options.verb == "list":
        from process_control.cli.run_job_lists import list_jobs

        return list_jobs(settings, as_json=options.json)
    if options.verb == "status":
        from process_control.cli.run_job_lists import show_status

        return show_status(settings, options)
    if options.verb == "kill":
        from process_control.cli.run_job_kill import kill

        return kill(settings, options.job or "", identity, by=asked_by)
    from process_control.cli.run_job_dry_run import dry_run

    return dry_run(settings, options, account)
