"""The signature of a webhook. Pure."""

import hashlib
import hmac

HEADER = "Process-Control-Signature"


def signature(body: bytes, *, key: bytes, at: int) -> str:
    """Return `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`: an old message sent again shows by its time."""
    digest = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
