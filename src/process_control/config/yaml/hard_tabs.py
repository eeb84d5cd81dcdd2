"""The hard tabs of a job's file: told to people, never by a run."""

import posix
import stat

from process_control.config.yaml.document import parse
from process_control.core.job import Job
from process_control.errors import ProcessControlError
from process_control.system.trusted_file import TO_READ, read


def tab_warnings(job: Job) -> list[str]:
    """Return one line of text for each line of the job's file that a hard tab indents."""
    try:
        descriptor = posix.open(job.path, TO_READ)
    except OSError:
        return []
    try:
        source = read(descriptor, job.path) if stat.S_ISREG(posix.fstat(descriptor).st_mode) else b""
    except ProcessControlError:
        return []
    finally:
        posix.close(descriptor)
    if b"\t" not in source:
        return []
    return [f"{fault.where}: {fault.what}" for fault in parse(source, f"{job.slug}.yaml").warnings()]
