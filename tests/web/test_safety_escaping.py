"""Hostile texts on every screen that there is: shown as text, never run; and no secret is shown."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest

from kit.harness import Box, until
from kit.pages import Served, form_token, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: What breaks out of text, attributes, comments and templates; and what steers a terminal or turns text round.
HOSTILE = "<img src=x onerror=alert(1)>\"'`--><script>alert(1)</script>{{7*7}}&lt;"
#: It turns the text behind it round; a job file with it is refused.
TURNS = "\u202e"
IN_SHELL = "printf '%s\\n' '<img src=x onerror=alert(1)>' '<script>alert(1)</script>' '\"><b onclick=x>' >&2; exit 3"
#: In an environment file, and printed; in the job file's `environment`, and not printed.
SECRET, VALUE = "hunter22-correct-horse", "files.example.org-4711"
ALLOWED_SCRIPTS = re.compile(r"/static/[a-z.-]+\.js")


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    box = shared_box
    text = HOSTILE.replace('"', '\\"')
    box.job(
        "evil",
        f'name: "{text}"\ndescription: "{text}"\nowner: "{text}"\nschedule: "0 3 * * *"\n'
        f"environment: {{HOST: {VALUE}}}\nenvironment_file: {box.root}/secrets\ncommand: {box.root}/print-it\n",
    )
    secrets = box.root / "secrets"
    secrets.touch(0o600)
    secrets.write_text(f"TOKEN={SECRET}\n")
    script = box.root / "print-it"
    script.write_text(f"#!/bin/sh\necho {SECRET} >&2\nprintf '{TURNS}\\033[31m\\n' >&2\n{IN_SHELL}\n")
    script.chmod(0o755)
    (box.job_directory / "<img src=x onerror=alert(1)>.yaml").write_text("command: 'true'\n")
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": "/bin/true"})
    box.run("evil")
    box.process_control("hold", "evil", "--note", HOSTILE + TURNS)
    until(lambda: box.process_control("incidents", "--all", "--json").json()["incidents"], "an incident")
    with served(box) as site:
        yield site


@pytest.fixture
def client(site: Served) -> Iterator[httpx.Client]:
    with site.client() as client:
        client.follow_redirects = True
        yield client


def addresses(box: Box) -> list[str]:
    """Return an address for each screen and each answer that there is, with real values and with hostile ones."""
    from process_control.web.application import _routes

    [run] = box.process_control("history", "evil", "--json").json()["runs"]
    incident = box.process_control("incidents", "--all", "--json").json()["incidents"][0]["id"]
    values = {"slug": "evil", "run_id": run["run_id"], "id": incident, "verb": "hold"}
    found = []
    for route in _routes():
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or set()
        if "GET" not in methods or path == "/events" or path.endswith("/events"):
            continue
        names = re.findall(r"{(\w+)(?::\w+)?}", path)
        real = re.sub(r"{(\w+)(?::\w+)?}", lambda found: values.get(found[1], "evil"), path)
        found += [real, f"{real}?job=evil", f"{real}?job={quote(HOSTILE)}&text={quote(HOSTILE)}&at={quote(HOSTILE)}"]
        found += [f"{real}?cursor={quote(HOSTILE)}&date={quote(HOSTILE)}&since={quote(HOSTILE)}&q={quote(HOSTILE)}"]
        found += [f"{real}?next={quote(HOSTILE)}&state={quote(HOSTILE)}&owner={quote(HOSTILE)}&tag={quote(HOSTILE)}"]
        if names:
            found.append(re.sub(r"{(\w+)(?::\w+)?}", quote(HOSTILE, safe=""), path))
    return found


class Markup(HTMLParser):
    """What a browser would make of a page: scripts, handlers, odd addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "script" and not ALLOWED_SCRIPTS.fullmatch((names.get("src") or "").partition("?")[0]):
            self.bad.append(f"script {names}")
        if tag in ("img", "iframe", "object", "embed", "base", "style"):
            self.bad.append(tag)
        self.bad += [name for name in names if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            value = names.get(name) or ""
            if re.match(r"\s*(javascript|data|vbscript):|//|https?:", value, re.IGNORECASE):
                self.bad.append(f"{name}={value}")


def test_hostile_texts_are_text_on_every_screen(site: Served, client: httpx.Client) -> None:
    faults, shown = {}, 0
    for address in addresses(site.box):
        answer = client.get(address)
        assert answer.status_code < 500, address
        if not answer.headers.get("content-type", "").startswith("text/html"):
            assert answer.headers["x-content-type-options"] == "nosniff"
            continue
        markup = Markup()
        markup.feed(answer.text)
        shown += "&lt;img src=x" in answer.text
        if markup.bad or TURNS in answer.text or "49" in re.findall(r"(49)&lt;", answer.text):
            faults[address] = markup.bad or ["a mark that turns text round"]

    assert faults == {}
    assert shown > 5


def test_a_browser_runs_nothing_of_it(site: Served, browser: "Browser") -> None:
    said: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text) if "Content Security" in message.text else None)
    page.goto(site.link)
    [run] = site.box.process_control("history", "evil", "--json").json()["runs"]
    for path in (
        "/",
        "/jobs/evil",
        f"/runs/{run['run_id']}",
        "/incidents",
        "/acts/hold?job=evil",
        "/day",
        "/audit",
    ):
        page.goto(f"{site.address}{path}")
    context.close()

    assert said == []


def test_a_note_and_a_result_are_escaped_too(client: httpx.Client) -> None:
    form = {"form_token": form_token(client, "/acts/release?job=evil"), "job": "evil", "note": HOSTILE}

    done = client.post("/acts/release", data=form)
    nobody = client.post("/acts/release", data={**form, "job": HOSTILE})

    for answer in (done, nobody):
        markup = Markup()
        markup.feed(answer.text)
        assert markup.bad == []


def test_secrets_are_masked_on_every_screen_and_values_of_environments_are_for_operators(
    site: Served, client: httpx.Client
) -> None:
    create = ["web", "token", "create", "look", "--role", "viewer"]
    secret = site.box.process_control(*create).stdout.strip()
    with site.client(opened=False, headers={"authorization": f"Bearer {secret}"}, follow_redirects=True) as viewer:
        hidden = [address for address in addresses(site.box) if VALUE in viewer.get(address).text]
        leaks = [address for address in addresses(site.box) if SECRET in viewer.get(address).text]
    leaks += [address for address in addresses(site.box) if SECRET in client.get(address).text]
    shown = {address.partition("?")[0] for address in addresses(site.box) if VALUE in client.get(address).text}

    assert leaks == []
    assert hidden == []
    assert shown == {"/jobs/evil"}
