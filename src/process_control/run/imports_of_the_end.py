"""Import what the end of a run may need while the job starts: the package may be replaced during a long job.

Lean module, loaded when a job has run for 100 ms.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from process_control.core.job import Job

#: Standard modules that the end needs, dependencies first, so that each step takes a millisecond or two.
_NEEDED_BY_MANY = ("weakref", "contextlib", "ast", "dis", "tokenize", "inspect", "dataclasses", "typing", "datetime")


def import_what_the_end_needs(job: "Job | None") -> "Iterator[None]":
    """Import all that judging, recording and reporting the end may need; yield after each, to read output.

    `job` None: what the end of any job may need.

    A module that cannot be imported now raises again where it is needed, and is reported there.
    """
    import gc

    gc.enable()  # the stub disabled it; a long run with rules makes garbage
    try:
        import process_control.execution.ending  # first: without it no process of the job gets its grace

        yield
        import process_control.execution.describe
        import process_control.system.ask

        yield
        for name in _NEEDED_BY_MANY:
            __import__(name)
            yield
        import process_control.core.masking

        yield
        import process_control.state.health_changes

        yield
        import process_control.state.health_file

        yield
        import process_control.run.judge

        yield
        import process_control.notify.event

        yield
        import process_control.notify.message

        yield
        import process_control.run.failure_report

        yield
        import process_control.notify.outbox

        yield
        import process_control.run.follow

        yield
        import process_control.execution.detached
        import process_control.system.interpreter

        if job is None or job.ping_url:
            import process_control.notify.channels.ping.post
        if job is None or job.leftovers == "keep":
            import process_control.execution.late_reader
        if job is None or job.expect:
            import process_control.core.expect
        if job is None or job.catch_up_which == "all":
            import process_control.run.catch_up
        if job is None or job.retry_attempts > 1:
            import process_control.run.retry  # noqa: F401
    except Exception:  # noqa: BLE001  a broken installation must not end a job that runs
        pass
