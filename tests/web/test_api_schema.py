"""What openapi.json says is what the server does, for requests that fit it and for requests that do not."""

import json
import os
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import ignored_auth

from kit.harness import Box
from kit.pages import Served, served
from process_control.web.access.store import TOKENS, GrantStore
from process_control.web.api.table import OPERATIONS, PREFIX
from tools.openapi import description

#: What fits the description, and is refused beside other parameters, or when it is not ours.
OF_THEIR_OWN = ("cursor", "until", "last")
#: Of each operation; `make fuzz` wants more.
EXAMPLES = int(os.environ.get("PROCESS_CONTROL_API_EXAMPLES", "4"))


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    box = shared_box
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    box.job("good", "command: echo hi\nschedule: '30 2 * * *'\ntags: [night]\nowner: ann")
    box.job("bad", "command: 'false'")
    box.job("typo", "comand: x")
    for slug in ("good", "bad"):
        box.run(slug)
    box.wait_until_all_ended()
    with served(box) as site:
        yield site
    box.wait_until_all_ended()


@pytest.fixture(scope="module")
def token(site: Served) -> str:
    store = GrantStore(str(site.box.state_directory), TOKENS)
    return store.add(name="ci", role="operator", seconds=0, by="tests")[0]


def test_the_description_is_served_as_it_was_made(site: Served) -> None:
    with site.client() as client:
        assert client.get("/api/v1/openapi.json").json() == json.loads(json.dumps(description()))


def known_values(site: Served) -> dict[str, list[str]]:
    """Return what a path may name, so that not every answer is 404."""
    with site.client() as client:
        runs = [run["run_id"] for run in client.get("/api/v1/runs").json()["runs"]]
        incidents = [each["id"] for each in client.get("/api/v1/incidents").json()["incidents"]]
    return {"slug": ["good", "bad", "typo"], "run_id": runs, "id": incidents or ["x"]}


@pytest.mark.parametrize("each", OPERATIONS, ids=[each.name for each in OPERATIONS])
@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_the_server_does_what_the_description_says(site: Served, token: str, each: Any, mode: str) -> None:
    kind = schemathesis.GenerationMode.POSITIVE if mode == "positive" else schemathesis.GenerationMode.NEGATIVE
    schema = schemathesis.openapi.from_dict(description())
    schema.config.update(base_url=site.address)
    strategy = schema[PREFIX + each.path][each.method].as_strategy(generation_mode=kind)
    known = known_values(site)

    @given(case=strategy, choice=st.data())
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case: Any, choice: Any) -> None:
        if mode == "positive":  # what fits the patterns is mostly no job of ours
            case.path_parameters = {
                name: choice.draw(st.sampled_from(known[name])) for name in case.path_parameters or {}
            }
            case.query = {name: value for name, value in (case.query or {}).items() if name not in OF_THEIR_OWN}
            assume(all(map(is_a_day, day_words(case))))
        # `ignored_auth` sends the header of this call again; that nobody gets in without a token is tried elsewhere.
        case.call_and_validate(headers={"authorization": f"Bearer {token}"}, excluded_checks=[ignored_auth])

    ask()


def day_words(case: Any) -> list[str]:
    """Return what is sent that is written as a day is."""
    body = case.body if isinstance(case.body, dict) else {}
    texts = [str(value) for value in (*case.query.values(), *body.values())]
    return [text for text in texts if re.match(r"\d{4}-\d\d-\d\d", text)]


def is_a_day(text: str) -> bool:
    """Return whether there is such a day: the pattern has no calendar."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
