"""Runs inside a box: does each command line of a JSON file in a child of its own, and tells how it ended.

Everything is imported once and then forked, so that a command line costs milliseconds. For `test_command_lines.py`, by
the interpreter of the installed product.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile

SECONDS = 20
FOLLOWS = ("-f", "--follow")
"""With these `logs` does not end by itself."""


def run(command: str, words: list[str]) -> dict[str, object]:
    """Return exit code (minus a signal's number) and what was printed of `command WORDS…`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            if "logs" in words and any(word.startswith(FOLLOWS) for word in words):
                signal.signal(signal.SIGALRM, signal.default_int_handler)  # as Control-C
                signal.alarm(1)
            else:
                signal.alarm(SECONDS)
            become(command, words)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        out.seek(0)
        err.seek(0)
        shown = [file.read(100_000).decode("utf-8", "backslashreplace") for file in (out, err)]
    return {"code": os.waitstatus_to_exitcode(status), "out": shown[0], "err": shown[1]}


def become(command: str, words: list[str]) -> None:
    sys.argv = [command, *words]
    place = {"run-job": "run_job.main", "process-control": "main", "cron-generate": "verbs.cron_generate"}[command]
    code = importlib.import_module(f"process_control.cli.{place}").main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    from process_control.cli.main import VERBS

    for place, _ in VERBS.values():
        importlib.import_module(place.partition(":")[0])
    importlib.import_module("process_control.cli.verbs.cron_generate")
    with open(sys.argv[1], encoding="ascii") as file:
        lines = json.load(file)
    for command, *words in lines:
        print(json.dumps(run(command, words)), flush=True)


if __name__ == "__main__":
    main()
