"""Which jobs are meant by the words of a command: slugs, globs and tags."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.not_found import no_such_job
from process_control.config.settings import Settings
from process_control.core.job import Job
from process_control.errors import JobNotFound
from process_control.state.ad_hoc import kept_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.history.index.index import Index


def select_with_ad_hoc(settings: Settings, words: Sequence[str]) -> list[Job | InvalidJob]:
    """Return the same as `select_jobs`; a slug may also name a command that `exec` ran."""
    found = {word: job for word in words if (job := kept_job(settings, word)) is not None}
    others = [word for word in words if word not in found]
    return [*(select_jobs(settings, others) if others or not words else []), *found.values()]


def select_jobs(settings: Settings, words: Sequence[str]) -> list[Job | InvalidJob]:
    """Return the jobs of the job directory that the words name, in the order of their slugs; all without a word.

    A word is a slug, a glob (`backup-*`) or `tag:NAME`. Invalid files are among them. Raises JobNotFound (66) for a
    word that names none.
    """
    jobs = load_all(settings)
    if not words:
        return jobs
    chosen = {word: [job for job in jobs if _is_named_by(word, job)] for word in words}
    for word, found in chosen.items():
        if not found:
            raise _no_such_job(word, jobs, settings)
    slugs = {job.slug for found in chosen.values() for job in found}
    return [job for job in jobs if job.slug in slugs]


def select_slugs(settings: Settings, words: Sequence[str], index: "Index") -> list[str] | None:
    """Return the slugs that the words name, also of jobs that only the history knows; None, for all, without a word.

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
            named = [job.slug for job in jobs if _is_named_by(word, job)]
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
        tagged = [job.slug for job in jobs if _is_named_by(word, job)] if word.startswith("tag:") else []
        found = tagged or [slug for slug in slugs if fnmatchcase(slug, word)]
        if not found:
            raise _no_such_job(word, jobs, settings, others=slugs)
        chosen.update(found)
    return [slug for slug in slugs if slug in chosen] if words else slugs


def _is_named_by(word: str, job: Job | InvalidJob) -> bool:
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
    return no_such_job(word, settings.job_directory, [*(job.slug for job in jobs), *others])
