"""What a crontab line calls for `process-control watch`: `python3 -I -S …/entry/commands.py watch`.

As in `stub.py` nothing is on the path but the standard library: the package lies two folders up, its libraries are
found by `site`.
"""

import posix
import sys

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])

from process_control.cli.waiting import go_on_watched  # noqa: E402
from process_control.config.libraries import find_site_packages  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> int:
    """Run the command line of `process-control`; a disk that does not answer ends it, see `cli/waiting.py`."""
    paths = go_on_watched("process-control", sys.argv[1:])
    find_site_packages()
    from process_control.cli.main import main

    return main(paths=paths)


def end(code: int) -> "NoReturn":
    """End the process. The library of the fleet has crashed at the interpreter's exit, after its work was done."""
    if "temporalio" in sys.modules:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        posix._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    end(main())
