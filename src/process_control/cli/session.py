"""One command line: the configuration it asks for, the rights it has, and the jobs that its words name."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import click

from process_control.actions.rights import become_reader
from process_control.cli.waiting import paths_of
from process_control.cli.whose_jobs import tell_whose_jobs
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job
from process_control.errors import JobNotFound
from process_control.system.disk_watch import Paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.history.index.index import Index

JOBS_HELP = "JOB is a slug, a glob in quotes, or tag:NAME; several may be given."


@dataclass(slots=True)
class Session:
    """What the options before the verb say; each verb takes them too."""

    config: str | None = None
    debug: bool = False
    no_pager: bool = False
    paths: Paths = field(default_factory=Paths)
    """Learns what the command may look at: when it waits, it says which disk does not answer."""

    def load(self) -> Settings:
        """Return the settings in force, with the rights that we have. Raises what a bad configuration raises."""
        settings = load_settings(self.config, dict(os.environb))
        self.paths.add(paths_of(settings))
        tell_whose_jobs(settings)
        return settings

    def settings(self, verb: str, *, may_look: bool = True) -> Settings:
        """Return the settings, having become the service user when we are root.

        Raises NotPermitted (77) for anybody else; `may_look` lets the members of `read_group` in.
        """
        settings = self.load()
        become_reader(settings, command=f"process-control {verb}", may_look=may_look)
        return settings


class Verb(click.Command):
    """A verb: knows --config and --debug wherever they stand, and shows its help for -h."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        self.params += options_of_every_verb()


def options_of_every_verb() -> list[click.Parameter]:
    """Return --config, --debug and --no-pager, which may stand behind the verb too."""
    return [
        click.Option(["--config"], metavar="FILE", expose_value=False, hidden=True, callback=_set_config),
        click.Option(["--debug"], is_flag=True, expose_value=False, hidden=True, callback=_set_debug),
        click.Option(["--no-pager"], is_flag=True, expose_value=False, hidden=True, callback=_set_no_pager),
    ]


def verb(name: str, **attributes: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Make a function the verb `name`; its first argument is the Session."""

    def decorate(function: Callable[..., Any]) -> Verb:
        return click.command(name, cls=Verb, **attributes)(click.pass_obj(function))

    return decorate


def _set_config(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).config = value


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).debug = True


def _set_no_pager(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).no_pager = True


def select_jobs(settings: Settings, words: Sequence[str]) -> list[Job | InvalidJob]:
    """Return the jobs of the directory that the words name; all without a word. Raises JobNotFound (66) for a word
    that names none."""
    jobs = load_all(settings)
    if not words:
        return jobs
    chosen = {word: [job for job in jobs if _names(word, job)] for word in words}
    for word, found in chosen.items():
        if not found:
            raise _no_such_job(word, jobs, settings)
    slugs = {job.slug for found in chosen.values() for job in found}
    return [job for job in jobs if job.slug in slugs]


def select_slugs(settings: Settings, words: Sequence[str], index: "Index") -> list[str] | None:
    """Return the slugs that the words name, of the history too (a job's file may be gone); None without a word.

    Raises JobNotFound (66) for a word that names none.
    """
    if not words:
        return None
    past = index.jobs()
    chosen: dict[str, None] = {}
    jobs: list[Job | InvalidJob] | None = None
    for word in words:
        found = [slug for slug in past if fnmatchcase(slug, word)]
        if not found or word.startswith("tag:"):
            jobs = load_all(settings) if jobs is None else jobs
            named = [job.slug for job in jobs if _names(word, job)]
            if not named:
                raise _no_such_job(word, jobs, settings)
            found += named
        chosen |= dict.fromkeys(found)
    return list(chosen)


def select_known(
    settings: Settings, words: Sequence[str], jobs: Sequence[Job | InvalidJob], known: Iterable[str]
) -> list[str]:
    """Return the slugs that the words name, by name: of `jobs`, which the directory has, and of `known` from earlier.

    All without a word. Raises JobNotFound (66) for a word that names none.
    """
    slugs = sorted({job.slug for job in jobs}.union(known))
    chosen: set[str] = set()
    for word in words:
        tagged = [job.slug for job in jobs if _names(word, job)] if word.startswith("tag:") else []
        found = tagged or [slug for slug in slugs if fnmatchcase(slug, word)]
        if not found:
            raise _no_such_job(word, jobs, settings, others=slugs)
        chosen.update(found)
    return [slug for slug in slugs if slug in chosen] if words else slugs


def _names(word: str, job: Job | InvalidJob) -> bool:
    if word.startswith("tag:"):
        return isinstance(job, Job) and word.removeprefix("tag:") in job.tags
    return fnmatchcase(job.slug, word)


def _no_such_job(
    word: str, jobs: Sequence[Job | InvalidJob], settings: Settings, *, others: Sequence[str] = ()
) -> JobNotFound:
    if word.startswith("tag:"):
        tags = sorted({tag for job in jobs if isinstance(job, Job) for tag in job.tags})
        known = f"tags there are: {', '.join(tags)}" if tags else "no job has a tag"
        return JobNotFound(f"no job has the tag '{word.removeprefix('tag:')}'", hint=known)
    if any(char in word for char in "*?["):
        return JobNotFound(f"no job matches '{word}'", hint="`process-control list` lists them")
    from process_control.config.not_found import no_such_job

    return no_such_job(word, settings.job_directory, [*(job.slug for job in jobs), *others])
