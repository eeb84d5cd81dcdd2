"""The tree of errors, each with its exit code, and the table of all exit codes.

Lean module: imports nothing.

    ProcessControlError       NO
    ├── UsageError            USAGE
    ├── JobNotFound           NOT_FOUND: no such job, or a malformed name
    ├── OwnFault              OWN_FAULT
    ├── CannotRecord          CANNOT_RECORD
    ├── NotStarted            NOT_STARTED
    ├── NotPermitted          NOT_PERMITTED
    ├── BadConfiguration      BAD_CONFIGURATION: may carry many faults
    └── RunnerKilled          RUNNER_KILLED: the runner was killed before it could record its start

The codes are those of sysexits.h where it has one, and those of a shell and of timeout(1) for how a command ended.
"""

# Each exit code has its number here, and nowhere else; EXIT_CODES says what it means.
FINE = 0
NO = 1
USAGE = 2
NOT_FOUND = 66
OWN_FAULT = 70
CANNOT_RECORD = 74
NOT_STARTED = 75
NOT_PERMITTED = 77
BAD_CONFIGURATION = 78
TIMEOUT = 124
NOT_EXECUTABLE = 126
NO_COMMAND = 127
#: Added to the number of the signal.
BY_SIGNAL = 128
RUNNER_KILLED = BY_SIGNAL + 9
STOPPED = BY_SIGNAL + 15

#: Rows of: code (None: any other), `run-job` in a phrase, `run-job` in a sentence, `process-control` in a sentence.
EXIT_CODES = (
    (FINE, "fine", "The run succeeded or warned; or a scheduled start was skipped, quietly.", "Done."),
    (None, "the command's own", "Any other code is the command's own; 126: cannot be executed, 127: not found.", ""),
    (
        NO,
        "failed though it exited 0",
        "The run failed although the command exited with 0: by stderr, output or `expect`.",
        "The answer is no, or there are findings.",
    ),
    (TIMEOUT, "timeout", "The run timed out, or was silent for too long; all its processes were ended.", ""),
    (STOPPED, "stopped", "The run was stopped, by --kill-job or a signal. 130: by INT, 129: by HUP.", ""),
    (RUNNER_KILLED, "lost", "The runner was killed: all processes of the run were ended, and the run is lost.", ""),
    (
        NOT_STARTED,
        "not started: running, held",
        "Not started: the job is running, on hold, or left processes; or the host has no free processes or memory.",
        "",
    ),
    (OWN_FAULT, "internal error", "An internal error of process-control; it is recorded.", ""),
    (
        CANNOT_RECORD,
        "cannot record",
        "Not started: lock, log or journal cannot be written.",
        "Something cannot be written, or its disk does not answer.",
    ),
    (NOT_FOUND, "no such job", "There is no such job.", "There is no such job, run or file."),
    (
        NOT_PERMITTED,
        "not permitted",
        "Not permitted: you are neither root nor the service user, or others could write a file.",
        "Not permitted: see run-job(1).",
    ),
    (
        BAD_CONFIGURATION,
        "bad file",
        "The job file or the configuration has faults, or a directory is missing.",
        "A job file or the configuration has faults, or a directory is missing.",
    ),
    (USAGE, "usage", "Wrong usage.", "Wrong usage."),
)


class Fault:
    """One thing that is wrong, where, and how to fix it."""

    __slots__ = ("hint", "line", "what", "where")

    def __init__(self, what: str, *, where: str = "", hint: str = "", line: str = "") -> None:
        #: what is wrong, in words
        self.what = what
        #: file:line:column, slug or path
        self.where = where
        #: how to fix it
        self.hint = hint
        #: the faulty line of the file, empty when it is not known
        self.line = line

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}\n  hint: {self.hint}" if self.hint else line

    def __repr__(self) -> str:
        return f"Fault({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class ProcessControlError(Exception):
    """The root of all errors whose text is for people. `faults` holds at least one Fault."""

    exit_code = NO

    def __init__(self, what: str = "", *, where: str = "", hint: str = "", faults: "list[Fault] | None" = None) -> None:
        self.faults = faults or [Fault(what, where=where, hint=hint)]
        super().__init__(self.faults[0].what)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class UsageError(ProcessControlError):
    exit_code = USAGE


class JobNotFound(ProcessControlError):
    exit_code = NOT_FOUND


class OwnFault(ProcessControlError):
    exit_code = OWN_FAULT


class CannotRecord(ProcessControlError):
    exit_code = CANNOT_RECORD


class NotStarted(ProcessControlError):
    exit_code = NOT_STARTED


class NotPermitted(ProcessControlError):
    exit_code = NOT_PERMITTED


class BadConfiguration(ProcessControlError):
    exit_code = BAD_CONFIGURATION


class RunnerKilled(ProcessControlError):
    exit_code = RUNNER_KILLED
