"""What `run-job` takes, in words: for its help, its completion and its man page. `options.py` reads it.

Not lean: no run needs it.
"""

import textwrap

from process_control.cli.command import FILES, SLUGS, Argument, Command, Flag
from process_control.cli.exit_codes import RUN_JOB_CODES

# form, what it does
FORMS = (
    ("NAME | -j NAME", "run a job now; a terminal shows its output"),
    ("--list-jobs | -l", "all jobs; invalid files with their fault"),
    ("--status | -s [-r]", "the last run of each job; -r: only running"),
    ("--kill-job | -k NAME", "stop its run and wait until it is all gone"),
)

_IN_FORMS = ("-j", "-l", "-s", "-r", "-k")

FLAGS = (
    Flag(
        names=("-j", "--job"),
        value="NAME",
        completes=SLUGS,
        meaning="same as NAME",
    ),
    Flag(
        names=("-w", "--slow-start"),
        meaning="run slow_start_command in place of command",
        more="A job without one is not started (78).",
    ),
    Flag(
        names=("--scheduled",),
        value="TRIGGER",
        value_is_optional=True,
        choices=("cron", "timer"),
        meaning="used by cron: run for the planned time (slot), quietly",
        more="The slot is the last planned time. It is run once. If it is older than start_within, or if the job is "
        "disabled, on hold or backing off, it is recorded as skipped, and the exit code is 0.",
    ),
    Flag(
        names=("--wait",),
        value="TIME",
        value_is_optional=True,
        meaning="if it runs, or its pool is full, wait (90s, 10m, 2h)",
        more="Without TIME as long as queue_timeout says.",
    ),
    Flag(names=("--force",), meaning="run although on hold, slow-starting or in a full pool"),
    Flag(names=("--timeout",), value="TIME", meaning="time limit for this run only; 0: none"),
    Flag(names=("--note",), value="TEXT", meaning="why: recorded in the audit log"),
    Flag(
        names=("--show",),
        meaning="show the job's output also where no terminal is",
        more="Each stream on its own descriptor. The default by hand, when standard input, output or error is a "
        "terminal. A slow reader does not delay the run: what it does not read in time is left out with a notice; the "
        "log has it.",
    ),
    Flag(
        names=("--quiet",),
        meaning="show no output, only the report of a failed run",
    ),
    Flag(
        names=("--dry-run",),
        meaning="show what would run: command, environment, user, limits",
        more="Its directory and lock too. Nothing is run. Values of the environment are not shown.",
    ),
    Flag(
        names=("-l", "--list-jobs"),
        meaning="one line a job",
        more="In a pipe: the slug, ' - ', the name, and, while it runs, a tab and {pid: N, status: running}.",
    ),
    Flag(names=("-s", "--status"), meaning="one line a job: its last run"),
    Flag(names=("-r", "--only-running"), meaning="with --status: only running jobs"),
    Flag(
        names=("-k", "--kill-job"),
        value="NAME",
        completes=SLUGS,
        meaning="stop a run; exit code 0: stopped, 1: nothing was running, 66: no such job",
        more="The whole process tree gets TERM, the job's kill_grace, then KILL; it is gone when this returns.",
    ),
    Flag(names=("--json",), meaning="for --list-jobs, --status and --dry-run"),
    Flag(
        names=("--config",),
        value="FILE",
        completes=FILES,
        meaning="use this configuration (or set PROCESS_CONTROL_CONFIG)",
    ),
    Flag(names=("--debug",), meaning="print a traceback for internal errors"),
    Flag(names=("-h", "--help"), meaning="show this help; all of it: man run-job"),
    Flag(names=("--version",), meaning=""),
)

RUN_JOB = Command(
    name="run-job",
    words="run one job with lock, timeout and recorded output",
    usage=tuple(f"run-job {form}" for form, _ in FORMS),
    flags=FLAGS,
    argument=Argument(value="NAME", completes=SLUGS),
)


def help_text() -> str:
    """Return what `run-job --help` shows: one screen of 80 columns, without the flags that are in FORMS."""
    forms = [f"run-job {form:<20}  {words}" for form, words in FORMS]
    usage = "usage: " + "\n       ".join(forms)
    flags = "\n".join(_line(flag) for flag in FLAGS if flag.names[0] not in _IN_FORMS)
    # A code and its words stay on one line: no-break spaces while it is wrapped.
    codes = "\xa0· ".join(f"{code} {words}".strip().replace(" ", "\xa0") for code, words, _ in RUN_JOB_CODES)
    wrapped = textwrap.fill(codes, 80, initial_indent="exit codes: ", subsequent_indent="  ")
    return f"{usage}\n\n{flags}\n\n{wrapped}\n".replace("\xa0", " ").replace(" ·\n", "\n")


def _line(flag: Flag) -> str:
    value = f"[={flag.value}]" if flag.value_is_optional else f" {flag.value}" if flag.value else ""
    if flag.names == ("--scheduled",):
        value = ""  # cron is what is meant; timers say it, people never do
    short = f"{flag.names[0]}, " if len(flag.names) > 1 else "    "
    return f"  {short + flag.names[-1] + value:<22}{flag.meaning}".rstrip()
