"""Explain why a command could not be executed, from the report of the forked child that tried.

Lean module, loaded only then.
"""

import errno
import posix

from process_control.core.odd_characters import named
from process_control.core.shell_builtins import is_shell_word
from process_control.errors import NO_COMMAND, NOT_EXECUTABLE
from process_control.execution.process import Surroundings

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NO_SHELL = "no shell runs: write command: sh -c '…'"

#: Errors that may be gone at the next attempt.
_PASSING = (errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY, errno.ESTALE, errno.EIO, errno.EMFILE, errno.ENFILE)


class NotExecuted:
    """The command could not be executed: `code` is 126 or 127 as in shells, `why` is in words.

    `is_passing`: the cause may be temporary, so that a retry makes sense.
    """

    def __init__(self, code: int, why: str, *, is_passing: bool = False) -> None:
        self.code = code
        self.why = why
        self.is_passing = is_passing


def not_executed(argv: list[str], surroundings: Surroundings, report: bytes) -> NotExecuted:
    """Return the reason from `report`: a letter for the stage, the errno, and a path (see `process._become`)."""
    name, directory, search_path = argv[0], surroundings.directory, surroundings.search_path
    stage, (number_text, _, rest) = report[:1], report[1:].partition(b" ")
    number = int(number_text or b"0")
    if stage == b"p" and not number:
        return not_found(name, search_path, rest.decode("utf-8", "surrogateescape"))
    if stage == b"x" and number == errno.E2BIG:
        from process_control.execution.too_large import too_large_in_words

        return NotExecuted(NOT_EXECUTABLE, f"{name}: {too_large_in_words(argv, surroundings.environment)}")
    if stage == b"x" and number == errno.ENOEXEC:
        return NotExecuted(NOT_EXECUTABLE, f"{shown(name)}: {_no_program(rest)}")
    if stage == b"i":
        return NotExecuted(NOT_EXECUTABLE, f"{shown(name)}: {_no_interpreter(rest, name)}")
    if stage == b"x" and number == errno.ENOENT:
        return NotExecuted(NO_COMMAND, f"{shown(name)}: no such file")
    places = {b"d": f"working directory {directory}", b"x": name, b"p": name, b"g": "its limits"}
    code = NO_COMMAND if stage == b"x" and number == errno.ENOTDIR else NOT_EXECUTABLE
    why = posix.strerror(number) if number else "could not be set up"
    return NotExecuted(code, f"{places.get(stage, 'the process')}: {why}", is_passing=number in _PASSING)


def no_process(error: OSError) -> NotExecuted:
    """Return the reason when the host has no process or descriptor left."""
    return NotExecuted(NOT_EXECUTABLE, f"no new process could be made: {error.strerror}", is_passing=True)


def not_found(name: str, search_path: list[str], denied: str) -> NotExecuted:
    """Return the reason when PATH has no such program; `denied` is a file of that name that may not be executed."""
    if denied:
        return NotExecuted(NOT_EXECUTABLE, f"{denied}: not executable (chmod +x {denied})")
    why = f"{shown(name)}: command not found in PATH={':'.join(search_path)}"
    return NotExecuted(NO_COMMAND, f"{why}; {NO_SHELL}" if is_shell_word(name) else why)


def shown(name: str) -> str:
    """Return a program's name for a message, with invisible characters named."""
    odd = [named(character) for character in name if named(character)]
    return f"{name!r} (with {odd[0]})" if odd else name


def _no_program(beginning: bytes) -> str:
    if beginning.startswith(_BYTE_ORDER_MARK):
        return f"save it as UTF-8 without {named(chr(0xFEFF))}: its #! line begins with one"
    return "not a program, and a script without a #! line"


def _no_interpreter(beginning: bytes, name: str) -> str:
    """Return which interpreter in a #! line is missing, and whether a carriage return from Windows is the cause."""
    line = beginning.partition(b"\n")[0]
    interpreter = line[2:].split(b" ")[0 if line[2:3] != b" " else 1] if line.startswith(b"#!") else b""
    if not interpreter:
        return "the interpreter in its #! line does not exist"
    words = interpreter.decode("utf-8", "replace")
    if words.endswith("\r"):
        return f"its #! line ends with {named(chr(13))}, so {words[:-1]} is not found: sed -i 's/\\r$//' {name}"
    return f"the interpreter in its #! line does not exist: {shown(words)}"
