"""Runs a function as the service user: in a child that has dropped its rights; its plain answer is returned.

The answer deserves no more trust than the service user: the caller checks it.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from process_control.errors import CannotRecord, Fault, ProcessControlError
from process_control.system.account import Account, drop_rights

MAX_ANSWER_BYTES = 256 << 20


def ask_as(account: Account, question: Callable[[], Any]) -> Any:
    """Return `question()`, called as `account` in a child; the result must be plain JSON values.

    It is called in this process if we are not root, or `account` is root. Raises the ProcessControlError that it
    raises, CannotRecord (74) if the child ends without an answer, RuntimeError for any other exception in it.
    """
    if os.geteuid() != 0 or account.uid == 0:
        return question()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(account, question, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read(MAX_ANSWER_BYTES)
    os.waitpid(child, 0)
    return _understood(answer, account)


def _answer(account: Account, question: Callable[[], Any], writing: int) -> None:
    """Become `account`, write the answer, and end, in the child. Never returns."""
    try:
        drop_rights(account)
        try:
            answer = {"is": question()}
        except ProcessControlError as error:
            answer = {"error": _error_values(error)}
        except Exception as error:  # noqa: BLE001  the parent raises it
            answer = {"fault": f"{type(error).__name__}: {error}"}
        with open(writing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode("ascii"))
        os._exit(0)
    finally:
        os._exit(1)


def _understood(answer: bytes, account: Account) -> Any:
    try:
        value = json.loads(answer)
        if "error" in value:
            raise _as_error(value["error"])
        if "fault" in value:
            raise RuntimeError(f"as user '{account.name}': {value['fault']}")
        return value["is"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CannotRecord(f"the process of user '{account.name}' ended without an answer") from error


def _error_values(error: ProcessControlError) -> dict[str, Any]:
    return {"exit_code": error.exit_code, "faults": [fault_values(fault) for fault in error.faults]}


def _as_error(values: dict[str, Any]) -> ProcessControlError:
    # Those of other modules have the code of a parent, and are made of other values.
    all_kinds = ProcessControlError.__subclasses__()
    kinds = {kind.exit_code: kind for kind in all_kinds if kind.__module__ == ProcessControlError.__module__}
    kind = kinds.get(values["exit_code"], ProcessControlError)
    return kind(faults=[fault_from_values(fault) for fault in values["faults"]])


def fault_values(fault: Fault) -> list[str]:
    return [fault.what, fault.where, fault.hint, fault.line]


def fault_from_values(values: list[str]) -> Fault:
    """Return the fault with these `fault_values`. Raises ValueError, TypeError for anything else."""
    what, where, hint, line = values
    return Fault(str(what), where=str(where), hint=str(hint), line=str(line))
