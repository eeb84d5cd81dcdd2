"""Words of other programs, and which command of ours does the same. Imported when a word is unknown.

Words and options that only look like ours are left to a guess by spelling; these here mean something else, or come
later.
"""

OTHER_VERBS = {
    "start": "process-control run JOB starts it in the background; run-job JOB runs it here",
    "restart": "process-control stop JOB, then process-control run JOB",
    "rerun": "process-control run JOB --slot TIME; all that were missed: process-control recover",
    "backfill": "process-control recover",
    "kill": "process-control stop JOB",
    "cancel": "process-control stop JOB",
    "tail": "process-control logs -f JOB",
    "log": "process-control logs JOB",
    "output": "process-control logs JOB",
    "enable": "process-control release JOB ends a hold; `disabled: true` is removed in the job's file",
    "disable": "process-control hold JOB; for good: disabled: true in the job's file",
    "resume": "process-control release JOB",
    "unpause": "process-control release JOB",
    "unhold": "process-control release JOB",
    "next": "process-control timers, or process-control show JOB for the next times of one job",
    "list-timers": "process-control timers",
    "ledger": "process-control slots",
    "missed": "process-control slots --fate missed",
    "calendar": "process-control day",
    "timeline": "process-control day",
    "edit": "a job is a file: process-control show JOB names it",
    "ls": "process-control list",
    "jobs": "process-control list",
    "ps": "process-control status",
    "runs": "process-control history",
    "validate": "process-control lint",
    "test": "process-control lint, or run-job --dry-run JOB",
    "reload": "cron-generate writes the crontab again; job files are read at each start",
    "generate": "cron-generate",
    "diagnose": "process-control doctor",
    "health": "process-control doctor; for monitoring: process-control check",
    "verify": "process-control doctor; of job files only: process-control lint",
    "config": "process-control show JOB, or process-control explain KEY",
    "version": "process-control --version",
}

OTHER_OPTIONS = {
    ("logs", "--tail"): "-n N",
    ("logs", "--lines"): "-n N",
    ("list", "--failed"): "process-control status --failed",
    ("list", "--state"): "process-control status lists by state; --failed shows the failing jobs only",
    ("status", "--state"): "--failed shows the failing jobs only",
    ("status", "-w"): "--watch",
    ("status", "--follow"): "--watch",
    ("history", "--last"): "--limit N",
    ("history", "-n"): "--limit N",
    ("history", "--state"): "--outcome",
    ("run", "--wait"): "--follow waits for one job; for several: process-control wait JOB...",
    ("run", "--detach"): "run returns at once: it is not needed",
    ("run", "-d"): "run returns at once: it is not needed",
}
