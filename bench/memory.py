"""How much memory the runner takes at its peak, when a job prints a gibibyte without a newline."""

import re

from capture import in_words
from host import Host
from measuring import Found, Row, WorthNothing, cost_of, row_of

from bench import Bench

FAMILY = "memory"
PEAK = re.compile(rb"VmHWM:\s+([0-9]+) kB")
GOAL_MEBIBYTES = 40.0


def measure(bench: Bench) -> Found:
    size = bench.sizes.capture_bytes
    with bench.host(FAMILY, keys="limits: {log_bytes: 4GB}\n") as host:
        rules = 'verdicts: [{stdout: "(error|fatal)[^x]*$", verdict: fail}]\n'
        rows = [
            peak(bench, host, "line", f"a line of {in_words(size)}", ""),
            peak(bench, host, "judged", f"a line of {in_words(size)}, read by a rule", rules),
        ]
    return Found(rows=rows)


def peak(bench: Bench, host: Host, slug: str, words: str, keys: str) -> Row:
    """Let the kernel tell the runner's peak: the second command of the job reads it of its parent, the runner."""
    size = bench.sizes.capture_bytes
    script = host.directory / f"{slug}.sh"
    script.write_text(f"head -c {size} /dev/zero | tr '\\0' x\n")
    told = host.directory / f"{slug}-peak.sh"
    told.write_text("echo; grep VmHWM /proc/$PPID/status\n")
    host.add_job(slug, f"name: {slug}\ncommand: [/bin/sh {script}, /bin/sh {told}]\n{keys}")
    peaks = []
    for _ in bench.steps(f"peak memory with {words}", min(3, bench.sizes.rounds_of_gibibytes)):
        cost_of(host.by_hand(slug))
        log = host.log(slug)
        if log.stat().st_size < size:
            raise WorthNothing(f"{log.stat().st_size} of {size} bytes were kept")
        with open(log, "rb") as file:
            file.seek(-100, 2)
            found = PEAK.search(file.read())
        if found is None:
            raise WorthNothing("the runner's peak is not in the log")
        peaks.append(int(found[1]) / 1024)
        log.unlink()
    return row_of(
        peaks, family=FAMILY, what=f"runner with {words}", against="", measure="peak RSS", unit="MiB",
        goal=GOAL_MEBIBYTES,
    )  # fmt: skip
