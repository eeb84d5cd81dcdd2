"""Without a login: who has the link, an account of this host through the socket, a token; everybody else is refused."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box
from kit.page_safety import asked_as, users, web_events
from kit.pages import Served, served

pytestmark = pytest.mark.needs_root


@pytest.fixture
def host(make_web_box: Callable[..., Box]) -> Box:
    box: Box = make_web_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    return box


@pytest.fixture
def site(host: Box) -> Iterator[Served]:
    with served(host) as site:
        yield site


@pytest.fixture
def socket_path() -> Iterator[str]:
    path = f"/run/process-control-test-{os.getpid()}"
    os.mkdir(path, 0o755)
    os.chmod(path, 0o777)
    yield f"{path}/web.sock"
    left = os.listdir(path)
    shutil.rmtree(path)
    assert left == [], "the server removes its socket"


def link_file(box: Box) -> Path:
    return box.state_directory / "run" / "web.link"


def test_another_account_of_the_host_gets_403_with_the_reason(site: Served) -> None:
    answer = asked_as(site.box, STRANGER, site)

    assert answer["status"] == 403
    assert "only a browser that has opened its link" in answer["text"]
    assert "backup" not in answer["text"]


def test_through_the_socket_too_and_without_a_right_to_its_file(host: Box, socket_path: str) -> None:
    with served(host, listen=f"unix:{socket_path}") as site:
        stranger = asked_as(host, STRANGER, site)
        service = asked_as(host, SERVICE_USER, site)
        root = asked_as(host, "root", site)

    assert stranger["status"] == 403
    assert "is neither root, the service user nor a member of read_group" in stranger["text"]
    assert (service["status"], root["status"]) == (200, 200)


def test_members_of_the_read_group_are_viewers_through_the_socket(host: Box, socket_path: str) -> None:
    host.configure(read_group="nogroup")  # the group of `nobody`
    with served(host, listen=f"unix:{socket_path}") as site:
        looks = asked_as(host, STRANGER, site)
        acts = asked_as(host, STRANGER, site, "/acts/hold?job=backup")
        root = asked_as(host, "root", site, "/acts/hold?job=backup")

    assert (looks["status"], acts["status"], root["status"]) == (200, 403, 200)
    assert "a viewer changes nothing" in acts["text"]


def test_no_account_gets_the_link_but_the_service_user_and_root(site: Served) -> None:
    box = site.box
    status = link_file(box).stat()

    refused = box.command(["/bin/cat", str(link_file(box))], user=STRANGER)
    asked = box.process_control("web", "link", user=STRANGER)
    shown = box.process_control("web", "link")

    assert stat.S_IMODE(status.st_mode) == 0o600
    assert refused.exit_code != 0
    assert (asked.exit_code, shown.exit_code) == (77, 0)
    assert shown.stdout.strip() == site.link


def test_the_link_is_printed_on_a_terminal_and_never_in_a_journal(host: Box) -> None:
    command = [str(host.product.process_control), "web", "--listen", "127.0.0.1:0"]
    with host.start_command(command, tty=True) as live:
        live.wait_for_line("?token=")
        link = link_file(host).read_text().strip()
        live.signal(15)
        on_terminal = live.wait().stdout  # all of it: of the line only the beginning may have come before
    with host.start_command(command) as live:
        live.wait_for_line("web link prints the address", stream="stderr")
        secret = link_file(host).read_text().partition("token=")[2].strip()
        live.signal(15)
        said = live.wait()

    assert link in on_terminal.replace("\n", "")
    assert len(secret) > 40
    assert secret not in said.stdout + said.stderr


def test_the_link_opens_the_page_until_the_server_stops(host: Box) -> None:
    with served(host) as site:
        link = site.link
        with site.client() as client:
            inside = client.get("/").status_code
            cookies = dict(client.cookies)
        with site.client(opened=False) as client:
            wrong = client.get("/?token=" + "x" * 43)
    gone = link_file(host).exists(), host.process_control("web", "link")
    with served(host) as site, site.client(opened=False, cookies=cookies) as client:
        after = client.get("/").status_code
        old = client.get("/" + link.rpartition("/")[2]).status_code

    assert (inside, wrong.status_code, after, old) == (200, 403, 403, 403)
    assert not gone[0]
    assert gone[1].exit_code == 75


def test_the_link_of_a_server_that_was_killed_is_not_printed(host: Box) -> None:
    with served(host) as site:
        site.live.signal(9)
        site.live.wait()

        result = host.process_control("web", "link")

    assert link_file(host).exists()
    assert (result.exit_code, "no page is served" in result.stderr) == (75, True)


def test_with_logins_there_is_no_link(host: Box) -> None:
    host.configure(web={"users": users(ann="admin")})
    with served(host) as site, site.client(opened=False) as client:
        answer = client.get("/")

        assert not link_file(host).exists()
        assert answer.status_code == 303


def test_who_opened_the_link_is_recorded(site: Served) -> None:
    with site.client():
        pass

    [event] = web_events(site.box)
    assert (event["change"], event["address"], event["sentence"]) == (
        "link_opened",
        "127.0.0.1",
        "opened the link of the page",
    )


def test_only_healthz_answers_everybody(site: Served) -> None:
    from process_control.web.application import _routes  # every address that there is

    paths = [getattr(route, "path", "/static/page.js") for route in _routes()]
    with site.client(opened=False) as client:
        codes = {path: client.get(path.replace("{", "").replace("}", "")).status_code for path in paths if path}

    open_ones = {path for path, code in codes.items() if code not in (401, 403, 405)}
    assert open_ones <= {"/healthz", "/static"}
    assert len(codes) > 10


def test_a_login_cookie_of_a_page_on_another_port_is_not_ours(site: Served) -> None:
    with site.client() as client:
        [name] = list(client.cookies)

    assert name == f"process-control-{site.address.rpartition(':')[2]}"
