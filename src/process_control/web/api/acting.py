"""What the API does: each function calls one action as the caller, and sends what `--json` prints."""

import hmac
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from process_control.core.job import is_slug
from process_control.errors import JobNotFound, NotPermitted, NotStarted
from process_control.web import acts
from process_control.web.acts import Wish
from process_control.web.api.responses import json_response
from process_control.web.site import caller_of, site_of

FORM_TOKEN = "x-form-token"
#: How run-job writes a remedy below what is wrong.
_HINT = "\n  hint: "


def check_may_act(request: Request) -> None:
    """Raise NotPermitted (77) for a viewer, on a read-only page, and for a browser without the token of its forms."""
    caller = caller_of(request)
    site_of(request).actor(caller)
    sent = request.headers.get(FORM_TOKEN, "")
    if caller.is_browser and not hmac.compare_digest(sent.encode(), caller.form_token.encode()):
        raise NotPermitted("a browser has to send the token of its forms", hint=f"header {FORM_TOKEN}, or a token")


def act(request: Request, verb: str, body: Mapping[str, Any]) -> Response:
    """Do it to one job. Raises JobNotFound (66), NotStarted (75) where no run was started."""
    slug = request.path_params["slug"]
    if not is_slug(slug):
        raise JobNotFound(f"no job '{slug}'", hint="list them: GET /api/v1/jobs")
    site = site_of(request)
    done = acts.act(site, caller_of(request), verb, [slug], Wish.of(verb, body))
    if verb == acts.RUN and done[0]["exit_code"] is not None:
        what, _, hint = str(done[0]["why"]).partition(_HINT)
        raise NotStarted(what, hint=hint)
    return json_response(request, {"jobs": done})


def acknowledge(request: Request, body: Mapping[str, Any]) -> Response:
    note = Wish.of("ack", body).note
    found = acts.acknowledge(site_of(request), caller_of(request), request.path_params["id"], note)
    return json_response(request, {"done": "acknowledged", "changed": True, "incident": found})


def silence(request: Request, body: Mapping[str, Any]) -> Response:
    wish = Wish.of(acts.SILENCE, body)
    found = acts.silence_incident(site_of(request), caller_of(request), request.path_params["id"], wish)
    return json_response(request, {"silences": found})
