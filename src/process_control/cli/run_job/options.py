"""The command line of `run-job`, read by hand: argparse alone costs as much as an interpreter's start.

Lean module.
"""

from process_control.core.facts import one_line
from process_control.errors import UsageError


class Options:
    """The command line, read."""

    __slots__ = (
        "ad_hoc",
        "by",
        "by_web",
        "command",
        "complete",
        "config",
        "debug",
        "dry_run",
        "due",
        "force",
        "is_caught_up",
        "job",
        "json",
        "note",
        "only_running",
        "queued_seconds",
        "quiet",
        "rerun",
        "run_id",
        "scheduled",
        "show",
        "slot",
        "slow_start",
        "slow_start_step",
        "timeout",
        "verb",
        "wait",
    )

    def __init__(self) -> None:
        self.verb = "run"
        self.job: str | None = None
        #: the keys of a command of `exec`, as JSON; None: it is a job that is run
        self.ad_hoc: str | None = None
        #: that command, word by word
        self.command: list[str] = []
        self.complete = ""
        self.config: str | None = None
        self.scheduled: str | None = None
        self.slot: str | None = None
        #: the planned time (UTC seconds) that the scheduler has found due; None: the run finds it by the clock
        self.due: int | None = None
        #: who asked the scheduler for the run, by hand
        self.by: str | None = None
        #: whether they asked by the page or its API
        self.by_web = False
        #: for how many seconds the scheduler held the start back, as its turn had not come
        self.queued_seconds = 0.0
        #: the id that the run is to have; None: a new one
        self.run_id: str | None = None
        #: which try of that planned time it is in the fleet, after the loss of hosts
        self.rerun: int | None = None
        #: whether the fleet makes up for a planned time that was missed
        self.is_caught_up = False
        self.slow_start = False
        #: the step of the slow start, as the fleet counts it; None: it is asked for by hand, or there is none
        self.slow_start_step: str | None = None
        self.force = False
        self.wait: str | None = None
        self.timeout: str | None = None
        self.note: str | None = None
        self.dry_run = False
        self.only_running = False
        self.show = False
        self.quiet = False
        self.debug = False
        self.json = False


_VERBS = {"-l": "list", "--list-jobs": "list", "-s": "status", "--status": "status", "-h": "help", "--help": "help"}
_VERBS["--version"] = "version"
_SWITCHES = {
    "--slow-start": "slow_start",
    "-w": "slow_start",
    "--force": "force",
    "--dry-run": "dry_run",
    "--only-running": "only_running",
    "-r": "only_running",
    "--show": "show",
    "--quiet": "quiet",
    "--debug": "debug",
    "--json": "json",
}
_WITH_VALUE = {
    "-j": "job",
    "--job": "job",
    "-k": "kill",
    "--kill-job": "kill",
    "--timeout": "timeout",
    "--note": "note",
    "--config": "config",
}
#: Not in the help: what completion asks, see complete.py; the UTC seconds that `process-control run --slot` passes; how
#: `process-control exec` calls us, with the command behind its name; and what the worker of the fleet knows of a run.
_OF_EXEC = "--ad-hoc"
_OF_THE_FLEET = {"--due": "due", "--queued": "queued_seconds", "--run-id": "run_id", "--by": "by", "--rerun": "rerun"}
_OF_THE_FLEET["--slow-start-step"] = "slow_start_step"
_SWITCHES_OF_THE_FLEET = {"--caught-up": "is_caught_up"}
_HIDDEN = {"--complete": "complete", "--slot": "slot", _OF_EXEC: "ad_hoc", **_OF_THE_FLEET}
_VALUE_OPTIONAL = {"--scheduled": ("scheduled", "cron"), "--wait": ("wait", "")}
FLAGS = (*_VERBS, *_SWITCHES, *_WITH_VALUE, *_VALUE_OPTIONAL)


def parse(arguments: list[str]) -> Options:
    """Return the options. Raises UsageError (2)."""
    options = Options()
    words = _split_short(arguments)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word == "--":
            _set_job(options, words.pop(0) if words else "")
            if options.ad_hoc is not None:
                options.command, words = words, []
        elif name in _VALUE_OPTIONAL:
            attribute, default = _VALUE_OPTIONAL[name]
            setattr(options, attribute, value if equals else default)
        elif name in _WITH_VALUE or name in _HIDDEN:
            if not equals and not words:
                raise UsageError(f"{name} needs a value", hint="run-job --help")
            _set_value(options, _WITH_VALUE.get(name) or _HIDDEN[name], value if equals else words.pop(0))
        elif word in _SWITCHES_OF_THE_FLEET:
            setattr(options, _SWITCHES_OF_THE_FLEET[word], True)
        elif equals or (word.startswith("-") and word not in _VERBS and word not in _SWITCHES):
            raise UsageError(f"unknown option {name}", hint=_did_you_mean(name))
        elif word in _VERBS:
            _set_verb(options, _VERBS[word])
        elif word in _SWITCHES:
            setattr(options, _SWITCHES[word], True)
        else:
            _set_job(options, word)
    _check(options)
    return options


def _split_short(arguments: list[str]) -> list[str]:
    """Return the arguments with `-sr` taken apart into `-s -r`, and `-jNAME` into `-j NAME`."""
    words: list[str] = []
    for position, word in enumerate(arguments):
        if word == "--":
            return words + arguments[position:]
        if len(word) > 2 and word[0] == "-" and word[1] != "-" and word[:2] in ("-j", "-k"):
            words += [word[:2], word[2:]]
        elif len(word) > 2 and word[0] == "-" and word[1] != "-" and all(f"-{char}" in FLAGS for char in word[1:]):
            words += [f"-{char}" for char in word[1:]]
        else:
            words.append(word)
    return words


def _set_value(options: Options, attribute: str, value: str) -> None:
    if attribute == "complete":
        _set_verb(options, "complete")
    if attribute == "kill":
        _set_verb(options, "kill")
        attribute = "job"
    if attribute == "job":
        _set_job(options, value)
    elif attribute in ("note", "by", "slow_start_step"):
        setattr(options, attribute, one_line(value))
    elif attribute in ("due", "queued_seconds", "rerun"):
        if not (value.isdecimal() and len(value) < 12):
            raise UsageError(f"a planned time, a wait or a try must be a whole number, not '{value}'")
        setattr(options, attribute, int(value))
    else:
        setattr(options, attribute, value)


def _set_verb(options: Options, verb: str) -> None:
    if options.verb not in ("run", verb) and "help" not in (options.verb, verb):
        raise UsageError(f"--{options.verb} and --{verb} do not go together", hint="run-job --help")
    options.verb = "help" if "help" in (options.verb, verb) else verb


def _set_job(options: Options, name: str) -> None:
    if options.job is not None:
        raise UsageError(f"one job at a time: '{options.job}' or '{name}'?", hint="run-job --help")
    options.job = name


def _check(options: Options) -> None:
    if options.verb == "run" and options.only_running and options.job is None:
        options.verb = "status"
    if options.json and options.verb == "run" and not options.dry_run:
        raise UsageError("--json goes with --list-jobs, --status and --dry-run", hint="process-control history --json")
    if options.verb in ("run", "kill") and options.job is None:
        raise UsageError("which job?", hint="run-job NAME; to list all jobs: run-job --list-jobs")
    #: Not in the help: a cause has ended, or a worker of the fleet starts it.
    hidden = {"job": options.slot, "fleet": options.due}
    if options.scheduled not in (None, "cron", "timer") and hidden.get(options.scheduled) is None:
        raise UsageError(f"--scheduled={options.scheduled}: must be cron or timer", hint="run-job --help")
    if options.show and (options.quiet or options.scheduled):
        other = "--quiet" if options.quiet else "--scheduled"
        raise UsageError(f"--show and {other} do not go together", hint="run-job --help")
    if options.slot is not None and not (options.slot.isdecimal() and len(options.slot) < 12):
        raise UsageError("--slot takes UTC seconds", hint="process-control run JOB --slot TIME")
    if options.scheduled and options.scheduled != "fleet" and (options.force or options.slow_start):
        raise UsageError("--force and --slow-start are for runs by hand, not for --scheduled", hint="run-job --help")


def seconds_of_flag(text: str, flag: str) -> float:
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.config.keys.number_kinds import seconds_of

    seconds = seconds_of(text)
    if seconds is None:
        raise UsageError(f"{flag} {text}: not a time", hint="seconds, or 90s, 10m, 2h, 1d")
    return seconds


def _did_you_mean(name: str) -> str:
    from process_control.core.suggestions import nearest

    near = nearest(name, FLAGS)
    return f"did you mean {near}?" if near else "run-job --help"
