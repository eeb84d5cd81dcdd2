"""TLS, and reverse proxies: who is believed what, with the real nginx; no way round them."""

import os
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from kit.events import until
from kit.harness import PROJECT, SERVICE_USER, STRANGER, Box
from kit.page_safety import PASSWORD, asked_as, log_in, self_signed, trusting, users, web_events
from kit.pages import served
from kit.ports import free_port

UNPACKED = PROJECT / ".venv/nginx/usr/sbin/nginx"
UNPACKED_CADDY = PROJECT / ".venv/caddy/usr/bin/caddy"
EXAMPLE = PROJECT / "contrib/proxy/nginx.conf"
CADDYFILE = PROJECT / "contrib/proxy/Caddyfile"


def refused(box: Box, *words: str, **web: object) -> Any:
    """Return how a server ends that must not serve so."""
    box.configure(web=web)
    result = box.process_control("web", *words, user="root" if os.geteuid() == 0 else None)
    return result.exit_code, result.stderr


# --- where it may listen ---------------------------------------------------------------------------------------------


def test_another_address_than_loopback_needs_logins_and_tls_or_a_proxy(web_box: Box) -> None:
    everywhere = ("--listen", "0.0.0.0:0")

    nobody = refused(web_box, *everywhere, read_only=True)
    clear = refused(web_box, *everywhere, users=users(ann="admin"))
    half = refused(web_box, users=users(ann="admin"), tls_cert_file="/cert.pem")
    missing = refused(web_box, users=users(ann="admin"), tls_cert_file="/no/cert.pem", tls_key_file="/no/key.pem")

    assert [code for code, _ in (nobody, clear, half, missing)] == [78] * 4
    assert "nobody has to log in" in nobody[1]
    assert "in the clear" in clear[1]
    assert "'web' has no 'tls_key_file'" in half[1]
    assert "/no/cert.pem: TLS cannot be used: No such file or directory" in missing[1]


def test_a_header_that_names_people_is_believed_of_no_address_that_other_accounts_have_too(web_box: Box) -> None:
    header = {"user_header": "X-Remote-User", "users": users(ann="admin")}

    loopback = refused(web_box, trusted_proxy="127.0.0.1", **header)
    everybody = refused(web_box, trusted_proxy=["192.0.2.1", "0.0.0.0/0"], **header)
    web_box.configure(read_group="nogroup")
    members = refused(web_box, trusted_proxy="unix", **header)

    assert [code for code, _ in (loopback, everybody, members)] == [78] * 3
    assert "every account of this host could send X-Remote-User as 127.0.0.1" in loopback[1]
    assert "trusted_proxy: unix:ACCOUNT" in loopback[1]


def test_what_is_no_address_of_a_proxy_is_a_fault_of_the_configuration(web_box: Box) -> None:
    code, said = refused(web_box, trusted_proxy="my proxy")

    assert code == 78
    assert "'web.trusted_proxy' must be an address" in said


def test_other_hosts_cannot_go_round_the_proxy_that_encrypts(web_box: Box) -> None:
    own = next((address for address in _own_addresses()), None)
    if own is None:
        pytest.skip("this host has no address but loopback")
    web_box.configure(web={"users": users(ann="admin"), "trusted_proxy": "192.0.2.7", "allowed_hosts": [own]})
    with served(web_box, listen="0.0.0.0:0") as site:
        port = site.address.rpartition(":")[2]
        answer = httpx.get(f"http://{own}:{port}/login")
        health = httpx.get(f"http://{own}:{port}/healthz")

    assert answer.status_code == 403
    assert "this address answers its proxy only" in answer.text
    assert health.status_code != 403


def _own_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return []
        found = str(probe.getsockname()[0])
    return [] if found.startswith("127.") else [found]


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_over_tls_the_cookie_is_secure(web_box: Box) -> None:
    certificate, key = self_signed(web_box)
    files = {"tls_cert_file": str(certificate), "tls_key_file": str(key)}
    web_box.configure(web={"users": users(ann="admin"), **files})
    with served(web_box) as site:
        same = {"sec-fetch-site": "same-origin"}
        with httpx.Client(base_url=site.address, verify=trusting(certificate), headers=same) as client:
            answer = log_in(client, "ann")
            page = client.get("/")
        plain = _first_byte_of_plain_http(site.address)

    assert site.address.startswith("https://")
    assert "Secure" in answer.headers["set-cookie"]
    assert page.status_code == 200
    assert plain != b"H"


def _first_byte_of_plain_http(address: str) -> bytes:
    host, _, port = address.partition("//")[2].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return connection.recv(1)
        except ConnectionResetError:
            return b""


def test_old_versions_of_tls_are_refused(web_box: Box) -> None:
    certificate, key = self_signed(web_box)
    web_box.configure(web={"tls_cert_file": str(certificate), "tls_key_file": str(key)})
    with served(web_box) as site:
        host, _, port = site.address.partition("//")[2].rpartition(":")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection((host, int(port)), timeout=30) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(plain)


# --- headers of proxies ----------------------------------------------------------------------------------------------


def test_the_address_for_the_limit_is_that_of_the_header_only_from_the_proxy(web_box: Box) -> None:
    web_box.configure(web={"users": users(ann="admin")})
    with served(web_box) as site, site.client(opened=False) as client:
        log_in(client, "ann", "wrong password", headers={"x-forwarded-for": "198.51.100.9"})
        web_box.configure(web={"users": users(ann="admin"), "trusted_proxy": "127.0.0.1"})
        forged = [("x-forwarded-for", "203.0.113.1, 198.51.100.1"), ("x-forwarded-for", "198.51.100.2")]
        until(lambda: _refused_from(client, web_box, forged) == "198.51.100.2", "the proxy is trusted")
        log_in(client, "ann", "wrong password", headers={"x-forwarded-for": "<script>"})

    addresses = [event["address"] for event in web_events(web_box)]
    assert addresses[0] == "127.0.0.1"
    assert addresses[-1] == "127.0.0.1"


def _refused_from(client: httpx.Client, box: Box, headers: list[tuple[str, str]]) -> str:
    names = [("sec-fetch-site", "same-origin"), ("content-type", "application/x-www-form-urlencoded"), *headers]
    client.post("/login", content=b"name=ghost&password=wrong-password", headers=names)
    return str(web_events(box)[-1]["address"])


@pytest.mark.needs_root
def test_the_proxy_on_the_socket_names_people_of_the_configuration_and_is_nobody_itself(
    make_web_box: Callable[..., Box], public_socket: str
) -> None:
    box = make_web_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    web = {
        "users": users(ann="admin", eve="viewer"),
        "trusted_proxy": f"unix:{STRANGER}",
        "user_header": "X-Remote-User",
    }
    box.configure(web=web)
    with served(box, listen=f"unix:{public_socket}") as site:
        named = asked_as(box, STRANGER, site, "/acts/hold?job=backup", {"X-Remote-User": "ann"})
        viewer = asked_as(box, STRANGER, site, "/acts/hold?job=backup", {"x-remote-user": "eve"})
        unknown = asked_as(box, STRANGER, site, "/", {"X-Remote-User": "mallory"})
        nobody = asked_as(box, STRANGER, site, "/")
        other = asked_as(box, "daemon", site, "/", {"X-Remote-User": "ann"})
        root = asked_as(box, "root", site, "/", {"X-Remote-User": "eve"})

    assert (named["status"], viewer["status"], unknown["status"]) == (200, 403, 403)
    assert "the proxy names nobody who may open the page" in unknown["text"]
    assert nobody["status"] == 303
    assert other["status"] == 303
    assert root["status"] == 200


@pytest.fixture
def public_socket() -> Iterator[str]:
    folder = Path(f"/run/process-control-test-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o777)
    yield str(folder / "web.sock")
    shutil.rmtree(folder)


@pytest.mark.needs_root
def test_a_plain_unix_proxy_makes_the_socket_private(make_web_box: Callable[..., Box], public_socket: str) -> None:
    box = make_web_box(service_user=SERVICE_USER)
    box.configure(web={"users": users(ann="admin"), "trusted_proxy": "unix"})
    with served(box, listen=f"unix:{public_socket}") as site:
        mode = Path(public_socket).stat().st_mode & 0o777
        root = asked_as(box, "root", site, "/")

    assert mode == 0o600
    assert root["status"] == 303  # a proxy has no identity of its own


# --- the real ones ---------------------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_the_example_for_nginx_serves_the_page_with_logins_live_events_and_addresses(
    make_web_box: Callable[..., Box], public_socket: str
) -> None:
    nginx = shutil.which("nginx") or (str(UNPACKED) if UNPACKED.exists() else None)
    if nginx is None:
        pytest.skip("nginx is not installed here: apt-get install nginx-light")
    box = make_web_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    web = {"users": users(ann="admin"), "trusted_proxy": "unix:www-data", "url": "https://jobs.example.org"}
    box.configure(web=web)
    certificate, key = self_signed(box)
    with served(box, listen=f"unix:{public_socket}"), _nginx(box, nginx, public_socket, certificate, key) as port:
        base = f"https://127.0.0.1:{port}"
        headers = {"host": "jobs.example.org", "sec-fetch-site": "same-origin", "x-forwarded-for": "203.0.113.9"}
        with httpx.Client(base_url=base, verify=trusting(certificate), headers=headers, timeout=60) as client:
            answer = log_in(client, "ann")
            page = client.get("/")
            with client.stream("GET", "/events") as events:
                first = next(events.iter_lines())
            form = page.text.partition('name="form_token" value="')[2].partition('"')[0]
            out = client.post("/logout", data={"form_token": form})

    assert (answer.status_code, page.status_code, out.status_code) == (303, 200, 303)
    assert "Secure" in answer.headers["set-cookie"]
    assert "backup" in page.text
    assert first
    assert {event["address"] for event in web_events(box)} == {"127.0.0.1"}  # nginx saw that, whatever the browser said
    assert PASSWORD not in (box.root / "nginx" / "access.log").read_text()


@contextmanager
def _nginx(box: Box, program: str, path: str, certificate: Path, key: Path) -> Iterator[int]:
    """Run nginx with the example of contrib/, its port and paths replaced."""
    folder = box.root / "nginx"
    folder.mkdir()
    folder.chmod(0o777)
    port = free_port()
    server = EXAMPLE.read_text()
    for before, after in (
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("listen [::]:443 ssl http2;", ""),
        ("/etc/ssl/jobs.pem", str(certificate)),
        ("/etc/ssl/private/jobs.key", str(key)),
        ("/run/process-control-web/web.sock", path),
    ):
        assert before in server, before
        server = server.replace(before, after)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; user www-data; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;\n"
        f"events {{}}\nhttp {{ access_log {folder}/access.log; {temporary}\n{server}\n}}\n"
    )
    words = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    subprocess.run([*words, "-t"], check=True, capture_output=True)
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            until(lambda: _answers(port), "nginx answers")
            yield port
        finally:
            running.terminate()
            running.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_caddy_understands_its_example(tmp_path: Path) -> None:
    caddy = shutil.which("caddy") or (str(UNPACKED_CADDY) if UNPACKED_CADDY.exists() else None)
    if caddy is None:
        pytest.skip("caddy is not installed here: apt-get install caddy")
    words = [caddy, "adapt", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    result = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)

    assert result.returncode == 0, result.stderr
    assert "unix//run/process-control-web/web.sock" in result.stdout


def test_the_page_has_the_examples_as_they_are() -> None:
    page = (PROJECT / "docs/how-to/page-behind-a-proxy.md").read_text()

    for example in (EXAMPLE, CADDYFILE):
        code = "".join(line for line in example.read_text().splitlines(keepends=True) if not line.startswith("#"))
        assert code.strip() in page, example
