"""What the answer of a host means: its values, checked by their types, or why there are none and what to do. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from process_control import __version__
from process_control.core.terminal_markup import plain_text
from process_control.errors import NO_COMMAND, USAGE, Fault
from process_control.fleet.answer_types import decoder_of, error_decoder
from process_control.fleet.ask_hosts import Came, End

#: The exit code of ssh when it has not run anything.
SSH_FAILED = 255
ANSWER_FORM = 1
#: This verb answers that the state is unknown, and why.
CHECK = "check"
#: Characters of a text that a host is quoted with.
MAX_QUOTED = 200
_WHO_ANSWERS = re.compile(rb"^process-control ([0-9][0-9A-Za-z.+!-]{0,63})\r?$", re.MULTILINE)
#: What is inside of the answer is indented.
_END = b"\n}\n"
_NOT_UNDERSTOOD = "its answer is not understood"
_OTHER_FORM = "its answer has form {}, and form {} is known here"
_NO_COMMAND = re.compile(r"process-control.*(not found|No such file)|Unknown command.*process-control")
#: What ssh says, what that means, and what to do.
_OF_SSH = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key has changed", "ssh {host}, and ask who runs it"),
    (r"Host key verification failed", "its host key is not known", "compare the key: ssh {host}"),
    (
        r"Permission denied",
        "it refuses the key",
        "ssh-copy-id {host}; is ssh-agent running?",
    ),
    (r"Could not resolve hostname", "its name is not known", "a name in DNS, or a Host of ~/.ssh/config"),
    (r"Connection refused", "nothing listens for ssh there", "ssh {host}"),
    (r"timed out|No route to host|Network is unreachable", "it cannot be reached", "ssh {host}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The reply of one host: `values`, the answer of the verb, or `error`."""

    host: str
    #: of process-control there, when it answered with one
    version: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    error: Fault | None = None
    #: what it printed besides, on lines without control characters
    talk: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        return self.error is None

    def to_json(self) -> dict[str, Any]:
        """Return what an answer of many hosts says about this one."""
        error = self.error and {"what": self.error.what, "where": None, "hint": self.error.hint or None}
        return {"host": self.host, "ok": self.is_ok, "version": self.version, "error": error}


def reply_of(host: str, came: Came, *, form: str, seconds: float) -> Reply:
    """Return what `host` replied. `form`: the verb whose answer it is, such as `slots --count`."""
    version, text, is_whole = _answer_in(bytes(came.output))
    if came.end is not End.ENDED and not (came.end is End.TOO_SLOW and is_whole):
        return Reply(host=host, version=version, error=_of_end(host, came, version, seconds))
    talk = _lines_of(came.talk)
    if version is None:
        return Reply(host=host, error=_of_no_answer(host, came, talk))
    if came.status == SSH_FAILED and not is_whole:
        return Reply(host=host, version=version, error=_of_broken_connection(host, talk))
    values, error = _read(text, form)
    if error is None:
        return Reply(host=host, version=version, values=values, talk=talk)
    return Reply(host=host, version=version, error=_with_version(error, came.status, version))


def _answer_in(output: bytes) -> tuple[str | None, bytes, bool]:
    """Return the version, the answer behind it, and whether that has an end.

    A shell's start files may print before, and after it.
    """
    found = _WHO_ANSWERS.search(output)
    if found is None:
        return None, b"", False
    end = output.find(_END, found.end())
    text = output[found.end() :] if end < 0 else output[found.end() : end + len(_END)]
    return found[1].decode("ascii"), text, end >= 0


def _read(text: bytes, form: str) -> tuple[dict[str, Any], Fault | None]:
    """Return the values of an answer, or why it has none."""
    try:
        values = decoder_of(form).decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        return {}, _error_in(text) or Fault(_NOT_UNDERSTOOD, hint=_quoted(str(error)))
    if "error" in values and form != CHECK:
        return {}, _error_in(text)
    if values["version"] != ANSWER_FORM:
        return {}, Fault(_OTHER_FORM.format(values["version"], ANSWER_FORM))
    return values, None


def _error_in(text: bytes) -> Fault | None:
    """Return the first fault of an answer that is an error."""
    try:
        error = error_decoder().decode(text)["error"]
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    fault = error["faults"][0] if error["faults"] else {"what": _NOT_UNDERSTOOD}
    where = fault.get("where") if error["exit_code"] != USAGE else None
    what = f"{where}: {fault['what']}" if where else fault["what"]
    return Fault(_quoted(what), hint=_quoted(fault.get("hint") or ""))


def _with_version(error: Fault, status: int | None, version: str) -> Fault:
    """Return the error with what to do, when it may be one of different versions."""
    is_understood = error.what != _NOT_UNDERSTOOD and not error.what.startswith(_OTHER_FORM[:10])
    if version == __version__ or (is_understood and status != USAGE):
        return error
    what = "it does not know this command, or an option of it" if status == USAGE and not is_understood else error.what
    return Fault(what, hint=f"it has version {version}, and here is {__version__}: upgrade the older one")


def _of_end(host: str, came: Came, version: str | None, seconds: float) -> Fault:
    if came.end is End.TOO_SLOW:
        what = f"no answer in {seconds:.0f} s" if version is None else f"its answer takes more than {seconds:.0f} s"
        return Fault(what, hint=f"ssh {host}" if version is None else f"ask for less, or there: ssh {host}")
    if came.end is End.TOO_LARGE:
        return Fault("its answer is larger than 16 MiB", hint="ask for less: a JOB, --since, --limit, -n")
    if came.end is End.TOO_MUCH:
        return Fault("with its answer all are larger than 128 MiB", hint="ask fewer hosts, or for less")
    return Fault(f"ssh cannot be started here: {_quoted(came.talk.decode('utf-8', 'replace'))}")


def _of_broken_connection(host: str, talk: tuple[str, ...]) -> Fault:
    return Fault("the connection broke", hint=talk[-1] if talk else f"ssh {host}")


def _of_no_answer(host: str, came: Came, talk: tuple[str, ...]) -> Fault:
    """Return why nothing of process-control answered: ssh, the package, or something else in its place."""
    printed = came.talk.decode("utf-8", "replace")
    if came.status == SSH_FAILED:
        for sign, what, hint in _OF_SSH:
            if re.search(sign, printed):
                return Fault(what, hint=hint.format(host=host))
        return Fault(talk[-1] if talk else "ssh failed", hint=f"ssh {host}")
    if came.status == NO_COMMAND or _NO_COMMAND.search(printed):
        hint = "install it there, for all users; ssh must find it in its PATH: /usr/bin or /usr/local/bin"
        return Fault("process-control is not there", hint=hint)
    first = next(iter(_lines_of(came.output)), talk[-1] if talk else f"exit code {came.status}")
    return Fault(f"something else answers: {first}", hint=f"ssh {host} process-control --version")


def _lines_of(printed: bytes | bytearray) -> tuple[str, ...]:
    """Return what a host printed as lines for people, the last ones of many."""
    text = plain_text(bytes(printed[-MAX_QUOTED * 20 :]))
    return tuple(_quoted(line) for line in text.splitlines() if line.strip())[-5:]


def _quoted(text: str) -> str:
    """Return a text of a host on one line, without what could steer a terminal, and not longer than a few lines."""
    line = " ".join(plain_text(text).split())
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]} …"
