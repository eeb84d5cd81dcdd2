"""Where a message goes: the URL of a recipient, read from its file when it is secret, and what of it may be shown."""

import base64
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from process_control.config.environment_file import read_secret_file
from process_control.core.recipient import Recipient
from process_control.errors import ProcessControlError
from process_control.notify.message import escape_controls
from process_control.system.ask import NoAnswer, ask

#: Shorter parts of a URL or arguments are words, `v1`, `-x`: they would be found everywhere.
MIN_SECRET = 4


class Unusable(Exception):
    """The receiver cannot be used now, so that other messages need not be tried; `why` in one line, without secrets."""

    def __init__(self, why: str, *, retry_at: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        #: When it asks to be tried again (UTC seconds).
        self.retry_at = retry_at


def url_of(recipient: Recipient) -> str:
    """Return the recipient's URL, by what its file says now. Raises Unusable."""
    if recipient.url_file is None:
        return recipient.url
    url = secret_in(recipient.url_file, what="URL file")
    if "://" not in url and not url.startswith("exec:"):
        raise Unusable(f"{recipient.url_file}: its first line is no URL")
    return url


def secret_in(path: str, *, what: str) -> str:
    """Return the first line of a file that only root or we can read; its disk may hang. Raises Unusable."""
    try:
        text = str(ask(lambda: read_secret_file(path, what=what)))
    except NoAnswer as error:
        raise Unusable(f"{path}: {error}: its disk may hang") from None
    except ProcessControlError as error:
        raise Unusable(in_one_line(str(error.faults[0]).replace("\n  hint: ", "; "))) from None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None
    secret = text.partition("\n")[0].strip()
    if not secret:
        raise Unusable(f"{path}: the {what} is empty")
    return secret


def split(url: str) -> SplitResult:
    """Return the parts of a URL with a host. Raises Unusable: the library's text would show the URL."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  it is parsed when it is asked for
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if not parts.hostname:
        raise Unusable("its URL names no host, or a port that is no number")
    return parts


def secrets_in(url: str) -> list[str]:
    """Return the parts of a URL that may be secret, as they are written and as they are meant."""
    _, _, rest = url.partition(":")
    rest = rest.lstrip("/")
    host_and_user, _, path = rest.partition("/")
    login = host_and_user.rpartition("@")[0]
    parts = [url, rest, path, login, *login.split(":"), base64.b64encode(unquote(login).encode()).decode()]
    path, _, query = path.partition("?")
    parts += [path, query, *path.split("/"), *query.split("&"), *[value for _, value in parse_qsl(query)]]
    return sorted({spelt for part in parts for spelt in (part, unquote(part)) if len(spelt) >= MIN_SECRET})


def in_one_line(text: str, *, longest: int = 200) -> str:
    """Return text from outside on one line, without control characters, of at most `longest` characters."""
    line = escape_controls(" ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
