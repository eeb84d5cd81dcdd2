"""Asking the service user: a function runs in a child that has dropped its rights, and its plain answer comes back.

The answer is not to be trusted more than the service user: whoever asked checks it.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from process_control.errors import CannotRecord, Fault, ProcessControlError
from process_control.system.account import Account, drop_rights

LARGEST_ANSWER = 256 << 20


def ask_as(account: Account, question: Callable[[], Any]) -> Any:
    """Return what `question` returns when `account` runs it: what JSON can say.

    Here and now when we are no root or `account` is root. Raises the ProcessControlError that it raises, CannotRecord
    (74) when the child ends without an answer, RuntimeError for a fault of ours in it.
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
        answer = pipe.read(LARGEST_ANSWER)
    os.waitpid(child, 0)
    return _understood(answer, account)


def _answer(account: Account, question: Callable[[], Any], writing: int) -> None:
    """In the child: become `account`, answer, and end. Never returns."""
    try:
        drop_rights(account)
        try:
            answer = {"is": question()}
        except ProcessControlError as error:
            answer = {"error": _as_values(error)}
        except Exception as error:  # noqa: BLE001  a fault of ours is told by who asked
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


def _as_values(error: ProcessControlError) -> dict[str, Any]:
    return {"exit_code": error.exit_code, "faults": [fault_as_values(fault) for fault in error.faults]}


def _as_error(values: dict[str, Any]) -> ProcessControlError:
    kinds = {kind.exit_code: kind for kind in ProcessControlError.__subclasses__()}
    kind = kinds.get(values["exit_code"], ProcessControlError)
    return kind(faults=[fault_of(fault) for fault in values["faults"]])


def fault_as_values(fault: Fault) -> list[str]:
    return [fault.what, fault.where, fault.hint, fault.line]


def fault_of(values: list[str]) -> Fault:
    """Return the fault that `fault_as_values` took apart. Raises ValueError, TypeError for anything else."""
    what, where, hint, line = values
    return Fault(str(what), where=str(where), hint=str(hint), line=str(line))
