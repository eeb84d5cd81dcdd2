"""Keyed hashes of a run's secrets, to recognise the same values later without storing them.

Lean module, imported only by jobs with an environment_file. The key is in the state directory, readable by its owner
only; without it values cannot be guessed. When it is lost a new one is made, and earlier values are not recognised.
"""

import posix

from process_control.core import layout

_KEY_BYTES = 32
_HASH_BYTES = 8
_READ = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
_MAKE = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW | posix.O_CLOEXEC
#: Recorded when there is no key: no value has this fingerprint, so the secrets never count as known.
NOT_KNOWN = ["not known"]


def fingerprints(state_directory: str, secrets: list[str]) -> list[str]:
    """Return one fingerprint for each secret, sorted. Makes the key when there is none."""
    try:
        key = _key(state_directory) or _make_key(state_directory)
    except OSError:
        return NOT_KNOWN
    return sorted(_hashes(key, secrets))


def are_known(state_directory: str, wanted: list[str], secrets: list[str]) -> bool:
    """Return whether `wanted` are all fingerprints of some of `secrets`; False when the key may not be read."""
    try:
        key = _key(state_directory)
    except OSError:
        return False
    return key is not None and set(wanted) <= set(_hashes(key, secrets))


def _hashes(key: bytes, secrets: list[str]) -> list[str]:
    try:
        from _blake2 import blake2b
    except ImportError:  # a Python with the hashes of OpenSSL only
        from hashlib import blake2b
    values = [secret.encode("utf-8", "surrogateescape") for secret in secrets]
    return [blake2b(value, key=key, digest_size=_HASH_BYTES).hexdigest() for value in set(values)]


def _key(state_directory: str) -> bytes | None:
    """Return the key; None when there is none or it is incomplete. Raises OSError."""
    try:
        descriptor = posix.open(layout.secrets_key(state_directory), _READ)
    except FileNotFoundError:
        return None
    try:
        key = posix.read(descriptor, _KEY_BYTES + 1)
        return key if len(key) == _KEY_BYTES else None
    finally:
        posix.close(descriptor)


def _make_key(state_directory: str) -> bytes:
    """Make the key durably; concurrent calls all return the same one. Raises OSError."""
    path = layout.secrets_key(state_directory)
    new = f"{path}.{posix.getpid()}.new"
    try:
        descriptor = posix.open(new, _MAKE, 0o600)
        try:
            posix.write(descriptor, posix.urandom(_KEY_BYTES))
            posix.fdatasync(descriptor)
        finally:
            posix.close(descriptor)
        try:
            posix.link(new, path)
        except FileExistsError:
            if _key(state_directory) is None:  # incomplete, after a power cut or an edit
                posix.rename(new, path)
    finally:
        try:
            posix.unlink(new)
        except FileNotFoundError:
            pass
    key = _key(state_directory)
    if key is None:
        raise FileNotFoundError
    return key
