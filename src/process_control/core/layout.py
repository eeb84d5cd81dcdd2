"""The paths below the state directory, the run directory and the output directory.

Lean module: strings in, strings out, nothing is opened. No other module builds such a path; a test checks that.
"""

BLOCK = "block"
HEALTH = "health.json"
SHORT_LOCK = "short.lock"
RECOVERY_LOCK = "recovery.lock"
RUN = "run"
SPOOL = "spool"
#: The suffixes of the journal's files: a day, and a compressed day.
DAYS = (".jsonl", ".jsonl.gz")


def run_directory(state_directory: str) -> str:
    """Return the default of the run directory, which has the locks."""
    return f"{state_directory}/{RUN}"


# --- of one job ------------------------------------------------------------------------------------------------------


def jobs(state_directory: str) -> str:
    """Return the directory that has one directory for each job that ever ran."""
    return f"{state_directory}/jobs"


def job(state_directory: str, slug: str) -> str:
    return f"{state_directory}/jobs/{slug}"


def block(state_directory: str, slug: str) -> str:
    """Return the file with the job's last slot and its last run."""
    return f"{state_directory}/jobs/{slug}/{BLOCK}"


def health(state_directory: str, slug: str) -> str:
    return f"{state_directory}/jobs/{slug}/{HEALTH}"


def short_lock(state_directory: str, slug: str) -> str:
    """Return the lock under which slot and health change. It is held only briefly."""
    return f"{state_directory}/jobs/{slug}/{SHORT_LOCK}"


def claims(state_directory: str, slug: str) -> str:
    """Return the file of claimed slots that do not fit into the block."""
    return f"{state_directory}/jobs/{slug}/claims"


def incident_mark(state_directory: str, slug: str) -> str:
    """Return the file that exists while an incident is mailed, or is waiting to be."""
    return f"{state_directory}/jobs/{slug}/incident"


def incidents_of_job(state_directory: str, slug: str) -> str:
    """Return the file that names the open incidents of a job."""
    return f"{state_directory}/jobs/{slug}/incidents.json"


def first_incident(state_directory: str, slug: str) -> str:
    """Return where the first version kept the incident of a job."""
    return f"{state_directory}/jobs/{slug}/told.json"


def note(state_directory: str, slug: str, name: str) -> str:
    """Return a small JSON file beside the block."""
    return f"{state_directory}/jobs/{slug}/{name}.json"


def stamp(state_directory: str, slug: str, name: str) -> str:
    """Return the file whose modification time is when something was last done for the job."""
    return f"{state_directory}/jobs/{slug}/{name}.stamp"


def ad_hoc(state_directory: str, slug: str) -> str:
    """Return the file that keeps the last command that `exec` ran under this name: it is no job."""
    return f"{state_directory}/jobs/{slug}/ad_hoc.json"


def refusals(state_directory: str) -> str:
    return f"{state_directory}/refused"


def refusal(state_directory: str, slug: str) -> str:
    """Return the note of the job's last start that was refused.

    It is not beside the block: so one directory lists all of them, and a start may be refused before there is a block.
    """
    return f"{state_directory}/refused/{slug}.json"


def versions(state_directory: str) -> str:
    """Return the directory that has the newest recorded version of each job."""
    return f"{state_directory}/versions"


def version(state_directory: str, slug: str) -> str:
    return f"{state_directory}/versions/{slug}.json"


def versions_lock(state_directory: str) -> str:
    """Return the lock of those who write versions. It is not beside them: who may read them may not keep them back."""
    return f"{state_directory}/versions.lock"


# --- of all jobs -----------------------------------------------------------------------------------------------------


def journal(state_directory: str) -> str:
    return f"{state_directory}/journal"


def journal_day(state_directory: str, day: str) -> str:
    """Return the journal's file of a day (YYYY-MM-DD)."""
    return f"{state_directory}/journal/{day}.jsonl"


def journal_file(state_directory: str, name: str) -> str:
    """Return a file of the journal by its name: a day, or a compressed one."""
    return f"{state_directory}/journal/{name}"


def index(state_directory: str) -> str:
    return f"{state_directory}/history.sqlite"


def spool(state_directory: str) -> str:
    return f"{state_directory}/{SPOOL}"


def spool_of(state_directory: str, kind: str) -> str:
    """Return the directory of the entries of one kind."""
    return f"{state_directory}/{SPOOL}/{kind}"


def spool_entry(state_directory: str, kind: str, name: str) -> str:
    return f"{state_directory}/{SPOOL}/{kind}/{name}"


def spool_due(state_directory: str) -> str:
    """Return the file whose modification time is when the spool is due again."""
    return f"{state_directory}/{SPOOL}/due"


def open_incidents(state_directory: str) -> str:
    """Return the directory of the incidents that are not closed."""
    return f"{state_directory}/incidents/open"


def incidents_settled_for(state_directory: str) -> str:
    """Return the file that says for which configuration and silences nothing more was owed."""
    return f"{state_directory}/incidents/settled_for"


def closed_incidents(state_directory: str) -> str:
    return f"{state_directory}/incidents/closed"


def open_incident(state_directory: str, id: str) -> str:  # noqa: A002
    """Return the file of an incident. Its modification time is when a message may be due."""
    return f"{state_directory}/incidents/open/{id}.json"


def closed_incident(state_directory: str, id: str) -> str:  # noqa: A002
    return f"{state_directory}/incidents/closed/{id}.json"


def apprise_store(state_directory: str) -> str:
    """Return the directory in which apprise keeps what closes an alert at some services."""
    return f"{state_directory}/apprise"


def silences(state_directory: str) -> str:
    """Return the file that says for which jobs nobody is notified, and until when."""
    return f"{state_directory}/silences.json"


def shared_lock(state_directory: str, lock: str) -> str:
    """Return the directory that has one file for each job that ran under the shared `lock`."""
    return f"{state_directory}/locks/{lock}"


def sharer(state_directory: str, lock: str, slug: str) -> str:
    """Return the file that says that a job ran under the shared `lock`."""
    return f"{state_directory}/locks/{lock}/{slug}"


def recovered(state_directory: str) -> str:
    """Return the file with the id of the boot after which the state was last recovered."""
    return f"{state_directory}/recovered"


def recovery_lock(state_directory: str) -> str:
    return f"{state_directory}/{RECOVERY_LOCK}"


def secrets_key(state_directory: str) -> str:
    return f"{state_directory}/secrets.key"


def prune_stamp(state_directory: str) -> str:
    return f"{state_directory}/prune.stamp"


def calendar(state_directory: str, key: str) -> str:
    """Return the last good reading of a calendar; `key` is a hash of its path or region."""
    return f"{state_directory}/calendars/{key}.json"


def watch_note(state_directory: str) -> str:
    """Return the file that says when `watch` looked last."""
    return f"{state_directory}/watch.json"


def watch_memory(state_directory: str) -> str:
    """Return the file with what `watch` remembers from one look to the next, so that it reads little."""
    return f"{state_directory}/watched.json"


def watched_jobs(state_directory: str) -> str:
    """Return the file with what `watch` remembers of each job about which somebody is notified."""
    return f"{state_directory}/watched-jobs.json"


def disk_full_stamp(state_directory: str) -> str:
    """Return the file whose modification time is that of the last look before `watch` posted a full disk; 0: none."""
    return f"{state_directory}/disk-full.stamp"


def run_totals(state_directory: str) -> str:
    """Return the file of the counts of runs, for metrics: they outlive the journal."""
    return f"{state_directory}/run_totals.json"


def slot_totals(state_directory: str) -> str:
    """Return the file of the counts of planned times, for metrics."""
    return f"{state_directory}/slot_totals.json"


def crontab_note(state_directory: str) -> str:
    """Return the file that keeps the crontab as it was last seen."""
    return f"{state_directory}/crontab.json"


def chains(state_directory: str) -> str:
    """Return the file that says which jobs name which others in `after`."""
    return f"{state_directory}/chains.json"


def chains_lock(state_directory: str) -> str:
    """Return the lock of those who write that file."""
    return f"{state_directory}/chains.lock"


def scheduler_note(state_directory: str) -> str:
    """Return the file that says which process is, or was last, the scheduler of this host."""
    return f"{state_directory}/scheduler.json"


def held_starts(state_directory: str) -> str:
    """Return the file of the starts that wait in the scheduler for their turn."""
    return f"{state_directory}/held-starts.json"


def scheduler_lag(state_directory: str) -> str:
    """Return the file in which the scheduler keeps, once a minute, how late its last starts were."""
    return f"{state_directory}/scheduler-lag.json"


def web(state_directory: str, kind: str) -> str:
    """Return the directory of the page's `sessions` or `tokens`."""
    return f"{state_directory}/web/{kind}"


# --- below the run directory and the output directory ----------------------------------------------------------------

#: The name of the lock that the one scheduler of a run directory holds. Its dot keeps it apart from locks of jobs.
SCHEDULER_LOCK = ".scheduler"


def pool_place(pool: str, number: int) -> str:
    """Return the name of the lock of a place in a pool; no job can have such a name."""
    return f".pool-{pool}.{number}"


def host_place(number: int) -> str:
    """Return the name of the lock of a place on the host (`max_concurrent`)."""
    return f".host.{number}"


def next_in_line(pool: str | None) -> str:
    """Return the name of the lock of the start that is next to get a place, in a pool or else on the host."""
    return ".next-host" if pool is None else f".next-pool-{pool}"


def waiting_start(slug: str) -> str:
    """Return the name of the lock of the one scheduled start of a job that waits for a place."""
    return f".waiting-{slug}"


def fleet(state_directory: str) -> str:
    """Return the directory of what keepers of runs of the fleet leave for their worker."""
    return f"{state_directory}/fleet"


def fleet_database(state_directory: str) -> str:
    """Return the file in which the server of `up --fleet` keeps everything."""
    return f"{state_directory}/fleet/temporal.db"


def fleet_log(state_directory: str) -> str:
    """Return the file with what the server of `up --fleet` says."""
    return f"{state_directory}/fleet/temporal.log"


def fleet_result(state_directory: str, run_id: str) -> str:
    """Return the file that has how a run of the fleet ended; with `.err` behind it what `run-job` has printed."""
    return f"{state_directory}/fleet/{run_id}.json"


def scheduler_socket(run_directory: str) -> str:
    """Return the socket on which the scheduler answers commands."""
    return f"{run_directory}/scheduler.sock"


def web_link(run_directory: str) -> str:
    """Return the file that has the link to the page, while it is served without logins."""
    return f"{run_directory}/web.link"


def handover_socket(run_directory: str, key: str) -> str:
    """Return the socket by which runs leave to the scheduler what is to be sent. A longer path may be none."""
    return f"{run_directory}/ends.{key}"


def lock(run_directory: str, name: str) -> str:
    """Return the file of the lock under which a job runs."""
    return f"{run_directory}/{name}.lock"


def logs(output_directory: str, slug: str) -> str:
    return f"{output_directory}/{slug}"


def log(output_directory: str, slug: str, start: str, run_id: str) -> str:
    """Return the log of a run that began at `start` (YYYYmmdd-HHMMSS)."""
    return f"{output_directory}/{slug}/{slug}-{start}-{run_id}.log"


def log_here(output_directory: str, recorded: str) -> str:
    """Return the path below `output_directory` of a log that was `recorded` below another one."""
    return "/".join([output_directory, *recorded.split("/")[-2:]])
