"""The job directory: finds a job's file, checks that it is safe, and loads the job.

Lean module: imports C builtins and lean modules; the parser is imported when the cache does not have the job.
"""

import posix
import pwd
import time

from process_control.config.cache import read
from process_control.config.settings import Settings
from process_control.core.job import Job, is_slug
from process_control.errors import BadConfiguration, NotPermitted, ProcessControlError
from process_control.system import trusted_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class InvalidJob:
    """A file in the job directory that is no valid job, and the error."""

    __slots__ = ("error", "path", "slug")

    def __init__(self, slug: str, path: str, error: ProcessControlError) -> None:
        self.slug = slug
        self.path = path
        self.error = error

    def __repr__(self) -> str:
        return f"InvalidJob({self.slug!r}, {self.path!r}, {self.error.faults!r})"


def load_job(slug: str, settings: Settings) -> Job:
    """Return the job, read from its file now.

    Raises JobNotFound (66) when there is no such file, NotPermitted (77) when somebody else could have written the file
    or the directory, BadConfiguration (78) for faults in the file and for a missing job directory.
    """
    job, source = load_without_its_causes(slug, settings)
    if job.after:
        from process_control.config.chains import plan_as_the_causes

        if plan_as_the_causes(job, settings, lambda cause: load_without_its_causes(cause, settings)[0]):
            _keep(job, source, settings)
    return job


def load_without_its_causes(slug: str, settings: Settings) -> "tuple[Job, bytes]":
    """Return the job and its source; one with `after` is planned as the cache has it. Raises as `load_job`."""
    if not is_slug(slug):
        raise _no_such_job(slug, settings)
    with JobDirectory(settings) as directory:
        source, path = directory.read(slug)
    job = _kept(settings, slug, path, source)
    if job is None:
        job = read_job(slug, path, source, settings)
        from process_control.core.fleet.membership import belongs_to_fleet

        if not job.after or job.schedule or belongs_to_fleet(job.run_on, settings.fleet_address):
            from process_control.config.cache.planned_slots import plan

            plan(job, settings, time.time())
            _keep(job, source, settings)
    elif settings.search.is_stale and slug == settings.search.slug and posix.geteuid() == settings.search.uid:
        _keep(job, source, settings)
    return job, source


class JobDirectory:
    """The open job directory, checked up to the root: nobody else could have written what is read from it."""

    __slots__ = ("_settings", "_trust", "descriptor", "path")

    def __init__(self, settings: Settings) -> None:
        try:
            walk = trusted_file.open_directory(settings.job_directory)
        except OSError as error:
            raise _no_directory(settings, error) from error
        self.descriptor = walk.descriptor
        self.path = settings.job_directory
        self._settings = settings
        try:
            self._trust = _checked(walk, settings)
        except BaseException:
            posix.close(self.descriptor)
            raise

    def __enter__(self) -> "JobDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        posix.close(self.descriptor)

    def read(self, slug: str) -> "tuple[bytes, str]":
        """Return the source and the path of a job's file."""
        name = f"{slug}.yaml"
        path = f"{self.path}/{name}"
        try:
            descriptor = posix.open(name, trusted_file.TO_READ, dir_fd=self.descriptor)
        except OSError as error:
            raise self._not_opened(slug, name, path, error) from error
        try:
            faults = trusted_file.unsafe_file(path, posix.fstat(descriptor), self._trust, descriptor)
            if faults:
                raise NotPermitted(faults=faults)
            return trusted_file.read(descriptor, path), path
        finally:
            posix.close(descriptor)

    def _not_opened(self, slug: str, name: str, path: str, error: OSError) -> ProcessControlError:
        if isinstance(error, FileNotFoundError):
            return _no_such_job(slug, self._settings)
        from process_control.config.not_found import unreadable

        try:
            faults = trusted_file.unsafe_file(path, posix.lstat(name, dir_fd=self.descriptor), self._trust)
        except OSError:
            faults = []
        return NotPermitted(faults=faults) if faults else unreadable(path, error)

    def names(self) -> "list[str]":
        """Return the names of all entries, sorted. Raises NotPermitted when they cannot be listed."""
        try:
            descriptor = posix.open(".", posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC, dir_fd=self.descriptor)
        except OSError as error:
            raise _no_directory(self._settings, error) from error
        try:
            return sorted(posix.listdir(descriptor))
        finally:
            posix.close(descriptor)


def slugs(settings: Settings) -> "list[str]":
    """Return the slugs of all jobs, valid or not, sorted: one for each `<slug>.yaml`."""
    with JobDirectory(settings) as directory:
        names = directory.names()
    return [name[:-5] for name in names if name.endswith(".yaml") and is_slug(name[:-5])]


# --- whom to trust ---------------------------------------------------------------------------------------------------


def _checked(walk: trusted_file.Walk, settings: Settings) -> trusted_file.Trust:
    """Return who may write job files. Raises NotPermitted unless directory and parents are theirs too."""
    me = posix.geteuid()
    group = _gid(settings.trusted_group, settings)
    if _jobs_run_as_root(settings, me):
        trusted = _uid(settings.trusted_owner, settings)
        trust = trusted_file.Trust((0,) if trusted is None else (0, trusted), group)
        faults = trusted_file.unsafe_steps(walk, trust)
    else:
        owner = walk.steps[-1][1].st_uid
        trust = trusted_file.Trust((0, owner), group)
        faults = trusted_file.unsafe_steps(walk, trusted_file.Trust((0, me), group), nearest=(owner,))
    faults += trusted_file.unsafe_last_step(walk)
    if faults:
        raise NotPermitted(faults=faults)
    return trust


def _jobs_run_as_root(settings: Settings, me: int) -> bool:
    if settings.user is None or me != 0:
        return me == 0
    try:
        return pwd.getpwnam(settings.user).pw_uid == 0
    except KeyError:
        return True


def _uid(name: "str | None", settings: Settings) -> "int | None":
    if name is None:
        return None
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise _unknown_name("trusted_owner", "user", name, settings) from None


def _gid(name: "str | None", settings: Settings) -> "int | None":
    if name is None:
        return None
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise _unknown_name("trusted_group", "group", name, settings) from None


def _unknown_name(key: str, kind: str, name: str, settings: Settings) -> BadConfiguration:
    return BadConfiguration(
        f"'{key}' names a {kind} that does not exist: '{name}'",
        where=settings.path or "",
        hint=f"name one that exists, or remove '{key}'",
    )


# --- cached or parsed ------------------------------------------------------------------------------------------------


def _kept(settings: Settings, slug: str, path: str, source: bytes) -> "Job | None":
    """Return the job from the cache if it was made from the same source, else None."""
    search = settings.search
    if slug == search.slug and posix.geteuid() == search.uid:
        known = search.job_cache
    else:
        known = read.read(settings.search.cache_places_now(), search.cache_name(slug))
    if known is None:
        return None
    try:
        text, values, zone = known["job"]
        if text.encode() != source or known["made_with"] != _made_with(slug, path, settings):
            return None
        job = Job.from_values(values)
    except (LookupError, ValueError, TypeError, AttributeError):
        return None
    if not read.zone_is_known(job.time_zone):
        return None
    if job.excluded and not read.excluded_days_hold(job.excluded, time.time()):
        return None
    if job.planned_slots and zone != read.zone_stamp(job.time_zone):
        job.planned_slots, job.plan_hash = [], ""
    return job


def _made_with(slug: str, path: str, settings: Settings) -> "list[Any]":
    """Return everything that a job depends on besides its source."""
    return [slug, path, *made_with(settings)]


def made_with(settings: Settings) -> "list[Any]":
    """Return the values of the configuration that all jobs depend on."""
    has_fleet = settings.fleet_address is not None
    return [settings.log_bytes, settings.default_job_config, settings.calendars, settings.pools, has_fleet]


def _keep(job: Job, source: bytes, settings: Settings) -> None:
    from process_control.config.cache import write

    search = settings.search
    # Who became the service user meanwhile does not give it the text of a configuration that it may not read.
    configurations = search.configurations if posix.geteuid() == search.uid else {}
    value = {
        "configurations": configurations,
        "made_with": _made_with(job.slug, job.path, settings),
        "job": [source.decode(), job.to_values(), read.zone_stamp(job.time_zone)],
    }
    write.write(settings.search.cache_places_now(), search.cache_name(job.slug), value)


def read_job(slug: str, path: str, source: bytes, settings: Settings) -> Job:
    """Parse `source` and return the job. Raises BadConfiguration with all its faults.

    A job of the fleet has no schedule on this host: nothing here starts it, or misses it.
    """
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.config.job_file import read_job

    defaults, log_bytes = settings.default_job_config, settings.log_bytes
    job = read_job(
        source,
        slug=slug,
        path=path,
        default_values=defaults,
        log_bytes=log_bytes,
        calendars=settings.calendars,
        pools=settings.pools,
    )
    from process_control.core.fleet.membership import belongs_to_fleet

    if belongs_to_fleet(job.run_on, settings.fleet_address):
        job.fleet_schedule, job.schedule = job.schedule, []
    return job


# --- errors ----------------------------------------------------------------------------------------------------------


def _no_such_job(slug: str, settings: Settings) -> ProcessControlError:
    from process_control.config.not_found import names_if_any, no_such_job

    return no_such_job(slug, settings.job_directory, names_if_any(settings.job_directory))


def _no_directory(settings: Settings, error: OSError) -> ProcessControlError:
    from process_control.config.not_found import no_directory

    return no_directory(settings.job_directory, error)
