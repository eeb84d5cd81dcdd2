"""Many processes that append one record each to the journal in one instant. Run as a program, in the product's way.

Arguments: the folder with the package, a state directory, how many. Prints the seconds from the signal to start until
the last process has its record on the disk, one line a line of standard input: each is a round.
"""

import os
import sys
import time


def main() -> None:
    packages, state, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    sys.path.append(packages)
    from process_control.history import journal

    for line in sys.stdin:
        print(at_once(journal.append, state, count, line.strip()), flush=True)


def at_once(append: object, state: str, count: int, name: str) -> float:
    """Fork `count` processes that wait for the end of a pipe, end it, and wait for all of them."""
    ready, started = os.pipe()
    signal, gate = os.pipe()
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(gate)
            os.write(started, b".")
            os.read(signal, 1)
            append(state, {"event": "bench", "run_id": f"{name}-{number}", "job": "bench", "facts": "x" * 600})
            os._exit(0)
        pids.append(pid)
    waited = 0
    while waited < count:
        waited += len(os.read(ready, count))
    begin = time.perf_counter()
    os.close(gate)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    seconds = time.perf_counter() - begin
    for descriptor in (ready, started, signal):
        os.close(descriptor)
    if any(codes):
        raise SystemExit(f"{sum(map(bool, codes))} of {count} could not append their record")
    return seconds


if __name__ == "__main__":
    main()
