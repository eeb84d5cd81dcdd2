"""Sessions and tokens in `state_directory/web`: only hashes are kept, in files that only the service user reads."""

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from process_control.core import layout
from process_control.errors import CannotRecord
from process_control.system import atomic_file
from process_control.system.clock import iso

SESSION_SECONDS = 12 * 3600
SESSIONS, TOKENS = "sessions", "tokens"
_KEY = re.compile("[0-9a-f]{64}")
#: A file of ours has some hundred bytes.
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A session of a login, or a token of the API."""

    #: The hash of the secret, which names the file.
    key: str
    name: str
    #: Of a token; the role of a session is that of its login now.
    role: str
    created_at: str
    #: In UTC seconds; 0: never.
    ends: float
    #: Who made a token; from which address somebody logged in.
    by: str = ""
    #: Of a session: the hash of the hash that the password had.
    password: str = ""

    @property
    def ends_at(self) -> str | None:
        return iso(self.ends) if self.ends else None

    def to_json(self) -> dict[str, str | None]:
        return {
            "name": self.name,
            "role": self.role,
            "created_at": self.created_at,
            "ends_at": self.ends_at,
            "by": self.by or None,
        }


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def key_of(secret: str) -> str:
    """Return under which name a secret is kept. It has 256 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class GrantStore:
    """The sessions, or the tokens, of one state directory."""

    def __init__(self, state_directory: str, kind: str) -> None:
        self._directory = layout.web(state_directory, kind)

    def add(self, *, name: str, role: str, seconds: float, by: str, password: str = "") -> tuple[str, Grant]:
        """Keep a new grant; return its secret, which is nowhere else, and the grant. Raises CannotRecord (74)."""
        now, secret = time.time(), new_secret()
        ends = now + seconds if seconds else 0.0
        grant = Grant(
            key=key_of(secret), name=name, role=role, created_at=iso(now), ends=ends, by=by, password=password
        )
        try:
            atomic_file.make_directory(self._directory, 0o700)
            atomic_file.write(self._path(grant.key), json.dumps(asdict(grant)).encode(), mode=0o600)
        except OSError as error:
            raise CannotRecord(str(error.strerror), where=self._directory) from error
        return secret, grant

    def find(self, secret: str) -> Grant | None:
        """Return the grant of a secret while it lasts."""
        return self._read(key_of(secret))

    def end(self, key: str) -> bool:
        """End a grant; return whether there was one."""
        if not _KEY.fullmatch(key):
            return False
        try:
            os.unlink(self._path(key))
        except FileNotFoundError:
            return False
        return True

    def all(self) -> list[Grant]:
        """Return what lasts, oldest first; what is over is removed."""
        return sorted(self._lasting(), key=lambda grant: grant.created_at)

    def _lasting(self) -> Iterator[Grant]:
        with suppress(FileNotFoundError):
            for name in os.listdir(self._directory):
                if _KEY.fullmatch(name) and (grant := self._read(name)) is not None:
                    yield grant

    def _read(self, key: str) -> Grant | None:
        try:
            with open(self._path(key), "rb") as file:
                grant = Grant(**json.loads(file.read(_MAX_BYTES)))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if grant.key != key:
            return None
        if grant.ends and grant.ends <= time.time():
            self.end(key)
            return None
        return grant

    def _path(self, key: str) -> str:
        return f"{self._directory}/{key}"
