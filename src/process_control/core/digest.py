"""SHA-256 and BLAKE2 without OpenSSL, whose library takes a start milliseconds to load; the version of a job file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b, sha256
else:
    try:
        from _sha256 import sha256
    except ImportError:  # Python 3.12 and later
        from hashlib import sha256
    try:
        from _blake2 import blake2b
    except ImportError:  # a Python with the hashes of OpenSSL only
        from hashlib import blake2b

__all__ = ["blake2b", "sha256", "version_of"]


def version_of(source: bytes) -> str:
    """Return the beginning of the SHA-256 of a job's file."""
    return sha256(source).hexdigest()[:12]
