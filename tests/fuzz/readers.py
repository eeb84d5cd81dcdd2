"""Everything of the product that reads what somebody else wrote, each as one check: bytes in, AssertionError out.

The same checks are fed by the corpus and by hypothesis (`test_any_bytes.py`) and by atheris (`fuzz.py`).
"""

from collections.abc import Callable
from pathlib import Path

from fuzz import of_configuration, of_imports, of_state, of_texts

Check = Callable[[bytes, Path], None]
"""Takes the bytes, and a directory of its own, in which it may leave whatever it likes."""

CHECKS: dict[str, Check] = of_configuration.CHECKS | of_imports.CHECKS | of_state.CHECKS | of_texts.CHECKS

CORPUS = Path(__file__).with_name("corpus")


def seeds(reader: str) -> dict[str, bytes]:
    """Return the corpus of one reader: by name, what each says."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / reader).iterdir())}
