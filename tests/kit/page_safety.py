"""What the tests of the page's safety share: logins, requests as another account, raw requests, certificates."""

import json
import os
import pwd
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from kit.commands import PATIENCE_SECONDS
from kit.harness import Box
from kit.pages import Served
from process_control.web.access.passwords import hash_of

PASSWORD = "correct horse battery"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
_CLIENT = """
import http.client, json, socket, sys
where, target, headers = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
connection = http.client.HTTPConnection(*([where] if not where.startswith("/") else ["localhost"]), timeout=30)
if where.startswith("/"):
    connection.sock = socket.socket(socket.AF_UNIX); connection.sock.connect(where)
connection.request("GET", target, headers=headers)
answer = connection.getresponse()
print(json.dumps({"status": answer.status, "headers": dict(answer.getheaders()), "text": answer.read().decode()}))
"""


@cache
def password_hash() -> str:
    """Return a hash of PASSWORD, made once: it takes a while."""
    return hash_of(PASSWORD)


def users(**roles: str) -> dict[str, dict[str, str]]:
    """Return `web.users` with these names and roles, all with the same password."""
    return {name: {"password": password_hash(), "role": role} for name, role in roles.items()}


def log_in(client: httpx.Client, name: str, password: str = PASSWORD, **keywords: Any) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password}, **keywords)


@contextmanager
def logged_in(site: Served, name: str, **keywords: Any) -> Iterator[httpx.Client]:
    """Yield a client that has logged in."""
    with site.client(opened=False, **keywords) as client:
        answer = log_in(client, name)
        if answer.status_code != 303:
            raise AssertionError(f"{name} cannot log in: {answer.status_code} {answer.text}")
        yield client


def asked_as(box: Box, user: str, site: Served, target: str = "/", headers: dict[str, str] | None = None) -> Any:
    """Return what an account of this host gets: status, headers, text."""
    where = site.address.removeprefix("unix:").removeprefix("http://")
    words = ["/usr/bin/python3", "-c", _CLIENT, where, target, json.dumps(headers or {})]
    result = box.command(words, user=user, cwd="/")
    if result.exit_code:
        raise AssertionError(str(result))
    return result.json()


def address_of(site: Served) -> tuple[str, int]:
    host, _, port = site.address.partition("//")[2].rpartition(":")
    return host, int(port)


def raw(site: Served, request: bytes, *, seconds: float = PATIENCE_SECONDS) -> bytes:
    """Send bytes on a connection of their own, and return all that comes until the server closes it."""
    with socket.create_connection(address_of(site), timeout=seconds) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def web_events(box: Box) -> list[dict[str, Any]]:
    """Return what the journal has of logins, sessions and tokens, oldest first."""
    found: list[dict[str, Any]] = box.process_control("audit", "--event", "web", "--json").json()["events"]
    return found


def self_signed(box: Box) -> tuple[Path, Path]:
    """Make a certificate for localhost and 127.0.0.1; return it and its key."""
    certificate, key = box.root / "cert.pem", box.root / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    if box.service_user is not None:
        box.give(key, box.service_user)
    return certificate, key


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def form_tokens(text: str) -> set[str]:
    return set(re.findall(r'name="form_token" value="([0-9a-f]+)"', text))


def gid_of(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def status_lines(pid: int) -> dict[str, str]:
    """Return the lines of /proc/PID/status by their names."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def namespaces(pid: int) -> dict[str, str]:
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in sorted(os.listdir(f"/proc/{pid}/ns"))}
