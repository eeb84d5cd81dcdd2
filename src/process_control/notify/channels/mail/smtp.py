"""An SMTP client that logs in with names and passwords in UTF-8, as RFC 4616 and RFC 2195 define it."""

import base64
import hmac
import smtplib
from collections.abc import Callable
from typing import Any

MAX_ANSWERS = 5


class Server(smtplib.SMTP):
    """`smtplib.SMTP` with its own login: the library's sends ASCII only, and its error shows a part of the password."""

    _answers = 0

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Log in by `mechanism`, as the parent does. Raises SMTPAuthenticationError when the server refuses."""
        first = authobject() if initial_response_ok else None
        self._answers = 0 if first is None else 1
        if first is None:
            code, answer = self.docmd("AUTH", mechanism.upper())
        else:
            code, answer = self.docmd("AUTH", f"{mechanism.upper()} {_encoded(first)}")
        while code == 334 and self._answers <= MAX_ANSWERS:
            self._answers += 1
            code, answer = self.docmd(_encoded(authobject(base64.decodebytes(answer)) or ""))
        if code in (235, 503):
            return code, answer
        raise smtplib.SMTPAuthenticationError(code, answer)

    def auth_cram_md5(self, challenge: bytes | None = None) -> Any:  # type: ignore[override]  # both its forms at once
        """Return the answer to the server's challenge; None before there is one."""
        if challenge is None:
            return None
        digest = hmac.HMAC(_bytes(str(self.password)), challenge, "md5").hexdigest()
        return f"{self.user} {digest}"

    def auth_login(self, challenge: object = None) -> str:
        """Return the name first, then the password."""
        return str(self.user if challenge is None or self._answers < 2 else self.password)


class ServerOverTls(Server, smtplib.SMTP_SSL):
    """The same, for a server that speaks TLS from the first byte."""


def spellings(login: str, password: str) -> list[str]:
    """Return the password as the mechanisms send it, for masking."""
    plain = [f"\0{login}\0{password}", password]
    return [password, *[_encoded(text).rstrip("=") for text in plain]]


def _encoded(text: str) -> str:
    return base64.b64encode(_bytes(text)).decode("ascii")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # a password in another encoding is sent as the file has it
