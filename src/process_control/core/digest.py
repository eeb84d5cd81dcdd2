"""SHA-256 without OpenSSL, whose library takes a start milliseconds to load."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256
    except ImportError:  # Python 3.12 and later
        from hashlib import sha256

__all__ = ["sha256"]
