"""Start the followers of a job (`after`) when its run for a planned time has ended, or was skipped.

Lean module. Each is a `run-job` of its own, outside the tree of this run, which decides by the records what it has to
do: run, wait for another cause, or skip. So nothing is lost when one is killed: `watch` starts it again.
"""

import posix

from process_control.state.followers import causes_by_job, followers_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings
    from process_control.run.run import Run
    from process_control.run.world import World

_STUB = __file__.rpartition("/run/")[0] + "/entry/stub.py"


def lead_on(settings: "Settings", slug: str, slot: int) -> None:
    """Start the followers of `slug` for the planned time `slot` (UTC seconds). Never raises."""
    try:
        for follower in followers_of(settings, slug):
            start_follower(settings, follower, slot)
    except Exception:  # noqa: BLE001  `watch` does it: the run of the cause has ended, and must say so
        return


def start_follower(settings: "Settings", slug: str, slot: int) -> None:
    """Start a job for a planned time as its causes do. It is not waited for; nothing is raised."""
    from process_control.core.job_environment import own_environment
    from process_control.execution.detached import start_detached
    from process_control.system.interpreter import python

    configuration = ["--config", settings.path] if settings.path else []
    words = [*python(), "-I", "-S", _STUB, *configuration, "--scheduled=job", f"--slot={slot}", "--", slug]
    start_detached(words, own_environment(posix.environ), is_run=True)


def what_would_follow(run: "Run", world: "World") -> str | None:
    """Return in words which jobs come after a run for a planned time, as none does after this one; None: none does."""
    try:
        from process_control.core.chain import below

        causes = causes_by_job(world.settings)
        names = below(run.job.slug, lambda slug: [job for job, its in causes.items() if slug in its])
    except Exception:  # noqa: BLE001  the run has ended, and is to be reported
        return None
    return f"nothing follows a run by hand; after it would come: {', '.join(names)}" if names else None
