"""What the exit codes mean, for help and man pages; errors.py and the corridor are where they come from."""

# code, in a phrase, in a sentence
RUN_JOB_CODES = (
    ("0", "fine", "The run succeeded or warned; or a scheduled start was skipped, quietly."),
    ("", "the command's own", "Any other code is the command's own; 126: cannot be executed, 127: not found."),
    ("1", "failed though it exited 0", "The run failed although the command exited with 0: it wrote to stderr."),
    ("124", "timeout", "The run took longer than its time limit, and was ended with its whole tree."),
    ("143", "stopped", "Somebody stopped the run: by --kill-job or a signal. 130 is INT, 129 is HUP."),
    ("137", "lost", "The runner was killed: its tree was ended, the run is lost."),
    (
        "75",
        "not started: running, held",
        "Not started: it runs, is held, or left processes; or the host has no process or descriptor left just now.",
    ),
    ("70", "own fault", "A fault in process-control itself: it is recorded."),
    ("74", "cannot record", "Not started: lock, log or journal cannot be written."),
    ("66", "no such job", "There is no such job."),
    ("77", "not permitted", "Not permitted: neither root nor the service user, or a file that others could write."),
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
