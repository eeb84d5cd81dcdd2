"""The description of the API as OpenAPI 3.1: made of the table of requests, and of what `--json` prints."""

import json
import re
from collections.abc import Iterable
from typing import Any

from process_control.core.facts import MAX_NOTE
from process_control.core.json_objects import OBJECTS, Key, keys_of
from process_control.web.api.table import (
    DEFAULT_LIMIT,
    FORMS,
    INCIDENT_ID,
    MAX_LIMIT,
    MAX_WORD,
    OPERATIONS,
    PREFIX,
    REGEX,
    RUN_ID,
    SLUG,
    SWITCH,
    TEXT,
    WHOLE,
    Operation,
    Parameter,
)
from tools.json_shapes import ANSWERS, PRIMITIVES

_COMMANDS = {command: answer for answer in ANSWERS for command in answer.commands}
_NEXT = keys_of("next  text?  the cursor of the part that follows; null: there is none")
_OLDER = keys_of("older  whole?  send it as `before` for the piece before this one; null: there is none")
#: By operation: the command whose answer it is, and which of its keys; without a command the keys themselves.
_ANSWERS: dict[str, tuple[str, str]] = {
    "jobs": ("status", ""),
    "job": ("", "job  job  the job, as in the list"),
    "runs": ("history", ""),
    "run": ("", "run  run  the run, as in the list"),
    "log": ("logs", ""),
    "fleet_runs": ("history", ""),
    "fleet_log": ("logs --fleet", ""),
    "slots": ("slots", ""),
    "why": ("why", ""),
    "incidents": ("incidents", "incidents"),
    "incident": ("incidents", "incident story"),
    "day": ("day", ""),
    "run_job": ("run", ""),
    "stop": ("stop", ""),
    "hold": ("hold", ""),
    "release": ("release", ""),
    "pause": ("pause", ""),
    "ack": ("ack", ""),
    "silence": ("silence", "silences"),
}
_OF_PATH = {
    "slug": ("the name of its file without .yaml", SLUG),
    "run_id": ("the id of a run", RUN_ID),
    "id": ("the id of an incident", INCIDENT_ID),
}
_PROBLEMS = {
    "400": "What was sent is not understood",
    "401": "Nobody is logged in, or the token is over",
    "403": "Not with this role, not on a read-only page, or not from there",
    "404": "There is none",
    "409": "It cannot be done now: nothing starts it, or it was refused",
    "413": "The body is too long",
    "415": "The body is not JSON",
}
#: Of those that ask other hosts.
_OF_FLEET = {
    "501": "The extra [fleet] is not installed here",
    "502": "The server of the fleet is away, or refuses this host",
    "503": "The fleet is busy with other requests",
    "504": "The host, the server or the control processes have not answered in time",
}
_INTRODUCTION = """\
All that `process-control` shows, and what it does to jobs. The answers are those of `--json`: see the reference of
`--json` for the words. Send a token: `Authorization: Bearer TOKEN`, made by `process-control web token create NAME
--role ROLE`; on a unix socket root and the service user need none."""


def description() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for each in OPERATIONS:
        paths.setdefault(PREFIX + each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "process-control", "version": "1", "description": _INTRODUCTION},
        "security": [{"token": []}],
        "paths": {**paths, **_others()},
        "components": {
            "schemas": {"problem": _PROBLEM, **{name: _schema(OBJECTS[name]) for name in sorted(_reachable())}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def description_text() -> str:
    return json.dumps(description(), indent=1, ensure_ascii=False) + "\n"


def keys_of_answer(operation: Operation) -> tuple[Key, ...]:
    """Return the keys of what an operation sends, besides `version`."""
    command, names = _ANSWERS[operation.name]
    if not command:
        return keys_of(names)
    keys = _COMMANDS[f"process-control {command}"].keys
    wanted = names.split()
    found = tuple(Key(key.name, key.type, key.meaning) for key in keys if not wanted or key.name in wanted)
    return found + (_OLDER if operation.name == "fleet_log" else _NEXT if operation.is_list else ())


def section_of_answer(operation: Operation) -> tuple[str, str]:
    """Return the command whose answer it is, and its section in the reference of `--json`; "" without one."""
    command = _ANSWERS[operation.name][0]
    if not command:
        return "", ""
    commands = _COMMANDS[f"process-control {command}"].commands
    return command, "-".join(each.replace(" ", "-") for each in commands)


_PROBLEM = {
    "type": "object",
    "required": ["version", "error"],
    "properties": {
        "version": {"const": 1},
        "error": {
            "type": "object",
            "required": ["what", "hint"],
            "properties": {
                "what": {"type": "string", "description": "what is wrong"},
                "hint": {"type": ["string", "null"], "description": "what to do"},
            },
        },
    },
}


def _operation(each: Operation) -> dict[str, Any]:
    is_act = each.method == "POST"
    found: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "description": f"Role: {'operator' if is_act else 'viewer'}.",
        "parameters": [_of_path(name) for name in re.findall(r"{(\w+)}", each.path)]
        + [_parameter(parameter) for parameter in each.parameters],
        "responses": _responses(each, is_act=is_act),
    }
    if is_act:
        body = {
            "type": "object",
            "properties": {key.name: _value(key, is_body=True) for key in each.body},
            "required": [key.name for key in each.body if key.is_required],
            "additionalProperties": False,
        }
        needs = any(key.is_required for key in each.body)
        found["requestBody"] = {"required": needs, "content": {"application/json": {"schema": body}}}
    return found


def _responses(each: Operation, *, is_act: bool) -> dict[str, Any]:
    version = Key("version", "whole", "1")
    good: dict[str, Any] = {
        "description": "As it is",
        "content": {"application/json": {"schema": _schema((version, *keys_of_answer(each)))}},
    }
    if not is_act:
        good["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "send it as If-None-Match"}}
    if each.is_list:
        good["headers"]["Link"] = {"schema": {"type": "string"}, "description": 'the part that follows: rel="next"'}
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    found = {"200": good} | ({} if is_act else {"304": {"description": "It is what the ETag names"}})
    for status, words in (_PROBLEMS | (_OF_FLEET if each.asks_fleet else {})).items():
        if is_act or status not in ("413", "415"):
            found[status] = {"description": words, "content": problem}
    return found | {"default": {"description": "A fault of the host", "content": problem}}


def _of_path(name: str) -> dict[str, Any]:
    meaning, pattern = _OF_PATH[name]
    schema = {"type": "string", "pattern": f"^{pattern}$"}
    return {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _parameter(each: Parameter) -> dict[str, Any]:
    value = _value(each)
    schema = {"type": "array", "items": value, "maxItems": 20} if each.is_repeated else value
    found: dict[str, Any] = {"name": each.name, "in": "query", "description": each.meaning, "schema": schema}
    return found | ({"required": True} if each.is_required else {})


def _value(each: Parameter, *, is_body: bool = False) -> dict[str, Any]:
    more = {"description": each.meaning} if is_body else {}
    if each.kind == SWITCH:
        return {"type": "boolean", **more}
    if each.kind == WHOLE:
        return {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT} | (
            {"default": DEFAULT_LIMIT} if each.name == "limit" else {}
        )
    if each.choices:
        return {"type": "string", "enum": list(each.choices)}
    if each.kind in FORMS:
        return {"type": "string", "pattern": f"^({FORMS[each.kind][0]})$", **more}
    if is_body and each.kind == TEXT:
        return {"type": "string", "maxLength": MAX_NOTE, **more}
    return {"type": "string", "minLength": 1, "maxLength": MAX_WORD} | (
        {"format": "regex"} if each.kind == REGEX else {}
    )


def _others() -> dict[str, Any]:
    health = {"schema": {"type": "object", "properties": {"version": {"const": 1}, "alive": {"type": "boolean"}}}}
    return {
        "/healthz": {"get": {
            "operationId": "healthz", "security": [],
            "summary": "Whether what starts the jobs is alive: for everybody, and nothing more",
            "responses": {
                "200": {"description": "It is, or nothing is in charge", "content": {"application/json": health}},
                "503": {"description": "It is dead, or hangs", "content": {"application/json": health}},
            },
        }},
        "/metrics": {"get": {
            "operationId": "metrics", "summary": "The numbers that `process-control metrics` prints",
            "responses": {
                "200": {"description": "For Prometheus", "content": {"text/plain": {"schema": {"type": "string"}}}},
                "default": {
                    "description": "Not for whoever asks",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/problem"}}},
                },
            },
        }},
        "/events": {"get": {
            "operationId": "events",
            "summary": "Server-sent events: `standing`, with a number, each time that a list would show something else",
            "parameters": [{
                "name": "Last-Event-ID", "in": "header", "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
                "description": "the id of the last one: what is older is not sent again",
            }],
            "responses": {
                "200": {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            },
        }},
    }  # fmt: skip


def _schema(keys: Iterable[Key]) -> dict[str, Any]:
    known = tuple(keys)
    return {
        "type": "object",
        "properties": {key.name: {**_type(key.type), "description": key.meaning} for key in known},
        "required": [key.name for key in known if not key.is_rare],
    }


def _type(kind: str) -> dict[str, Any]:
    if kind.endswith("?"):
        return {"anyOf": [_type(kind[:-1]), {"type": "null"}]}
    if kind.startswith("["):
        return {"type": "array", "items": _type(kind[1:-1])}
    return dict(PRIMITIVES[kind]) if kind in PRIMITIVES else {"$ref": f"#/components/schemas/{kind}"}


def _reachable() -> set[str]:
    """Return the objects that an answer of the API can have in it."""
    found: set[str] = set()
    waiting = [key.type.strip("[]?") for each in OPERATIONS for key in keys_of_answer(each)]
    while waiting:
        name = waiting.pop()
        if name in OBJECTS and name not in found:
            found.add(name)
            waiting += [key.type.strip("[]?") for key in OBJECTS[name]]
    return found
