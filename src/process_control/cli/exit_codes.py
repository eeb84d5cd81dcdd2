"""What the exit codes mean, for help and man pages; errors.py and the corridor are where they come from."""

# code, in a phrase, in a sentence
RUN_JOB_CODES = (
    ("0", "fine", "The run succeeded or warned; or a scheduled start was skipped, quietly."),
    ("", "the command's own", "Any other code is the command's own; 126: cannot be executed, 127: not found."),
    (
        "1",
        "failed though it exited 0",
        "The run failed although the command exited with 0: by stderr, output or `expect`.",
    ),
    ("124", "timeout", "The run timed out, or was silent for too long; all its processes were ended."),
    ("143", "stopped", "The run was stopped, by --kill-job or a signal. 130: by INT, 129: by HUP."),
    ("137", "lost", "The runner was killed: all processes of the run were ended, and the run is lost."),
    (
        "75",
        "not started: running, held",
        "Not started: the job is running, on hold, or left processes; or the host has no free processes or memory.",
    ),
    ("70", "internal error", "An internal error of process-control; it is recorded."),
    ("74", "cannot record", "Not started: lock, log or journal cannot be written."),
    ("66", "no such job", "There is no such job."),
    ("77", "not permitted", "Not permitted: you are neither root nor the service user, or others could write a file."),
    ("78", "bad file", "The job file or the configuration has faults, or a directory is missing."),
    ("2", "usage", "Wrong usage."),
)

PROCESS_CONTROL_CODES = (
    ("0", "", "Done."),
    ("1", "", "The answer is no, or there are findings."),
    ("2", "", "Wrong usage."),
    ("66", "", "There is no such job, run or file."),
    ("74", "", "Something cannot be written, or its disk does not answer."),
    ("77", "", "Not permitted: see run-job(1)."),
    ("78", "", "A job file or the configuration has faults, or a directory is missing."),
)
