"""`make fuzz`: look for what a reader falls over, guided by coverage (atheris), from its corpus on.

Each reader has its time in a process of its own. What it falls over is kept and told with the line that repeats it; to
keep it for good, put it, shortened, into the corpus under a name that says what it is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOUND = PROJECT / "tests" / "fuzz" / "found"
MEGABYTES = 1500
SECONDS_FOR_ONE_INPUT = 20


def main() -> int:
    arguments = _arguments()
    if arguments.reader:
        _search(arguments.reader, arguments.files)
        return 0
    from fuzz.readers import CHECKS

    chosen = [reader for reader in CHECKS if arguments.only in reader]
    if not chosen:
        print(f"no such reader: {arguments.only}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    found = [_searched(reader, arguments.seconds, number, len(chosen)) for number, reader in enumerate(chosen, 1)]
    return 1 if any(found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="for each reader")
    parser.add_argument("--only", default="", help="readers with this in their name")
    parser.add_argument("--reader", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def _searched(reader: str, seconds: int, number: int, count: int) -> bool:
    """Search in a process of its own; tell how it went in one line. Return whether something was found."""
    FOUND.mkdir(exist_ok=True)
    began = time.monotonic()
    print(f"{number:>2}/{count} {reader:<18}", end="", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"process-control-fuzz-{reader}-") as directory:
        grown, folder = Path(directory, "grown"), Path(directory, "folder")
        grown.mkdir()
        folder.mkdir()
        seeds = str(PROJECT / "tests" / "fuzz" / "corpus" / reader)
        command = [
            sys.executable,
            str(Path(__file__).resolve()),
            "--reader",
            reader,
            "--",
            f"-max_total_time={seconds}",
        ]
        command += [f"-artifact_prefix={FOUND}/{reader}-", f"-timeout={SECONDS_FOR_ONE_INPUT}"]
        command += [f"-rss_limit_mb={MEGABYTES}", "-max_len=8192", "-print_final_stats=1", str(grown), seeds]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        learned = len(os.listdir(grown))
    tried = _after(done.stderr, "stat::number_of_executed_units:")
    print(f"{tried or '?':>10} inputs {time.monotonic() - began:>5.0f} s {learned:>6} new paths", end="  ")
    if done.returncode == 0:
        print("held")
        return False
    print("NOT HELD")
    told = (done.stdout + done.stderr).split("Uncaught Python exception:", 1)[-1]
    print("\n".join(f"      {line}" for line in told.splitlines() if line.strip() and not line.startswith("==")))
    return True


def _after(text: str, words: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith(words)]
    return lines[-1].removeprefix(words).strip() if lines else ""


def _search(reader: str, words: list[str]) -> None:
    """Be the process that searches. What is imported here is watched for new paths."""
    import atheris

    with atheris.instrument_imports(include=["process_control"]):
        from fuzz.readers import CHECKS
    check, folder = CHECKS[reader], Path.cwd()
    atheris.Setup([sys.argv[0], *words], lambda data: check(data, folder))
    atheris.Fuzz()


if __name__ == "__main__":
    os.umask(0o022)
    sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]
    sys.exit(main())
