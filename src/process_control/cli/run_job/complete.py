"""`run-job --complete KIND [JOB|REV|HOST]`: what completion offers, a line each; behind a tab, a word about it.

Lean module: a shell asks at each press of the key, and the names of jobs are a directory's listing, nothing more.
"""

import posix
import sys

from process_control.cli.run_job.options import Options
from process_control.errors import NotPermitted, ProcessControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings

MAX_RUNS = 100


def offer(options: Options) -> int:
    """Print the slugs, tags, runs, hosts ... there are; nothing, and exit 0, when they cannot be read."""
    try:
        lines = _lines(options)
    except (ProcessControlError, OSError):
        lines = []
    sys.stdout.write("".join(f"{line}\n" for line in lines if line.replace("\t", " ").isprintable()))
    return 0


def _lines(options: Options) -> "list[str]":
    from process_control.config.settings import load_settings
    from process_control.system.account import check_allowed, drop_rights

    settings = load_settings(options.config, posix.environ)
    try:
        drop_rights(check_allowed(settings.user, words=""))
    except NotPermitted:
        pass  # members of the read_group, and whoever else may read the directory, look with their own rights
    if options.complete == "slugs":
        from process_control.config.job_directory import slugs

        return slugs(settings)
    if options.complete == "tags":
        return _tags(settings)
    if options.complete == "incidents":
        return _incidents(settings)
    if options.complete == "hosts":
        return _hosts(settings, options.job or "")
    if options.complete == "revisions":
        return _revisions(settings, options.job or "")
    return _runs(settings, options.job) if options.complete == "runs" else []


def _incidents(settings: "Settings") -> "list[str]":
    from process_control.core.layout import open_incidents

    names = posix.listdir(open_incidents(settings.state_directory))
    return sorted([name[: -len(".json")] for name in names if name.endswith(".json")])


def _hosts(settings: "Settings", typed: str) -> "list[str]":
    """Return the groups and hosts of the configuration, behind the hosts that were typed before a comma."""
    before, comma, _ = typed.rpartition(",")
    groups = settings.fleet_hosts
    names = [f"@{group}" for group in groups] + sorted({host for hosts in groups.values() for host in hosts})
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in names if name not in taken]


def _revisions(settings: "Settings", typed: str) -> "list[str]":
    """Return what may follow as one revision, or as the second one behind the dots of `A..` and `A...`."""
    from process_control.system.revision import DOTS, names_of_revisions

    dots = next((dots for dots in DOTS if dots in typed), "")
    first = typed.partition(dots)[0] if dots else ""
    return [f"{first}{dots}{name}" for name in names_of_revisions(settings.job_directory)]


def _tags(settings: "Settings") -> "list[str]":
    from process_control.config.all_jobs import load_all
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    return [f"tag:{tag}" for tag in sorted({tag for job in load_all(settings) for tag in getattr(job, "tags", ())})]


def _runs(settings: "Settings", job: "str | None") -> "list[str]":
    """Return the ids of the newest runs, of one job or of all, each with job, outcome and start."""
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.state.past_runs import open_index

    with open_index(settings.state_directory) as index:
        runs = index.runs(jobs=None if job is None else [job], limit=MAX_RUNS)
    return [f"{run.run_id}\t{run.job} {run.outcome or 'running'} {run.started_at[:16]}" for run in runs]
