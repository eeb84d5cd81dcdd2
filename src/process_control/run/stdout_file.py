"""Open the file of the job's key `stdout` for a run.

Lean module, loaded for jobs with that key.
"""

from process_control.execution.stdout_copy import StdoutCopy
from process_control.system.append_file import opener_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.config.settings import Settings


def open_copy(path: str, settings: "Settings", header: bytes, *, uid: int) -> StdoutCopy:
    """Open the file and append `header`. Raises the errors of an unsafe or broken file."""
    copy = StdoutCopy(path)
    owner, group = settings.trusted_owner, settings.trusted_group
    copy.open(opener_for(path, uid=uid, trusted_owner=owner, trusted_group=group), header)
    return copy
