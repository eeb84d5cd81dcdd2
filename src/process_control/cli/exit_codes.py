"""The exit codes of the two commands, for help and man pages: made from the table in errors.py."""

from process_control.errors import EXIT_CODES

# code, in a phrase, in a sentence; in the order in which they are shown
RUN_JOB_CODES = tuple(
    ("" if code is None else str(code), phrase, of_run_job) for code, phrase, of_run_job, _ in EXIT_CODES
)
PROCESS_CONTROL_CODES = tuple(
    (str(code), "", sentence)
    for code, sentence in sorted((code, sentence) for code, _, _, sentence in EXIT_CODES if code is not None)
    if sentence
)
