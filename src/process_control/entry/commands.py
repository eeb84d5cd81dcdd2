"""What a crontab line calls for `process-control watch`: `python3 -I -S …/entry/commands.py watch`.

As in `stub.py` nothing is on the path but the standard library: the package lies two folders up, its libraries are
found by `site`.
"""

import sys

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])

from process_control.cli.waiting import go_on_watched  # noqa: E402
from process_control.config.libraries import find_site_packages  # noqa: E402


def main() -> int:
    """Run the command line of `process-control`; a disk that does not answer ends it, see `cli/waiting.py`."""
    paths = go_on_watched("process-control", sys.argv[1:])
    find_site_packages()
    from process_control.cli.main import main

    return main(paths=paths)


if __name__ == "__main__":
    sys.exit(main())
