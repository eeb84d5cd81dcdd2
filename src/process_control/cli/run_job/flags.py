"""What `run-job` takes, in words: for its help, its completion and its man page. `options.py` reads it.

Not lean: no run needs it.
"""

import textwrap

from process_control.cli.command import FILES, SLUGS, Argument, Command, Flag
from process_control.cli.exit_codes import RUN_JOB_CODES

# form, what it does
FORMS = (
    ("NAME | -j NAME", "run a job now; on a terminal its output is shown as it comes"),
    ("--list-jobs | -l", "the jobs there are; invalid files with their fault"),
    ("--status | -s [-r]", "what each job did last; -r only those that run now"),
    ("--kill-job NAME", "stop a run and wait until its whole process tree is gone"),
)

FLAGS = (
    Flag(
        names=("-j", "--job"),
        value="NAME",
        completes=SLUGS,
        meaning="the job, when its name is easier said with a flag",
    ),
    Flag(
        names=("-w", "--slow-start"),
        meaning="with the small-dose command (slow_start_command)",
        more="A job without one is not started (78).",
    ),
    Flag(
        names=("--scheduled",),
        value="TRIGGER",
        value_is_optional=True,
        choices=("cron", "timer"),
        meaning="as crontabs and timers call it: for its slot, through the gate, quiet",
        more="The slot is the last planned time. It is run once; one that is older than start_within, or belongs to a "
        "job that is disabled, held or backing off, is recorded as skipped, and the exit code is 0.",
    ),
    Flag(
        names=("--wait",),
        value="TIME",
        value_is_optional=True,
        meaning="queue for the lock instead of refusing (TIME: 90s, 10m, 2h; default queue_timeout)",
    ),
    Flag(names=("--force",), meaning="run although the job is held; in full although it is in slow start"),
    Flag(names=("--timeout",), value="TIME", meaning="for this run only; 0 is none"),
    Flag(names=("--note",), value="TEXT", meaning="why, for the audit"),
    Flag(
        names=("--show",),
        meaning="show the job's output, each stream on its own descriptor",
        more="By hand that is so when standard input, output or error is a terminal. A slow reader holds no run up: "
        "what it did not take in time is left out with a word, and the log has it.",
    ),
    Flag(
        names=("--quiet",),
        meaning="show no output, only the report of a failed run",
    ),
    Flag(
        names=("--dry-run",),
        meaning="show what would run: command, environment, directory, user, limits, lock",
        more="Nothing is run, and the values of the environment are not shown.",
    ),
    Flag(
        names=("-l", "--list-jobs"),
        meaning="one line a job",
        more="In a pipe: the slug, ' - ', the name, and, while it runs, a tab and {pid: N, status: running}.",
    ),
    Flag(names=("-s", "--status"), meaning="one line a job, what it did last"),
    Flag(names=("-r", "--only-running"), meaning="with --status: only jobs that run now"),
    Flag(
        names=("-k", "--kill-job"),
        value="NAME",
        completes=SLUGS,
        meaning="exit 0 stopped, 1 nothing was running, 66 no such job",
        more="The whole process tree gets TERM, the job's kill_grace, then KILL; it is gone when this returns.",
    ),
    Flag(names=("--json",), meaning="for --list-jobs, --status and --dry-run"),
    Flag(
        names=("--config",),
        value="FILE",
        completes=FILES,
        meaning="another configuration (or PROCESS_CONTROL_CONFIG)",
    ),
    Flag(names=("--debug",), meaning="show where a fault of process-control itself is"),
    Flag(names=("-h", "--help"), meaning="this text"),
    Flag(names=("--version",), meaning=""),
)

RUN_JOB = Command(
    name="run-job",
    words="run one job, and be sure of it",
    usage=tuple(f"run-job {form}" for form, _ in FORMS),
    flags=FLAGS,
    argument=Argument(value="NAME", completes=SLUGS),
)


def help_text() -> str:
    """Return what `run-job --help` shows."""
    forms = [f"run-job {form:<18}  {words}" for form, words in FORMS]
    usage = "usage: " + "\n       ".join(forms)
    flags = "\n".join(_line(flag) for flag in FLAGS)
    # A code and its words stay on one line: no-break spaces while it is wrapped.
    codes = " · ".join(f"{code} {words}".strip().replace(" ", "\xa0") for code, words, _ in RUN_JOB_CODES)
    wrapped = textwrap.fill(codes, 118, initial_indent="exit codes: ", subsequent_indent=" " * 12)
    return f"{usage}\n\n{flags}\n\n{wrapped}\n".replace("\xa0", " ").replace(" ·\n", "\n")


def _line(flag: Flag) -> str:
    value = f"[={flag.value}]" if flag.value_is_optional else f" {flag.value}" if flag.value else ""
    if flag.names == ("--scheduled",):
        value = ""  # cron is what is meant; timers say it, people never do
    short = f"{flag.names[0]}, " if len(flag.names) > 1 else "    "
    return f"  {short + flag.names[-1] + value:<22}{flag.meaning}".rstrip()
