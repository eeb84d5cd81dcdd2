"""The jobs of the job directory as they are in a commit, read with the present configuration."""

from collections.abc import Iterable

from process_control.config.all_jobs import with_causes
from process_control.config.job_directory import InvalidJob, read_job
from process_control.config.not_found import bad_name
from process_control.config.settings import Settings
from process_control.core.digest import version_of
from process_control.core.job import Job, is_slug
from process_control.errors import NotPermitted, ProcessControlError
from process_control.system.revision import CommittedFile, Revision, files_at

ENDING = ".yaml"


def jobs_at(settings: Settings, revision: Revision, known: Iterable[Job | InvalidJob]) -> list[Job | InvalidJob]:
    """Return the jobs of a commit, by name. One of `known` that has the same file is not parsed again.

    Raises CannotRecord (74) when git cannot read the commit.
    """
    same = {(job.slug, job.version): job for job in known if isinstance(job, Job)}
    files = files_at(settings.job_directory, revision, ending=ENDING)
    return with_causes([_job(file, settings, same) for file in files if not file.name.startswith(".")], settings)


def _job(file: CommittedFile, settings: Settings, same: dict[tuple[str, str], Job]) -> Job | InvalidJob:
    slug = file.name.removesuffix(ENDING)
    path = f"{settings.job_directory}/{file.name}"
    try:
        if not is_slug(slug):
            raise bad_name(slug)
        if file.source is None:
            raise NotPermitted("is a link, which is not followed", where=path, hint="commit the file itself")
        known = same.get((slug, version_of(file.source)))
        # One with `after` is planned as its causes are in that commit.
        return read_job(slug, path, file.source, settings) if known is None or known.after else known
    except ProcessControlError as error:
        return InvalidJob(slug, path, error)
