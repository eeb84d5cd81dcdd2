"""Which hosts a command line means, and which jobs on each: `--host`, groups of the configuration, `HOST/job`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from process_control.core.host_name import HOST_FORM, is_group, is_host
from process_control.core.suggestions import nearest
from process_control.errors import UsageError

GROUP = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHost:
    """A host, and the words for the jobs that are meant there; none: all jobs."""

    host: str
    jobs: tuple[str, ...]


def asked_hosts(
    values: Iterable[str], jobs: Sequence[str], groups: Mapping[str, Sequence[str]], *, where: str
) -> list[AskedHost]:
    """Return the hosts in the order of the command line. `values` are those of --host, `jobs` the words for jobs.

    `HOST/job` is a job of that host only; another word is meant on each host of --host. Raises UsageError (2).
    """
    hosts = _hosts(",".join(values), groups, where) if values else []
    placed = [(word, _placed(word, groups, where)) for word in jobs]
    for word, places in placed:
        if not places and not values:
            raise UsageError(f"'{word}' names no host", where=where, hint=f"HOST/{word}, or --host for all jobs")
    found: dict[str, list[str]] = {host: [] for host in hosts}
    for word, places in placed:
        for host in places or hosts:
            found.setdefault(host, []).append(word.partition("/")[2] if places else word)
    return [AskedHost(host=host, jobs=tuple(words)) for host, words in found.items() if words or not jobs]


def names_a_group(values: Iterable[str], jobs: Iterable[str]) -> bool:
    """Return whether the configuration is needed to know the hosts."""
    return any(GROUP in value for value in values) or any(word.startswith(GROUP) for word in jobs)


def _placed(word: str, groups: Mapping[str, Sequence[str]], where: str) -> list[str]:
    """Return the hosts that a word for jobs names in front of a slash."""
    host, slash, job = word.partition("/")
    if not slash or word.startswith("tag:"):
        return []
    if not job:
        raise UsageError(f"'{word}' names no job", where=where, hint=f"{host}/JOB, or --host {host} for all its jobs")
    return _hosts(host, groups, where)


def _hosts(text: str, groups: Mapping[str, Sequence[str]], where: str) -> list[str]:
    found: dict[str, None] = {}
    for word in (each.strip() for each in text.split(",")):
        if word.startswith(GROUP):
            found |= dict.fromkeys(_group(word.removeprefix(GROUP), groups, where))
        elif is_host(word):
            found[word] = None
        else:
            raise UsageError(f"'{word}' is no host", where=where, hint=f"{HOST_FORM}, or @GROUP of the configuration")
    return list(found)


def _group(name: str, groups: Mapping[str, Sequence[str]], where: str) -> Sequence[str]:
    if name in groups:
        return groups[name]
    near = nearest(name, groups) if is_group(name) else None
    if near:
        hint = f"did you mean @{near}?"
    elif groups:
        hint = f"the configuration has {', '.join(f'@{each}' for each in sorted(groups))}"
    else:
        hint = "add it to the configuration: process-control explain fleet.hosts"
    raise UsageError(f"no group of hosts is called '@{name}'", where=where, hint=hint)
