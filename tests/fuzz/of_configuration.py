"""Readers of what an operator writes: job files, configuration, schedules, times and sizes, secrets, regexes."""

import re
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from cronsim import CronSim

from kit.host import Host
from kit.processor_time import least_milliseconds
from process_control.config.cache import read
from process_control.config.configuration import read_configuration
from process_control.config.environment_file import read_environment_file
from process_control.config.job_directory import load_job
from process_control.config.job_file import read_job
from process_control.config.keys.number_kinds import MAX_SECONDS, bytes_of, seconds_of
from process_control.config.original import EARLY, LATER, Original, rewrite_configuration, rewrite_job
from process_control.config.yaml.document import parse, without_tabs
from process_control.config.yaml.nodes import List, Map, Node, Text
from process_control.core.job import Job
from process_control.core.schedule.columns import ScheduleError
from process_control.core.schedule.schedule import Schedule
from process_control.errors import BadConfiguration, Fault
from process_control.execution.regex_guard import MatchGuard, Regex, TakesTooLong
from process_control.system.json_text import decode, encode

SECONDS_FOR_A_FILE = 0.5
"""CPU time. Promised are 0.1 s; under a tracer, and with its caches cold, anything takes longer."""
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SLOTS = 20
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "UTC")


def _is_told(faults: Iterable[Fault], where: str) -> None:
    """Every fault says where it is and what, and nothing in it could steer a terminal."""
    for fault in faults:
        assert fault.where.startswith(where)
        assert fault.what
        assert str(fault).replace("\n  hint: ", "").isprintable()


def _is_quick(action: Callable[[], object]) -> None:
    assert least_milliseconds(action, allowed=1000 * SECONDS_FOR_A_FILE) < 1000 * SECONDS_FOR_A_FILE


def _meaning(node: Node | None) -> Any:
    if isinstance(node, Map):
        return {key.value: _meaning(value) for key, value in node.entries}
    if isinstance(node, List):
        return [_meaning(item) for item in node.items]
    return (node.value, node.is_empty) if isinstance(node, Text) else None


# --- YAML ------------------------------------------------------------------------------------------------------------


def job_file(data: bytes, folder: Path) -> None:
    """A job, or all its faults; quickly. What the cache keeps of a job is that job."""

    def read() -> None:
        try:
            job = read_job(data, slug="fuzz", path="/fuzz.yaml", default_values={}, log_bytes=1)
        except BadConfiguration as error:
            _is_told(error.faults, "fuzz.yaml")
        else:
            assert Job.from_values(decode(encode(job.to_values()))) == job  # type: ignore[arg-type]

    _is_quick(read)


def configuration(data: bytes, folder: Path) -> None:
    """Values, or all faults; quickly."""

    def read() -> None:
        try:
            encode(read_configuration(data, "/etc/process-control.yaml"))
        except BadConfiguration as error:
            _is_told(error.faults, "/etc/process-control.yaml")

    _is_quick(read)


def tabs(data: bytes, folder: Path) -> None:
    """`lint --fix` writes spaces for the tabs that are read as such: the file says the same, and once is enough."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    fixed = without_tabs(text)

    before, after = parse(data, "f"), parse(fixed.encode(), "f")
    if before.faults:  # of a file with very many faults the rest is not read, and not mended
        return
    assert without_tabs(fixed) == fixed
    assert _meaning(after.root) == _meaning(before.root)
    assert after.tabbed_lines == ()


def original(data: bytes, folder: Path) -> None:
    """A file of the original stays readable when it is rewritten, and rewriting it once is enough."""
    for which in (EARLY, LATER):
        _rewritten(data, which, of_job=True)
        _rewritten(data, which, of_job=False)


def _rewritten(data: bytes, which: Original, *, of_job: bool) -> None:
    def rewrite(source: bytes) -> bytes:
        if of_job:
            return rewrite_job(source, which, defaults={}).source
        return rewrite_configuration(source, which, accounts={0: "root", 33: "www-data"}).source

    once = rewrite(data)
    before, after = parse(data, "f"), parse(once, "f")
    if before.root is None or before.faults:
        return
    assert not after.faults, (once, after.faults.in_order())
    assert rewrite(once) == once
    assert _comments(data) <= _comments(once)


def _comments(source: bytes) -> set[str]:
    return {line.strip() for line in source.decode("utf-8-sig").split("\n") if line.lstrip().startswith("#")}


# --- values ----------------------------------------------------------------------------------------------------------

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def amount(data: bytes, folder: Path) -> None:
    """A time and a size are what they say, to the last digit, or are refused."""
    text = data.decode("utf-8", "replace")
    seconds, size = seconds_of(text), bytes_of(text)

    match = _AMOUNT.fullmatch(text.strip())
    if seconds is not None:
        assert match is not None
        assert match[2] in _SECONDS
        said = Fraction(match[1]) * _SECONDS[match[2]]
        assert 0 <= seconds <= MAX_SECONDS
        assert abs(Fraction(seconds) - said) <= max(said, 1) / 10**12
    if size is not None:
        assert match is not None
        assert match[2] in _BYTES
        assert size == int(Fraction(match[1]) * _BYTES[match[2]])


def schedule(data: bytes, folder: Path) -> None:
    """A schedule is refused in words, or fires when cronsim says, strictly later each time, and skips no slot."""
    text = data.decode("utf-8", "replace")
    for zone in ZONES:
        try:
            found = Schedule.parse([text], time_zone=zone, host="db1", slug="fuzz")
        except ScheduleError as error:
            _is_told([Fault(error.what, where="fuzz.yaml", hint=error.hint)], "fuzz.yaml")
            return
        again = Schedule.parse(found.for_cron, time_zone=zone, host="db1", slug="fuzz")
        assert again.for_cron == found.for_cron
        slots = list(islice(found.after(NOON), SLOTS))
        assert slots == list(islice(again.after(NOON), SLOTS))
        assert all(earlier < later for earlier, later in pairwise([NOON, *slots]))
        for earlier, later in pairwise(slots):
            assert found.last_at_or_before(later - timedelta(seconds=1)) == earlier
            assert next(found.after(earlier)) == later
        if zone == "UTC":
            assert slots == list(islice(CronSim(found.expressions[0].for_cronsim, NOON), SLOTS))


def environment_file(data: bytes, folder: Path) -> None:
    """Variables that a program can be given, or the lines that are none; the lines themselves are not shown."""
    path = folder / "secrets"
    path.write_bytes(data)
    path.chmod(0o600)
    lines = [line.strip() for line in data.decode("utf-8", "surrogateescape").split("\n")]
    try:
        found = read_environment_file(str(path))
    except BadConfiguration as error:
        shown = str(error).replace(str(path), "")
        assert not any(len(line) > 8 and line in shown for line in lines)
        return
    said = {line.partition("=")[0].strip() for line in lines if line and not line.startswith("#")}
    assert set(found) == said
    for name, value in found.items():
        assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII)
        assert not name.startswith("PROCESS_CONTROL_")
        assert b"\0" not in value.encode("utf-8", "surrogateescape")
        assert any(value in line for line in lines)


def regex(data: bytes, folder: Path) -> None:
    """A regex of a rule (first line) finds on a line (the rest) what Python finds there, or is ended in time."""
    text, _, line = data.decode("utf-8", "replace").partition("\n")
    line = line.replace("\n", " ")
    try:
        found_by = Regex(text[:500])
    except ValueError:
        return
    answers: list[Any] = []
    _is_quick(lambda: answers.append(_guarded(found_by, line)))
    found = answers[-1]
    if found is TakesTooLong:
        return
    expected = re.compile(text[:500]).search(line)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.groups(), found.end()) == (expected.groups(), expected.end())


def _guarded(regex: Regex, line: str) -> Any:
    """Return what a guard lets be found; `TakesTooLong` when it has ended the search."""
    before = signal.getsignal(signal.SIGVTALRM)
    try:
        guard = MatchGuard(lambda: False)
        with guard:
            return guard.find(regex, line)
    except TakesTooLong:
        return TakesTooLong
    finally:
        signal.signal(signal.SIGVTALRM, before)


# --- the cache -------------------------------------------------------------------------------------------------------


def cache_file(data: bytes, folder: Path) -> None:
    """Whatever lies where the cache was, the job that is loaded is the one of its file."""
    host = Host(folder)
    if not host.configuration.exists():
        host.jobs.mkdir()
        host.configure("default_job_config: {timeout: 7}\n")
        host.job("purge", "schedule: '*/5 * * * *'\nstderr: fail\n")
    expected = load_job("purge", host.settings("purge"))
    [file] = folder.rglob("purge@*.json")
    fixed = read.stamp().encode()

    file.write_bytes(data.replace(b"MADE_BY", fixed).replace(b"FOLDER", str(folder).encode()))

    assert load_job("purge", host.settings("purge")) == expected


CHECKS = {
    "job-file": job_file,
    "configuration": configuration,
    "tabs": tabs,
    "original": original,
    "amount": amount,
    "schedule": schedule,
    "environment-file": environment_file,
    "regex": regex,
    "cache": cache_file,
}
