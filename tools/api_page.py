"""The reference page of the API, made of the table of requests and of what `--json` prints."""

from process_control.core.json_objects import OBJECTS
from process_control.web.api.table import FORMS, MAX_LIMIT, OPERATIONS, PREFIX, Operation, Parameter
from tools.openapi import keys_of_answer, section_of_answer

HEAD = f"""\
<!-- Generated from src/process_control/web/api/table.py by `python -m tools.pages`: do not edit. -->

# The API

What `process-control web` answers below `{PREFIX}`: JSON, the same as [`--json`](json.md) prints, with the same words.
[How to use it](../how-to/use-the-api.md) shows it with `curl`. The same as OpenAPI 3.1 is at `{PREFIX}/openapi.json`.

Send a token, made by `process-control web token create NAME --role ROLE`: `Authorization: Bearer TOKEN`. On a unix
socket root and the service user need none. A viewer reads; an operator does what is sent by POST, too. In the audit and
in the run it is `NAME (API)`.

**Lists** come in parts of `limit` rows (50, at most {MAX_LIMIT:,}). `next` is the cursor of the part that follows, and
the header `Link` its address; null: it was the last one. Whoever reads all parts gets each row once, whatever begins or
ends meanwhile. **ETag**: send it as `If-None-Match`, and what has not changed is 304 without a body.

**Errors** are `{{"version": 1, "error": {{"what": "...", "hint": "..."}}}}`: 400 not understood, 401 nobody is logged
in, 403 not permitted, 404 there is none, 405 another method (see `Allow`), 409 it cannot be done now, 413 and 415 about
the body, 507 it cannot be recorded. Of the fleet: 501 its library is not installed, 502 its server is away, 503 it is
busy, 504 whoever was asked does not answer. What is unknown in an address or a body is an error, never passed over.

**Beside it**: `/healthz` answers everybody, 200 while what starts the jobs is alive and 503 when it is dead;
`/metrics` is what [`process-control metrics`](metrics.md) prints; `/events` sends `standing` with a number, as
server-sent events, each time that a list would show something else.
"""
KINDS = {"text": "text", "job": "text", "regex": "regex", **{kind: words for kind, (_, words) in FORMS.items()}}


def api_page() -> str:
    return "\n".join([HEAD, *[_section(each) for each in OPERATIONS]])


def _section(each: Operation) -> str:
    parts = [f"## {each.method} {each.path}\n", f"{each.summary}.\n"]
    if each.parameters:
        parts.append(_table("parameter", each.parameters))
    if each.body:
        parts.append(_table("key of the body", each.body))
    command, section = section_of_answer(each)
    keys = ", ".join(f"`{key.name}`{_of(key.type)}" for key in keys_of_answer(each))
    parts.append(f"Answer: {keys}" + (f"; see [{command}](json.md#{section})." if command else "."))
    return "\n".join(parts) + "\n"


def _of(kind: str) -> str:
    name = kind.strip("[]?")
    return f" ([{name}](json.md#{name}))" if name in OBJECTS else ""


def _table(what: str, parameters: tuple[Parameter, ...]) -> str:
    rows = [
        f"| `{each.name}`{'' if not each.is_repeated else ' …'} | {_kind(each)} | {each.meaning}"
        f"{' (needed)' if each.is_required else ''} |"
        for each in parameters
    ]
    return "\n".join([f"| {what} | is | says |", "|---|---|---|", *rows]) + "\n"


def _kind(each: Parameter) -> str:
    return ", ".join(f"`{choice}`" for choice in each.choices) or KINDS[each.kind]
