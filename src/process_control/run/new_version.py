"""Record a new version of the job's file after its first run, unless another process has done so.

Lean module, imported during such a run.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.run.run import Run
    from process_control.run.world import World


def note(run: "Run", world: "World") -> None:
    """Append a record of the version to the journal when it is not the newest that is known. Never raises.

    A child does it: the disk of the job directory may not answer, and no run waits for that.
    """
    try:
        from process_control.system.ask import ask

        ask(lambda: _record(run, world))
    except Exception:  # noqa: BLE001  the run is over, and this must not change its result
        pass


def _record(run: "Run", world: "World") -> None:
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.core.schedule.version_records import moment_in
    from process_control.state.job_versions import hash_of, newest_version, record_versions

    slug = run.job.slug
    known = newest_version(world.store.state_directory, slug)
    recorded_at = None if known is None else moment_in(known, "at")
    if known is not None and known["hash"] == hash_of(run.job, world.settings):
        return
    if recorded_at is not None and run.started_at < recorded_at <= world.clock.now():
        return  # a later version is recorded: the file was changed during our run
    before = {} if known is None else {slug: known}
    record_versions(world.settings, [run.job], before, by=run.request.by, now=run.started_at)
