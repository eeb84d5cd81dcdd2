"""Keeping what a job prints: a gibibyte on two streams, against `cat` to a file; and tools that do a part of it."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import producer
from host import Host
from measuring import CPU, WALL, Cost, Costs, Found, Row, WorthNothing, add_round, cost_of, ratios, row_of

from bench import Bench

FAMILY = "capture"
RUN_JOB, CAT = "run-job JOB", "JOB 2>&1 | cat >FILE"
TS, CHRONIC = "JOB 2>&1 | ts >FILE", "chronic JOB >FILE 2>FILE"
PART = 16
"""What others get of the bytes: those that read line by line would take minutes for all."""
THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A command that keeps what the producer prints, and the way to read back what it kept of each stream."""

    command: list[str]
    kept: Callable[[], dict[str, str]]
    forget: Callable[[], None]
    code: int = 0

    def cost(self) -> Cost:
        os.sync()  # what the one before has written is not for this one to wait for
        cost = cost_of(self.command, code=self.code)
        self.forget()
        return cost


def measure(bench: Bench) -> Found:
    found = Found()
    size = bench.sizes.capture_bytes
    with bench.host(FAMILY, keys="limits: {log_bytes: 4GB}\n") as host:
        job = add_producer(host, "everything", size)
        contenders = {RUN_JOB: by_run_job(host, "everything"), CAT: by_cat(host, job)}
        costs = in_rounds(bench, contenders, size, bench.sizes.rounds_of_gibibytes)
        keep(found, costs, size, goal=0.85)

        part = size // PART
        job = add_producer(host, "part", part)
        others = tools(bench, host, job)
        if others:
            costs = in_rounds(bench, {RUN_JOB: by_run_job(host, "part"), **others}, part, bench.sizes.rounds_of_others)
            keep(found, costs, part)
    return found


def keep(found: Found, costs: Costs, size: int, *, goal: float | None = None) -> None:
    words = in_words(size)
    found.costs |= {f"{words}: {name}": each for name, each in costs.items()}
    for other in costs:
        if other != RUN_JOB:
            found.rows.append(_row(ratios(costs, other, RUN_JOB, WALL), words, other, THROUGHPUT, goal))
            found.rows.append(_row(ratios(costs, RUN_JOB, other, CPU), words, other, CPU, None))


def _row(values: list[float], words: str, other: str, measure: str, goal: float | None) -> Row:
    what = f"{RUN_JOB} that prints {words} on two streams, indexed"
    return row_of(
        values, family=FAMILY, what=what, against=other, measure=measure, goal=goal, at_least=measure == THROUGHPUT
    )


def in_words(size: int) -> str:
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def add_producer(host: Host, slug: str, size: int) -> str:
    """Add a job that prints so many bytes, half of them on each stream. Return its command."""
    count = size // 2 // producer.BLOCK_BYTES
    job = f"{host.product.interpreter} -I -S {producer.__file__} {count}"
    host.add_job(slug, f"name: {slug}\ncommand: {job}\nstderr: ignore\n")
    return job


def in_rounds(bench: Bench, contenders: Mapping[str, Contender], size: int, rounds: int) -> Costs:
    """Compare what each one keeps, byte for byte with what was printed, in a first round; then time them.

    A program of others that has lost some of it is named and left out. Raises WorthNothing when it is ours, or `cat`.
    """
    wanted = printed(size)
    names = list(contenders)
    timed: dict[str, Callable[[], Cost]] = {}
    for number in bench.steps(f"capture of {in_words(size)}, compared", len(names)):
        name, contender = names[number], contenders[names[number]]
        cost_of(contender.command, code=contender.code)
        if contender.kept() == wanted:
            timed[name] = contender.cost
        elif name in (RUN_JOB, CAT):
            raise WorthNothing(f"{name} did not keep what was printed")
        else:
            bench.peers.notes.append(f"{name}: it did not keep all of {in_words(size)}, and was not timed")
        contender.forget()
    costs: Costs = {}
    for number in bench.steps(f"capture of {in_words(size)}", rounds):
        add_round(costs, timed, number)
    return costs


# --- what was printed, and what was kept ---------------------------------------------------------------------------


def printed(size: int) -> dict[str, str]:
    digests = _new_digests()
    for stream, digest in digests.items():
        blocks = producer.blocks(stream)
        for number in range(size // 2 // producer.BLOCK_BYTES):
            digest.update(blocks[number % len(blocks)])
    return _told(digests)


def by_run_job(host: Host, slug: str) -> Contender:
    def kept() -> dict[str, str]:
        digests = _new_digests()
        for stream, chunk in host.chunks(slug):
            digests[stream].update(chunk)
        return _told(digests)

    return Contender(command=host.by_hand(slug), kept=kept, forget=lambda: shutil.rmtree(host.logs / slug))


def by_cat(host: Host, job: str) -> Contender:
    return _to_files(f"{job} 2>&1 | cat", host.directory / "kept")


def tools(bench: Bench, host: Host, job: str) -> dict[str, Contender]:
    """What does a part of it: `ts` notes the time of each line, `chronic` keeps the streams apart in memory."""
    found = {}
    if bench.peers.ts:
        found[TS] = _to_files(f"{job} 2>&1 | {bench.peers.ts} %.s", host.directory / "kept", words_before=1)
    if bench.peers.chronic:
        command = f"{bench.peers.chronic} sh -c '{job}; exit 3'"  # what ends well, it prints nothing of
        found[CHRONIC] = _to_files(command, host.directory / "kept", host.directory / "kept.stderr", code=3)
    return found | {
        f"{name} (its log) >FILE": by_scheduler(path, host, job) for name, path in bench.peers.schedulers.items()
    }


def by_scheduler(program: str, host: Host, job: str) -> Contender:
    """A scheduler that hands the job's lines on to its own output, marked: it starts the job at once, and then ends."""
    definition = host.directory / "scheduler.yaml"
    definition.write_text(
        "jobs:\n  - name: part\n    shell: /bin/sh\n    schedule: '@reboot'\n    captureStdout: true\n"
        f"    captureStderr: true\n    command: {job}; kill -TERM $PPID\n"
    )
    paths = host.directory / "kept", host.directory / "kept.stderr"
    return _to_files(f"{program} -c {definition}", *paths, words_before=2, marked=b"[part ")


def _to_files(
    command: str, output: Path, fault: Path | None = None, *, words_before: int = 0, marked: bytes = b"", code: int = 0
) -> Contender:
    """A shell command whose output goes to files; in front of each line there may be words that are not the job's.

    Lines that do not begin with `marked` are not the job's either.
    """
    paths = [output] if fault is None else [output, fault]

    def kept() -> dict[str, str]:
        digests = _new_digests()
        for path in paths:
            with open(path, "rb") as file:
                for line in (line for line in file if line.startswith(marked)):
                    text = line.split(b" ", words_before)[words_before]
                    digests[chr(text[0])].update(text)
        return _told(digests)

    def forget() -> None:
        for path in paths:
            os.unlink(path)

    where = f">{output}" if fault is None else f">{output} 2>{fault}"
    return Contender(command=["/bin/sh", "-c", f"{command} {where}"], kept=kept, forget=forget, code=code)


def _new_digests() -> dict[str, Any]:
    return {"o": hashlib.blake2b(), "e": hashlib.blake2b()}


def _told(digests: Mapping[str, Any]) -> dict[str, str]:
    return {stream: digest.hexdigest() for stream, digest in digests.items()}
