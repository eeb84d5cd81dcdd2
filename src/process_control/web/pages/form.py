"""The body of a form, and that it is one of ours."""

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from anyio import fail_after
from starlette.requests import Request

from process_control.errors import NotPermitted, UsageError
from process_control.web.site import caller_of

MAX_BYTES = 1 << 18
MAX_SECONDS = 20.0
MAX_FIELDS = 10_000
FORM_TOKEN = "form_token"


@dataclass(frozen=True, slots=True)
class Form:
    """What a form has sent."""

    pairs: list[tuple[str, str]]

    @property
    def values(self) -> dict[str, str]:
        """The last value of each field."""
        return dict(self.pairs)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.pairs if key == name]


async def form_of(request: Request) -> Form:
    """Return the form of a caller. Raises NotPermitted (77) without its token, UsageError (2) for what is no form."""
    form = await read_form(request)
    caller, sent = caller_of(request), form.values.get(FORM_TOKEN, "")
    if caller.is_browser and not hmac.compare_digest(sent.encode(), caller.form_token.encode()):
        raise NotPermitted("this form is from another session", hint="load the page again")
    return form


async def read_form(request: Request) -> Form:
    """Return the fields of a body. Raises UsageError (2)."""
    body = await read_body(request)
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise UsageError("the body is no form") from error


async def read_body(request: Request) -> bytes:
    """Return the body of a request. Raises UsageError (2) for a long one."""
    body = bytearray()
    try:
        with fail_after(MAX_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise UsageError(f"the body has more than {MAX_BYTES >> 10} KiB")
    except TimeoutError as error:
        raise UsageError(f"the body took more than {MAX_SECONDS:.0f} s") from error
    return bytes(body)


def own_address(target: str) -> str:
    """Return an address of this page: another site's becomes the overview."""
    parts = urlsplit(target)
    is_own = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return target if is_own and target.isprintable() else "/"
