"""The reference page of `--json`, made of `json_shapes`."""

from collections.abc import Sequence

from process_control.core.json_objects import OBJECTS, OLD_KEYS, Key
from tools.json_shapes import ANSWERS, ASKED_HOSTS

HEAD = """\
<!-- Generated from core/json_objects.py by `python -m tools.pages`: do not edit. -->

# What --json prints

Every command that shows something takes `--json` and prints one object on stdout. It begins with `"version": 1`, and
the same thing has the same name in every answer. Times are UTC, as `2026-11-28T03:00:00.000Z`; the names of durations
end in `_seconds`, of sizes in `_bytes`. Keys may be added: ignore those that you do not know. Control characters in
texts are escaped.

An error is an object too, for every command, and the exit code is that of the command:

```json
{"version": 1, "error": {"exit_code": 66, "faults": [{"what": "no job 'bakup'", "where": null, "hint": "..."}]}}
```

`--dry-run` prints the same answers; `done` then says `would hold`, `would write`.

Types: `time` is a text; `whole` is a number without a fraction; `[...]` is a list; `?` is what may be `null`. A key
with `*` is there only when there is something to say.
"""


OF_HOSTS = """\
## Many hosts

With `--host` (or `HOST/JOB`) the answer is that of the verb, and each object in its lists has the key `host` besides:
the host as the command line names it, also where a run has the name that the host has for itself. The key `hosts`
says for each host whether it answered. These differ:
"""


def json_page() -> str:
    parts = [HEAD, "## Answers\n"]
    for answer in ANSWERS:
        parts.append(f"### {', '.join(f'`{command}`' for command in answer.commands)}\n")
        parts.append(_table(answer.keys))
    parts += [OF_HOSTS, *_of_hosts()]
    parts.append("## Objects\n")
    for name, keys in sorted(OBJECTS.items()):
        if name == "shown_job":
            continue  # its answer says how it differs from a job
        parts.append(f"### {name}\n")
        parts.append(_table(keys))
    parts.append("## Old names\n\nStill there until 1.0, beside the new ones.\n")
    parts.append(_old_names())
    return "\n".join(parts)


def _of_hosts() -> list[str]:
    parts = []
    for answer in ANSWERS:
        if answer.keys_of_hosts:
            parts.append(f"### `{answer.commands[0]} --host`\n")
            parts.append(_table((*answer.keys_of_hosts, ASKED_HOSTS)))
    return parts


def _table(keys: Sequence[Key]) -> str:
    rows = [f"| `{key.name}`{'*' if key.is_rare else ''} | {_type(key.type)} | {key.meaning} |" for key in keys]
    return "\n".join(["| key | type | says |", "|---|---|---|", *rows]) + "\n"


def _type(kind: str) -> str:
    name = kind.strip("[]?")
    if name not in OBJECTS or name == "shown_job":
        return kind.replace("shown_job", "job")
    return kind.replace(name, f"[{name}](#{name})") if not kind.startswith("[") else f"list of [{name}](#{name})"


def _old_names() -> str:
    rows = [
        f"| {where} | `{key.name}` | {key.meaning.removeprefix('is ')} |"
        for where, keys in [
            *[(", ".join(answer.commands), answer.old) for answer in ANSWERS],
            *sorted(OLD_KEYS.items()),
        ]
        for key in keys
    ]
    return "\n".join(["| where | old | now |", "|---|---|---|", *rows]) + "\n"
