"""One finding of `lint`: a fault, or a warning of what is to be expected, with its file."""

import re
from dataclasses import dataclass

from process_control.errors import Fault

FAULT = "fault"
CLOCK, EITHER_DAY, OVERLAP, LOCK, TIMEOUT, HERD, TAG, CRON, NOTIFY, PING, POOL = WARNINGS = (
    "clock", "either_day", "overlap", "lock", "timeout", "herd", "tag", "cron", "notify", "ping", "pool",
)  # fmt: skip
_PLACE = re.compile(r"(?P<file>.*?)(?::(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A warning about a value of a job: its kind, of WARNINGS, and the key with the number of its item."""

    kind: str
    key: str
    item: int = 0
    what: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault or a warning, with its file."""

    path: str
    fault: Fault
    #: FAULT, or one of WARNINGS
    kind: str = FAULT

    def __str__(self) -> str:
        return str(self.as_fault())

    def as_fault(self) -> Fault:
        what = self.fault.what if self.kind == FAULT else f"warning: {self.fault.what}"
        return Fault(what, where=self._where(), hint=self.fault.hint, line=self.fault.line)

    @property
    def place(self) -> tuple[str, int, int]:
        """Path, line and column, to sort by."""
        line, column = self._line_and_column()
        return self.path, line or 0, column or 0

    def _where(self) -> str:
        return ":".join(str(part) for part in (self.path, *self._line_and_column()) if part is not None)

    def _line_and_column(self) -> tuple[int | None, int | None]:
        match = _PLACE.fullmatch(self.fault.where)
        line, column = (match["line"], match["column"]) if match else (None, None)
        return int(line) if line else None, int(column) if column else None

    def to_json(self) -> dict[str, object]:
        line, column = self._line_and_column()
        return {
            "file": self.path,
            "line": line,
            "column": column,
            "kind": self.kind,
            "what": self.fault.what,
            "hint": self.fault.hint or None,
            "mend": self.fault.hint or None,  # deprecated: what `hint` was called, until 1.0
        }
