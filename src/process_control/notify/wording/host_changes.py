"""What has changed on the host since the last good run, a line each: start, programs, time zones, packages."""

from collections.abc import Iterator
from datetime import UTC, datetime

from process_control.core.apt_history import PackageChange, package_changes
from process_control.core.job import Job
from process_control.core.job_environment import search_path
from process_control.notify.wording.known import Subject, count_of, known
from process_control.system.ask import ask
from process_control.system.clock import iso
from process_control.system.host_changes import LOCAL_ZONE, ZONE_DATA, apt_log, newer_files, zone_data_version

#: For all that is read here: a disk that hangs keeps no message back for longer.
_SECONDS = 3.0
NOTHING: list[str] = []
#: What most often breaks a job comes first.
_ORDER = ["upgraded", "downgraded", "removed", "reinstalled", "installed"]
_MAX_FILES, _MAX_NAMED, _MAX_DIRECTORIES = 8, 5, 20


def host_changes(subject: Subject, since: float) -> list[str]:
    """Return what changed on the host since `since` (UTC seconds)."""
    booted = subject.past.booted_at
    found = [f"the host was started, {subject.moment(iso(booted))}"] if booted is not None else []
    files = _files_of(subject.job) if subject.job is not None else []
    for question in (lambda: _programs(subject, files, since), lambda: _zones(subject, since)):
        found += known(question, NOTHING)
    return found + known(lambda: _packages(subject, since), NOTHING)


def _files_of(job: Job) -> list[list[str]]:
    """Return for each program and script of the job the places where it may be, in the order of the search."""
    directories = [each for each in search_path(job.environment, None) if each.startswith("/")][:_MAX_DIRECTORIES]
    found: list[list[str]] = []
    for command in job.command:
        program, *words = command
        places = [program] if "/" in program else [f"{directory}/{program}" for directory in directories]
        found += [places, *[[word] for word in words if word.startswith("/")]]
    unique = [places for at, places in enumerate(found) if places not in found[:at]]
    base = job.working_directory or ""
    return [[place if place.startswith("/") else f"{base}/{place}" for place in places] for places in unique][
        :_MAX_FILES
    ]


def _programs(subject: Subject, files: list[list[str]], since: float) -> list[str]:
    answer = ask(lambda: [_first(places, since) for places in files], seconds=_SECONDS)
    return [
        f"{path}, {_when(subject, changed)} ({_size(size)})"
        for path, changed, size in (tuple(each) for each in answer if each)
    ]


def _first(places: list[str], since: float) -> tuple[str, float, int] | None:
    """Return the file that is found first, if it has changed since."""
    for place in places:
        found = newer_files([place], 0.0)
        if found:
            return found[0] if found[0][1] > since else None
    return None


def _zones(subject: Subject, since: float) -> list[str]:
    version, newer = ask(lambda: [zone_data_version(), newer_files([ZONE_DATA, LOCAL_ZONE], since)], seconds=_SECONDS)
    changed = {path: at for path, at, _ in newer}
    found = []
    if ZONE_DATA in changed:
        found.append(f"the time-zone data{f', now {version}' if version else ''}, {_when(subject, changed[ZONE_DATA])}")
    elif LOCAL_ZONE in changed:
        found.append(f"the time zone of the host ({LOCAL_ZONE}), {_when(subject, changed[LOCAL_ZONE])}")
    return found


def _packages(subject: Subject, since: float) -> list[str]:
    text = ask(lambda: apt_log(since), seconds=_SECONDS)
    newer = [each for each in package_changes(str(text), subject.zone) if each.at.timestamp() > since]
    if not newer:
        return []
    return list(_in_words(subject, newer))


def _in_words(subject: Subject, changes: list[PackageChange]) -> Iterator[str]:
    """Yield a line for each kind of change: those that somebody named come first."""
    for action in sorted({each.action for each in changes}, key=_ORDER.index):
        these = sorted((each for each in changes if each.action == action), key=lambda each: each.is_automatic)
        names = ", ".join(f"{each.name} {each.versions}".rstrip() for each in these[:_MAX_NAMED])
        more = f" and {len(these) - _MAX_NAMED} more" if len(these) > _MAX_NAMED else ""
        last = max(each.at for each in these)
        yield f"packages {action}, {subject.local(last)}: {names}{more}"


def _when(subject: Subject, seconds: float) -> str:
    return subject.local(datetime.fromtimestamp(seconds, UTC))


def _size(count: int) -> str:
    return count_of(count, "byte") if count < 10_000 else f"{count / 1000:,.0f} kB"
