"""The body of a request: a JSON object whose keys and values are those of the table."""

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from process_control.core.facts import MAX_NOTE
from process_control.errors import UsageError
from process_control.web.api.parameters import check, checked
from process_control.web.api.table import SWITCH, TEXT, Operation, Parameter

MAX_BYTES = 1 << 16
JSON = "application/json"


async def read_body(request: Request, operation: Operation) -> dict[str, Any]:
    """Return the keys of the body; without a body none.

    Raises UsageError (2) for what is not understood, HTTPException: 413 for a long one, 415 for another type.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413, f"the body has more than {MAX_BYTES >> 10} KiB")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and (body or kind):
        raise HTTPException(415, "the body has to be JSON: send it with content-type: application/json")
    try:
        found = msgspec.json.decode(bytes(body)) if body else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError("the body is not JSON", hint=_example(operation)) from error
    if not isinstance(found, dict):
        raise UsageError("the body has to be a JSON object", hint=_example(operation))
    values = checked(operation.body, found.items(), _check_value, called="key")
    return {name: value for name, (value,) in values.items()}


def _check_value(key: Parameter, value: object) -> None:
    if key.kind == SWITCH:
        if not isinstance(value, bool):
            raise UsageError(f"{key.name}: has to be true or false")
        return
    if not isinstance(value, str):
        raise UsageError(f"{key.name}: has to be a text", hint=key.meaning)
    if key.kind == TEXT:
        if len(value) > MAX_NOTE:
            raise UsageError(f"{key.name}: more than {MAX_NOTE} characters")
        return
    check(key, value)


def _example(operation: Operation) -> str:
    values = {SWITCH: "true", TEXT: '"the disk is full"'}
    keys = [f'"{key.name}": {values[key.kind]}' for key in operation.body if key.kind in values]
    return "{" + ", ".join(keys[:1]) + "}"
