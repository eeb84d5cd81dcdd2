"""What other sites, wrong names, odd paths and odd clients get: nothing is changed, nothing shown, nobody waits."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from kit.harness import Box
from kit.page_safety import address_of, raw, status_lines
from kit.pages import Served, form_token, served
from process_control.web.connection import HEAD_SECONDS, MAX_HEAD_BYTES

ELSEWHERE = "https://evil.example"


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    shared_box.job("backup", "command: 'true'")
    shared_box.run("backup")
    with served(shared_box) as site:
        yield site


@pytest.fixture
def client(site: Served) -> Iterator[httpx.Client]:
    with site.client(follow_redirects=False) as client:
        del client.headers["sec-fetch-site"]
        yield client


def is_held(site: Served) -> bool:
    [job] = site.box.process_control("status", "--json").json()["jobs"]
    return bool(job["held"])


# --- changes that other sites ask for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": ELSEWHERE},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": "OWN"},
        {"origin": "http://127.0.0.1:1"},
    ],
    ids=lambda headers: ",".join(headers.values()) or "nothing",
)
def test_a_change_of_another_site_is_refused_though_the_browser_sends_its_cookie(
    site: Served, client: httpx.Client, headers: dict[str, str]
) -> None:
    headers = {name: value.replace("OWN", site.address) for name, value in headers.items()}
    form = {"form_token": form_token(client, "/acts/hold?job=backup"), "job": "backup"}

    codes = [
        client.post("/acts/hold", data=form, headers=headers).status_code,
        client.post("/api/v1/jobs/backup/hold", json={}, headers=headers).status_code,
        client.post("/logout", data=form, headers=headers).status_code,
        client.request("DELETE", "/jobs/backup", headers=headers).status_code,
    ]

    assert codes == [403] * 4
    assert not is_held(site)


def test_a_change_without_the_token_of_the_form_is_refused(site: Served, client: httpx.Client) -> None:
    own = {"sec-fetch-site": "same-origin"}

    codes = [
        client.post("/acts/hold", data={"job": "backup", **form}, headers=own).status_code
        for form in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": "é"})
    ]

    assert codes == [403] * 4
    assert not is_held(site)


def test_a_matching_origin_and_the_token_let_a_change_through(site: Served, client: httpx.Client) -> None:
    form = {"form_token": form_token(client, "/acts/hold?job=backup"), "job": "backup"}

    done = client.post("/acts/hold", data=form, headers={"origin": site.address})
    was_held = is_held(site)
    client.post("/acts/release", data=form, headers={"origin": site.address})

    assert (done.status_code, was_held, is_held(site)) == (200, True, False)


def test_no_get_changes_anything(site: Served, client: httpx.Client) -> None:
    for path in ("/acts/hold?job=backup", "/acts/choose?verb=hold&job=backup", "/logout", "/sessions/end"):
        client.get(path)

    assert not is_held(site)
    assert client.get("/").status_code == 200


# --- names of the host -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]"])
def test_a_name_that_is_not_allowed_is_answered_with_nothing(client: httpx.Client, host: str) -> None:
    answer = client.get("/", headers={"host": host})

    assert answer.status_code == 421
    assert "backup" not in answer.text


def test_names_of_the_configuration_are_allowed(web_box: Box) -> None:
    web_box.configure(web={"url": "https://jobs.example.org/x", "allowed_hosts": ["alias.example.org"]})
    with served(web_box) as site, site.client() as client:
        codes = [
            client.get("/", headers={"host": name}).status_code
            for name in ("jobs.example.org", "JOBS.example.org:443", "alias.example.org", "other.example.org")
        ]

    assert codes == [200, 200, 200, 421]


# --- headers of answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/jobs/backup", "/nothing", "/login", "/static/page.js", "/api/v1/jobs", "/?token=x"]
)
def test_every_answer_forbids_inline_scripts_frames_and_sniffing(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_the_cookie_is_for_no_script_and_for_no_request_of_another_site(site: Served) -> None:
    with site.client(opened=False) as client:
        cookie = client.get(site.link.removeprefix(site.address)).headers["set-cookie"].lower()

    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/"))
    assert "domain" not in cookie
    assert "secure" not in cookie  # over TLS it is, see test_safety_proxies.py


# --- where redirects lead --------------------------------------------------------------------------------------------

TARGETS = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "/%0d%0aset-cookie:x=1",
]


@pytest.mark.parametrize("target", TARGETS)
def test_the_link_leads_to_no_other_site(site: Served, target: str) -> None:
    secret = site.link.partition("token=")[2]
    path = target if target.startswith("/") else f"/{target}"
    connection = http.client.HTTPConnection(*address_of(site), timeout=30)
    quoted = path.replace("\t", "%09")
    connection.request("GET", f"{quoted}?token={secret}")
    answer = connection.getresponse()
    connection.close()

    location = httpx.URL(site.address).join(answer.headers["location"])
    assert answer.status == 303
    assert location.host == "127.0.0.1"
    assert secret not in str(location)
    assert answer.headers.get_all("set-cookie") is not None
    assert len(answer.headers.get_all("set-cookie") or []) == 1


@pytest.mark.parametrize("target", [*TARGETS, "javascript:alert(1)", "/ok?x=1\nset-cookie: y"])
def test_the_login_leads_to_no_other_site(target: str) -> None:
    from process_control.web.pages.form import own_address

    assert own_address(target) in ("/", "/%0d%0aset-cookie:x=1")
    assert own_address("/jobs/x?cursor=1") == "/jobs/x?cursor=1"


# --- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../access/access.py",
        "/static/%2e%2e/access/access.py",
        "/static/..%2faccess/access.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc/passwd",
        "/static//etc/passwd",
        "/static/page.js%00.html",
        "/runs/..%2f..%2fetc%2fpasswd",
        "/runs/%00",
        "/runs/%2fetc%2fpasswd/log",
        "/jobs/..%2f..%2fprocess-control",
        "/jobs/%00",
        "/jobs/%ff%fe",
        "/incidents/..%2f..%2fsilences",
        "/incidents/%00",
        "/api/v1/runs/..%2f..%2fetc%2fpasswd/log",
        "/api/v1/incidents/..%2fopen%2fx",
        "/api/v1/jobs/%00",
        "/why?job=..%2f..%2fetc%2fpasswd",
        "/api/v1/why?job=%00",
    ],
)
def test_no_path_leads_out_of_what_is_served(site: Served, client: httpx.Client, path: str) -> None:
    connection = http.client.HTTPConnection(*address_of(site), timeout=30)
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    connection.request("GET", path, headers={"cookie": cookie})
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()

    assert answer.status in (400, 404)
    assert "root:" not in text
    assert "import " not in text


# --- methods, sizes, slow clients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "FOO", "OPTIONS"])
def test_other_methods_change_nothing_and_echo_nothing(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/jobs/backup", headers={"sec-fetch-site": "same-origin", "x-echo": "echo-me"})

    assert answer.status_code == 405
    assert "echo-me" not in answer.text


def test_head_answers_as_get_without_the_body(client: httpx.Client) -> None:
    answer = client.head("/jobs/backup")

    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-security-policy" in answer.headers


def test_a_huge_body_is_refused_before_all_of_it_is_read(site: Served) -> None:
    head = (
        b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 99999999999\r\n\r\n"
    )
    with socket.create_connection(address_of(site), timeout=30) as connection, contextlib.suppress(OSError):
        connection.sendall(head)
        for _ in range(256):  # 16 MiB, if they are taken
            connection.sendall(b"x" * (64 << 10))
    memory = int(status_lines(site.live.pid)["VmHWM"].split()[0])

    with site.client() as client:
        assert client.get("/").status_code == 200
    assert memory < 200_000


def test_huge_headers_are_refused(site: Served) -> None:
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Long: " + b"x" * (MAX_HEAD_BYTES * 32) + b"\r\n\r\n"
    with contextlib.suppress(ConnectionError):  # it is closed before all of it was sent
        assert raw(site, request).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    with site.client() as client:
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half of a request"])
def test_a_client_that_does_not_go_on_is_closed_in_time(site: Served, sent: bytes) -> None:
    began = time.monotonic()
    assert raw(site, sent, seconds=HEAD_SECONDS * 3) == b""

    assert HEAD_SECONDS * 0.5 < time.monotonic() - began < HEAD_SECONDS * 2


def test_two_lengths_and_smuggled_requests_are_refused(site: Served) -> None:
    both = (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /"
    )
    two = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n"

    assert raw(site, both).startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
    assert raw(site, two).startswith(b"HTTP/1.1 400")


def test_nothing_of_a_request_is_in_the_headers_of_an_answer(client: httpx.Client) -> None:
    answer = client.get("/acts/choose?verb=hold&job=x%0d%0aset-cookie:%20y=1")

    assert "y" not in answer.cookies
    assert "\n" not in answer.headers["location"]
