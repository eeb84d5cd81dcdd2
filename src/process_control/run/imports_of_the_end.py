"""What the end of a run may need, imported while the job runs: the package may be replaced during a long job.

Lean module, loaded when a job has lived for a moment.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from process_control.core.job import Job

# What the modules of a run's end import from the library, the innermost first: each takes a millisecond or two.
_NEEDED_BY_MANY = ("weakref", "contextlib", "ast", "dis", "tokenize", "inspect", "dataclasses", "typing", "datetime")


def import_what_the_end_needs(job: "Job") -> "Iterator[None]":
    """Import all that judging, recording and reporting the end may want; stop after each for a look at the job.

    A module that cannot be imported now is met again, and said, where it is needed.
    """
    import gc

    gc.enable()  # off since the stub: a long run with rules makes things that go
    try:
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
        import process_control.execution.ending

        yield
        import process_control.execution.detached
        import process_control.system.interpreter

        yield
        import process_control.execution.describe
        import process_control.system.ask

        if job.leftovers == "keep":
            import process_control.execution.late_reader
        if job.expect:
            import process_control.core.expect
        if job.catch_up_which == "all":
            import process_control.run.catch_up
        if job.retry_attempts > 1:
            import process_control.run.retry  # noqa: F401
    except Exception:  # noqa: BLE001  a broken installation must not end a job that runs
        pass
