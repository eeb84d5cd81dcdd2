"""The option --host of a verb. A verb that names no host pays for this file and no other."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any

import click

from process_control.cli.session import Session
from process_control.core.host_name import is_host

NO_TABLES: Mapping[str, Sequence[str]] = MappingProxyType({})
HOST_HELP = "On these hosts, by ssh; @GROUP: those of fleet.hosts."
JOB_HELP = " HOST/JOB is one job there."


def looks_at_hosts(
    *, jobs: str = "", tables: Mapping[str, Sequence[str]] = NO_TABLES
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb --host.

    `jobs` is the parameter whose words name jobs, HOST/JOB among them; `tables` has the columns of what the verb
    prints in a pipe, by the form of the answer: `slots`, `slots --count`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--host", "hosts", multiple=True, metavar="HOST,...", help=HOST_HELP + (JOB_HELP if jobs else ""))
        @wraps(function)
        def with_hosts(session: Session, *arguments: Any, hosts: Sequence[str], **options: Any) -> Any:
            if not hosts and not any(map(_names_a_host, _words(options.get(jobs)))):
                return function(session, *arguments, **options)
            from process_control.cli.hosts.look import look

            return look(session, hosts, jobs=jobs, tables=tables, options=options)

        return with_hosts

    return decorate


def _words(value: str | Sequence[str] | None) -> Sequence[str]:
    return [value] if isinstance(value, str) else value or []


def _names_a_host(word: str) -> bool:
    host, slash, _ = word.partition("/")
    return bool(slash) and not word.startswith("tag:") and is_host(host.removeprefix("@"))
