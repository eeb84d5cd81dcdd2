"""A search over the whole log of a run, in a process of its own: slow regexes and long logs hold nobody up."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from process_control.errors import NotStarted, UsageError
from process_control.history.log_line import Line
from process_control.system.interpreter import python
from process_control.views.log_pages import LogOfRun

#: Searches at a time, and how long another one waits for its turn.
MAX_SEARCHES, WAIT_SECONDS = 2, 5.0
#: A search ends by itself before.
MAX_SECONDS = 20.0
MAX_REGEX = 1000
PROGRAM = "import sys; sys.path[:] = {}; from process_control.web.search_child import main; main()"

_turns = BoundedSemaphore(MAX_SEARCHES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A line that matches, and lines around it."""

    line: Line
    before: Sequence[Line]
    after: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What a search has found."""

    hits: Sequence[Hit]
    #: The log was searched from this byte on; 0: all of it.
    searched_from: int
    #: Lines for which the regex takes too long.
    unsearched: int


def search(log: LogOfRun, regex: str, *, streams: Sequence[str], before: int | None) -> Hits:
    """Search a log from its end back, or from a byte of it. Raises UsageError (2), NotStarted (75)."""
    if len(regex) > MAX_REGEX:
        raise UsageError(f"grep: a regex of more than {MAX_REGEX} characters")
    asked = {
        "path": log.path,
        "secrets": [*log.secrets],
        "regex": regex,
        "streams": [*streams],
        "before": before,
        "is_growing": log.is_growing,
        "has_two_streams": log.has_two_streams,
    }
    if not _turns.acquire(timeout=WAIT_SECONDS):
        raise NotStarted("others are searching", hint="try it again in a moment")
    try:
        command = [*python(), "-I", "-S", "-c", PROGRAM.format([path for path in sys.path if path])]
        done = subprocess.run(
            command, input=json.dumps(asked).encode(), capture_output=True, timeout=MAX_SECONDS, check=True
        )
    except subprocess.TimeoutExpired:
        raise UsageError("grep: this search takes too long", hint="a simpler regex") from None
    except subprocess.CalledProcessError as error:
        raise NotStarted(
            "the search has ended with an error", hint=error.stderr.decode(errors="replace")[-200:]
        ) from None
    finally:
        _turns.release()
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise UsageError(answer["error"].removeprefix("--"), hint=answer["hint"])
    found = [
        Hit(line=_line(each), before=[*map(_line, each["before"])], after=[*map(_line, each["after"])])
        for each in answer["hits"]
    ]
    return Hits(hits=found, searched_from=answer["searched_from"], unsearched=answer["unsearched"])


def _line(found: dict[str, Any]) -> Line:
    text = found["text"].encode("latin-1")
    return Line(found["seconds"], found["stream"], text, ends=not found["is_cut"], offset=found["offset"])
