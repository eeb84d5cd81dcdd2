"""How to call the Python that is running us.

Lean module.
"""

import sys


def python() -> list[str]:
    """Return its command line, with -O or -OO if it was started so."""
    flags = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return [sys.executable, *flags]
