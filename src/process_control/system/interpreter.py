"""How the interpreter that runs us is called once more.

Lean module.
"""

import sys


def python() -> list[str]:
    """Return the words that call it as it was called: who has our processes run with -O has all of them."""
    flags = ["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []
    return [sys.executable, *flags]
