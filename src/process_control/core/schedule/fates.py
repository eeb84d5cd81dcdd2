"""What the words of the ledger mean: fates, reasons of skips, reasons why a job does not run now. Pure.

The causes of missed times are in `causes.py`; docs/reference/fates.md is made of both.
"""

FATES_IN_WORDS = {
    "ran": "a run was started for it, however it ended; of several the last one counts",
    "skipped": "it was not to run, or could not: a reason says why",
    "missed": "nothing became of it, and nobody had chosen that: a cause says why",
    "due": "its start may still come, or waits",
}
#: Reasons of skipped times, as `why` has them.
SKIPS = {
    "disabled": "the job is disabled",
    "held": "it was held",
    "backoff": "it was backing off after failures",
    "excluded": "its day is excluded",
    "condition": "its condition was not met",
    "overlap": "its lock was held",  # or there was no place, which its detail says
    "too_late": "its start came too late",
    "marked": "it was settled by hand",
    "cause_missing": "the run that it comes after is missing",
}
#: Reasons why a job does not run now, in the order in which `why` shows them.
BLOCKERS = {
    "gone": "its file is gone: nothing is planned",
    "invalid": "its file is invalid, so every start is refused",
    "no_schedule": "its file has no schedule: it runs by hand only",
    "in_fleet": "the fleet plans it, not this host: `why JOB --fleet`",
    "disabled": "its file says `disabled: true`",
    "held": "somebody, or a rule, has put it on hold",
    "backoff": "it is backing off after failures: planned times are skipped",
    "excluded": "today is excluded",
    "lock": "a run of another job has its lock",
    "survivors": "processes of its last run still live",
    "waiting": "a start waits for its lock, with its position in the queue, or for a place in its pool or on the host",
    "pool": "all places in its pool are taken",
    "max_concurrent": "all places on the host are taken",
    "not_in_crontab": "the generated crontab has no line for it",
    "crontab": "the crontab is missing, or does not fit the job files",
    "cron_not_running": "no cron daemon runs on this host",
    "scheduler_dead": "the scheduler is in charge and died",
}
