"""The shapes of `--json`, strictly: no key less than the reference says, and none more."""

from typing import Any

import jsonschema

from kit.harness import Result
from tools.json_shapes import ANSWERS, ERROR, json_schema

OF_COMMAND = {command: answer for answer in ANSWERS for command in answer.commands}


def has_its_shape(result: Result, command: str) -> Any:
    """Return the answer of a command; fail when it has another shape."""
    told = result.json()
    answer = ERROR if list(told) == ["version", "error"] else OF_COMMAND[command]
    jsonschema.Draft7Validator(json_schema(answer)).validate(told)
    assert result.stderr == "" or "error" not in told
    return told
