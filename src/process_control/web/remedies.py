"""The screen that does, or shows, what a command in a sentence would."""

import shlex
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlencode

from process_control.core.job import is_slug


class Remedy(NamedTuple):
    """A screen. `acts`: it changes something, after a preview."""

    address: str
    words: str
    acts: bool = False


def remedy_of(command: str | None) -> Remedy | None:
    """Return what the page has for a command; None when it has nothing."""
    try:
        program, verb, *words = shlex.split(command or "")
    except ValueError:
        return None
    if program != "process-control" or verb not in _KNOWN:
        return None
    return _KNOWN[verb](words)


def _value(words: Sequence[str], flag: str) -> str:
    """Return the word behind a flag."""
    return next((value for name, value in pairwise(words) if name == flag), "")


def _job(words: Sequence[str]) -> str:
    """Return the job that a command begins with."""
    return words[0] if words and is_slug(words[0]) else ""


def _act(verb: str, words: Sequence[str]) -> Remedy | None:
    job = _job(words)
    if not job:
        return None
    slot = _value(words, "--slot")
    query = urlencode({"job": job, **({"slot": slot} if slot else {})})
    return Remedy(f"/acts/{verb}?{query}", verb, acts=True)


def _of_a_job(words: Sequence[str]) -> Remedy | None:
    return Remedy(f"/jobs/{_job(words)}", "show it") if _job(words) else None


def _runs(words: Sequence[str]) -> Remedy | None:
    return Remedy(f"/jobs/{_job(words)}#runs", "show them") if _job(words) else None


def _logs(words: Sequence[str]) -> Remedy | None:
    run_id = _value(words, "--run")
    return Remedy(f"/runs/{run_id}", "show it") if run_id.isalnum() and run_id.isascii() else None


def _why(words: Sequence[str]) -> Remedy | None:
    return Remedy(f"/why?{urlencode({'job': _job(words)})}", "show it") if _job(words) else None


def _audit(words: Sequence[str]) -> Remedy | None:
    values = {"job": _job(words), "event": _value(words, "--event")}
    return Remedy(f"/audit?{urlencode({name: value for name, value in values.items() if value})}", "show them")


def _recover(words: Sequence[str]) -> Remedy | None:
    since = _value(words, "--since")
    return Remedy(f"/recover?{urlencode({'since': since})}" if since else "/recover", "show them")


def _incidents(words: Sequence[str]) -> Remedy | None:
    return Remedy(f"/incidents/{words[1]}", "show it") if len(words) > 1 and words[0] == "show" else None


_KNOWN: dict[str, Callable[[Sequence[str]], Remedy | None]] = {
    "run": lambda words: _act("run", words),
    "stop": lambda words: _act("stop", words),
    "hold": lambda words: _act("hold", words),
    "release": lambda words: _act("release", words),
    "status": _of_a_job,
    "show": _of_a_job,
    "lint": _of_a_job,
    "slots": _runs,
    "history": _runs,
    "logs": _logs,
    "why": _why,
    "audit": _audit,
    "recover": _recover,
    "incidents": _incidents,
}
