"""`run-job --ad-hoc`: how `process-control exec` runs its command.

Lean module, loaded only then.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.cli.run_job.options import Options
    from process_control.config.settings import Settings
    from process_control.core.job import Job


def job_of_exec(options: "Options", settings: "Settings") -> "Job":
    """Return the command as a job, noted in the state. Raises UsageError (2), CannotRecord (74)."""
    from process_control.actions.rights import have_own_directories
    from process_control.config.libraries import find_site_packages
    from process_control.state.ad_hoc import keep

    find_site_packages()
    from process_control.config.ad_hoc_job import ad_hoc_job

    keys = options.ad_hoc or ""
    job = ad_hoc_job(options.job or "", keys, options.command, settings)
    have_own_directories(settings)
    keep(settings, job, keys)
    return job
