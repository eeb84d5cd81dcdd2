"""Hashes of passwords: scrypt, RFC 7914, with the parameters in the text."""

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable

_N, _R, _P = 1 << 14, 8, 1
_SALT_BYTES, _KEY_BYTES = 16, 32
#: Costs that a hash in the configuration may ask for: 64 MiB.
MAX_N, MAX_R, MAX_P = 1 << 16, 8, 4
#: What a name that nobody has is checked against, so that its answer takes as long.
_NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def hash_of(password: str) -> str:
    """Return the hash of a password, for the configuration: scrypt$N$R$P$SALT$KEY."""
    salt = os.urandom(_SALT_BYTES)
    key = _key(password, salt, _N, _R, _P)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(key)}"


def is_password(password: str, hashed: str | None, *, others: Iterable[str] = ()) -> bool:
    """Return whether a password has this hash; None and what is no hash of ours: False, after the same time.

    `others`: the hashes that there are; the time is that of the dearest one. It takes 16 MiB and some hundredths of a
    second of one processor.
    """
    own = None if hashed is None else _parameters(hashed)
    n, r, p, salt, key = own or _dearest(others)
    return hmac.compare_digest(_key(password, salt, n, r, p), key) and own is not None


def _dearest(hashes: Iterable[str]) -> tuple[int, int, int, bytes, bytes]:
    found = [each for hashed in (*hashes, _NOBODY) if (each := _parameters(hashed)) is not None]
    return max(found, key=lambda each: each[0] * each[1] * each[2])


def _parameters(hashed: str) -> tuple[int, int, int, bytes, bytes] | None:
    try:
        name, n, r, p, salt, key = hashed.split("$")
        found = int(n), int(r), int(p), _bytes(salt), _bytes(key)
    except ValueError:
        return None
    is_sound = name == "scrypt" and 1 < found[0] <= MAX_N and 0 < found[1] <= MAX_R and 0 < found[2] <= MAX_P
    return found if is_sound and found[0] & (found[0] - 1) == 0 and len(found[4]) == _KEY_BYTES else None


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r * p, dklen=_KEY_BYTES
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
