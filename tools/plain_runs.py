"""What plain runs call: `python -m tools.plain_runs` watches some, and lists what they leave (`late_functions.txt`)."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools.bundle import GUARD_ROOTS, RUNNER_ROOTS, SOURCE, code_of, modules_behind
from tools.late_functions import LIST, functions_of

JOBS = {
    "silent": "command: /bin/true",
    "prints": "command: sh -c 'echo to stdout; echo to stderr >&2'\nstderr: ignore",
    "with-rules": "command: /bin/true\nbackoff: 5m\nhold: {after_failures: 5}",
}
SLOTS = 'schedule: "* * * * *"\nstart_within: 2h'

# Notes the functions of ours that are called, in whichever process, until it has lived for the moment after which it
# imports what a long run needs. The file is opened anew each time: the job's process closes every descriptor.
WATCHER = """
import posix, sys

def note(frame, event, argument):
    code = frame.f_code
    if code.co_qualname == "Supervisor._settle" or code.co_filename.endswith("/guard_watch.py"):
        sys.settrace(None)
    elif code not in seen and "/process_control/" in code.co_filename:
        seen.add(code)
        notes = posix.open(NOTES, posix.O_WRONLY | posix.O_APPEND)
        posix.write(notes, f"{code.co_filename.rpartition('/process_control/')[2]} {code.co_qualname}\\n".encode())
        posix.close(notes)

seen = set()
NOTES, stub = sys.argv[1:3]
sys.argv = sys.argv[2:]
with open(stub, "rb") as file:
    code = compile(file.read(), stub, "exec")
sys.settrace(note)
exec(code, {"__name__": "__main__", "__file__": stub})
"""


def called_in_plain_runs(rounds: int) -> set[str]:
    """Run jobs by hand and as cron does; return the functions of ours that they call: `file function`.

    What a run calls depends a little on which of its processes is first: the more rounds, the more is found.
    """
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        notes, settings = root / "notes", root / "process-control.yaml"
        notes.touch()
        (root / "jobs").mkdir()
        places = {"job": "jobs", "output": "log", "state": "state"}
        settings.write_text("".join(f"{name}_directory: {root / place}\n" for name, place in places.items()))
        python, stub = [sys.executable, "-I", "-S"], str(SOURCE / "process_control" / "entry" / "stub.py")
        for slug, keys in JOBS.items():
            (root / "jobs" / f"{slug}.yaml").write_text(f"name: {slug}\n{keys}\n{SLOTS}\n")
            of_job = ["--config", str(settings), slug]
            subprocess.run([*python, stub, *of_job], check=True, capture_output=True)  # parses the files
            for words in (*[[]] * rounds, ["--scheduled"]):
                watched = [*python, "-c", WATCHER, str(notes), stub, *words, *of_job]
                subprocess.run(watched, check=True, capture_output=True)
        return set(notes.read_text(encoding="utf-8").splitlines())


def functions_of_the_bundle() -> set[str]:
    """Return all functions of the lean modules, as `called_in_plain_runs` names them."""
    guard = modules_behind(SOURCE, GUARD_ROOTS)
    modules = (*guard, *modules_behind(SOURCE, RUNNER_ROOTS, besides=guard))
    codes = [code_of(SOURCE, module) for module in modules]
    return {f"{file} {name}" for file, code in codes for name, _ in functions_of(code)}


if __name__ == "__main__":
    called = called_in_plain_runs(rounds=8)
    if "run/end.py record_the_end" not in called:
        raise SystemExit("this host is too busy for a plain run: try again")
    late = functions_of_the_bundle() - called
    LIST.write_text("".join(f"{name}\n" for name in sorted(late)), encoding="utf-8")
