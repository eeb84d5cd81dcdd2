"""The answers of the API as HTTP: JSON as `--json` has it, its ETag, and where the next part is."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from process_control.web.answers import Part
from process_control.web.site import as_json

JSON = "application/json"
BLOCK_BYTES = 256 << 10


def json_response(request: Request, value: dict[str, Any]) -> Response:
    """Return a value as JSON with its ETag; 304 when the caller has it already."""
    body = encoded(as_json(value))
    if request.method not in ("GET", "HEAD"):
        return Response(body, media_type=JSON)
    headers = _headers(hashlib.sha256(body).hexdigest())
    if _is_known(headers["etag"], request):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)


def file_response(request: Request, digest: str, body: BinaryIO) -> Response:
    """Return JSON that stands in a file, which is closed when all of it is sent; `digest` is its SHA-256."""
    headers = _headers(digest)
    if _is_known(headers["etag"], request):
        body.close()
        return Response(status_code=304, headers=headers)
    return StreamingResponse(_blocks(body), headers=headers, media_type=JSON)


def _blocks(body: BinaryIO) -> Iterator[bytes]:
    with body:
        while block := body.read(BLOCK_BYTES):
            yield block


def _headers(digest: str) -> dict[str, str]:
    return {"etag": f'W/"{digest[:32]}"', "cache-control": "private, no-cache"}


def list_response(request: Request, value: dict[str, Any], part: Part) -> Response:
    """Return a list with where the next part is: as `next`, and in a Link header (RFC 8288)."""
    response = json_response(request, {**value, "next": part.next})
    if part.next is not None:
        others = [(name, text) for name, text in request.query_params.multi_items() if name not in ("cursor", "last")]
        query = urlencode([*others, ("cursor", part.next)])
        response.headers["link"] = f'<{request.url.path}?{query}>; rel="next"'
    return response


def encoded(value: dict[str, Any]) -> bytes:
    """Return the text of a value; names that are no UTF-8 as `--json` prints them."""
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, UnicodeEncodeError, TypeError, ValueError, OverflowError):
        text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _is_known(etag: str, request: Request) -> bool:
    """Return whether an If-None-Match names this answer: by the weak comparison of RFC 9110."""
    header = request.headers.get("if-none-match", "")
    return any(each.strip() in ("*", etag, etag.removeprefix("W/")) for each in header.split(","))
