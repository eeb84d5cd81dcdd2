"""Errors as data: what went wrong, where, how to mend it, and the exit code that says so.

Lean module: imports nothing.

    ProcessControlError            1   the answer is no
    ├── UsageError                 2   wrong usage of a command
    ├── JobNotFound               66   no such job, or a malformed name
    ├── OwnFault                  70   a fault in process-control itself
    ├── CannotRecord              74   lock, log or journal cannot be written
    ├── NotStarted                75   already running, a survivor, held; no process or descriptor left just now
    ├── NotPermitted              77   wrong user, unsafe file
    ├── BadConfiguration          78   bad job file or configuration; may carry many faults
    └── RunnerKilled             137   the runner was killed before it could record its start

The codes are those of sysexits.h where it has one.
"""


class Fault:
    """One thing that is wrong: `what` in words, `where` (file:line:column, slug or path), and the `mend`.

    `line` is the faulty line of the file, for whoever shows it to a person; empty when it is not known.
    """

    __slots__ = ("line", "mend", "what", "where")

    def __init__(self, what: str, *, where: str = "", mend: str = "", line: str = "") -> None:
        self.what = what
        self.where = where
        self.mend = mend
        self.line = line

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}\n  hint: {self.mend}" if self.mend else line

    def __repr__(self) -> str:
        return f"Fault({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class ProcessControlError(Exception):
    """The root of every error that a person is meant to read. `faults` holds one or more `Fault`s."""

    exit_code = 1

    def __init__(self, what: str = "", *, where: str = "", mend: str = "", faults: "list[Fault] | None" = None) -> None:
        self.faults = faults or [Fault(what, where=where, mend=mend)]
        super().__init__(self.faults[0].what)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


class UsageError(ProcessControlError):
    exit_code = 2


class JobNotFound(ProcessControlError):
    exit_code = 66


class OwnFault(ProcessControlError):
    exit_code = 70


class CannotRecord(ProcessControlError):
    exit_code = 74


class NotStarted(ProcessControlError):
    exit_code = 75


class NotPermitted(ProcessControlError):
    exit_code = 77


class BadConfiguration(ProcessControlError):
    exit_code = 78


class RunnerKilled(ProcessControlError):
    exit_code = 137
