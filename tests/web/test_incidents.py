"""The screens of incidents: what people are notified of, and what they can say to it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from kit.harness import Box
from kit.mail_server import MailServer, wait_until_told
from kit.pages import PHONE, Served, form_token, get, page_of, served, shoot, text_of, too_wide, violations
from process_control.web.access.store import TOKENS, GrantStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAILING = "command: sh -c 'echo \"<img src=x> cannot reach db7\" >&2; exit 3'\nstderr: ignore"


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    server = MailServer()
    server.start()
    shared_box.configure(failmail={"to_address": "ops@example.org", "smtp": server.address})
    for job in ("backup", "mended", "quiet"):
        shared_box.job(job, FAILING.replace("db7", f"the {job}"))
        shared_box.run(job)
        wait_until_told(shared_box)
    shared_box.run("backup")
    shared_box.job("mended", "command: 'true'")
    shared_box.run("mended")
    wait_until_told(shared_box)
    with served(shared_box) as site:
        yield site
    server.stop()


def incidents(site: Served, *words: str) -> dict[str, dict[str, object]]:
    """Return the incidents of the command, by their first job."""
    found = site.box.process_control("incidents", *words, "--json").json()["incidents"]
    return {each["jobs"][0]: each for each in found}


def change(site: Served, incident: object, what: str, **fields: str) -> httpx.Response:
    with site.client() as client:
        fields = {"form_token": form_token(client, f"/incidents/{incident}"), **fields}
        return client.post(f"/incidents/{incident}/{what}", data=fields)


def test_the_lists_are_those_of_the_command(site: Served) -> None:
    only_open, both = get(site, "/incidents"), get(site, "/incidents?all=1")
    links = r'<a href="/incidents/([^"]*)">'

    assert re.findall(links, only_open) == [each["id"] for each in incidents(site).values()]
    assert re.findall(links, both) == [each["id"] for each in incidents(site, "--all").values()]
    assert "2 open incidents" in only_open
    assert "<img src=x>" not in both
    assert "2 open incidents of" not in get(site, "/incidents?job=backup")
    none = text_of(get(site, "/incidents?job=mended"))
    assert "No open incident of mended" in none
    assert "Nobody has to do anything." in none


def test_one_shows_its_jobs_who_was_notified_and_what_the_receiver_answered(site: Served) -> None:
    told = incidents(site)["backup"]
    page = text_of(get(site, f"/incidents/{told['id']}"))

    assert str(told["sentence"]) in page
    assert "backup (2)" in page
    assert "mail to ops@example.org" in page
    assert "accepted by" in page
    assert "incident opened" in page
    with site.client() as client:
        assert client.get("/incidents/no-such-incident").status_code == 404


def test_somebody_acknowledges_with_a_note(site: Served) -> None:
    incident = incidents(site)["backup"]["id"]
    answer = change(site, incident, "ack", note="<i>Ann</i> looks at it")

    assert answer.status_code == 303
    assert "<i>Ann" not in get(site, f"/incidents/{incident}")
    assert "<i>Ann</i> looks at it" in text_of(get(site, f"/incidents/{incident}"))
    known = incidents(site)["backup"]
    assert known["state"] == "acknowledged"
    assert known["acknowledged"]["by"].endswith("(page)")  # type: ignore[index]


def test_somebody_silences_all_its_jobs(site: Served) -> None:
    incident = incidents(site)["quiet"]["id"]

    assert change(site, incident, "silence", **{"for": "soon"}).status_code == 400
    assert change(site, incident, "silence", **{"for": "2h", "note": "known"}).status_code == 303
    assert incidents(site)["quiet"]["silenced"]
    assert "Silenced until" in get(site, f"/incidents/{incident}")


def test_a_viewer_and_another_site_change_nothing(site: Served) -> None:
    incident = incidents(site)["quiet"]["id"]
    secret, _ = GrantStore(str(site.box.state_directory), TOKENS).add(name="v", role="viewer", seconds=600, by="a test")
    viewer = {"authorization": f"Bearer {secret}"}
    page = get(site, f"/incidents/{incident}", opened=False, headers=viewer)
    with site.client(opened=False, headers=viewer) as client:
        refused = client.post(f"/incidents/{incident}/ack", data={"note": "x"})

    assert "process-control ack" in page
    assert '<form class="act"' not in page
    assert refused.status_code == 403
    assert change(site, incident, "ack", form_token="wrong").status_code == 403
    assert change(site, "no-such-incident", "ack", form_token="wrong").status_code == 403


def test_a_browser_shows_them_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE, dark=True) as page:
        for number, path in enumerate(("?all=1", f"/{incidents(site)['backup']['id']}")):
            page.goto(f"{site.address}/incidents{path}")
            assert too_wide(page) == []
            assert violations(page) == []
            shoot(page, f"incidents-{number}")
