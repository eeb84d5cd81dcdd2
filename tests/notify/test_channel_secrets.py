"""Planted secrets: of URLs, keys, logins, the environment and output none leaves by any channel, is kept or shown."""

import base64
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box, Storm, command_line, pids
from kit.mail_server import bad_server, certificate, mail_server, wait_until_told
from kit.syslog_listener import Listener
from kit.web_receiver import Receiver, Reply, Request, receiver

#: Each secret that is planted begins so, and has its number.
SIGN = "S3cret"
PASSWORD = "S3cretV21pass"
CHANNELS = {"webhook", "alertmanager", "apprise", "exec", "ping"}
VIEWS = (
    *(("incidents",), ("incidents", "--all", "--json"), ("status",), ("status", "backup"), ("status", "--json")),
    *(("history", "backup"), ("history", "backup", "--json"), ("why", "backup"), ("why", "backup", "--json")),
    *(("logs", "backup"), ("logs", "backup", "--json"), ("metrics",), ("audit",), ("audit", "--json"), ("check",)),
    *(("notify", "preview", "backup"), ("notify", "preview", "backup", "--html"), ("notify", "test")),
    *(("notify", "preview", "backup", "--short"), ("notify", "preview", "backup", "--json"), ("list", "--json")),
    *(("show", "backup"), ("show", "backup", "--json"), ("lint",), ("doctor",)),
)


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def secret_file(box: Box, name: str, text: str) -> str:
    path = box.root / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def plant(box: Box, web: Receiver) -> None:
    """Plant secrets wherever a user has them: receivers, keys, a ping with its key, environment, output, arguments."""
    at = f"127.0.0.1:{web.port}"
    program = box.root / "notify-us"
    program.write_text("#!/bin/sh\ncat >&2; exit 1\n")
    program.chmod(0o755)
    hook = f"http://S3cretA1:S3cretB2@{at}/S3cretC3/S3cretD4?a=S3cretE5&S3cretF6"
    box.configure(
        syslog={"address": str(box.root / "syslog")},
        notify=[
            {"url": "mailto:ops@example.org"},
            {"url_file": secret_file(box, "hook", hook), "key_file": secret_file(box, "key", "S3cretG7")},
            {"url_file": secret_file(box, "alerts", f"alertmanager+http://S3cretH8:S3cretI9@{at}/S3cretJ10")},
            {"url_file": secret_file(box, "chat", f"json://S3cretK11:S3cretL12@{at}/S3cretM13?+X=S3cretN14")},
            {"url_file": secret_file(box, "pager", "pagerduty://S3cretO15@S3cretP16/S3cretQ17")},
            {"url": f"exec:{program}"},
        ],
    )
    environment = secret_file(box, "environment", "TOKEN=S3cretR18\nOTHER=S3cretS19\nURL=ftp://me:S3cretW22@db2/")
    script = box.root / "back-up"
    script.write_text(
        "#!/bin/sh\necho $TOKEN of $URL\n(trap '' TERM; exec sh -c 'sleep 1000; :' sh --key=$OTHER $URL) &\n"
        "echo failed with $TOKEN $OTHER $URL >&2; exit 3\n"
    )
    script.chmod(0o755)
    box.job(
        "backup",
        f"command: {script}\nenvironment_file: {environment}\nkill_grace: 0.1\n"
        f"ping: {{url: 'http://{at}/ping/{{slug}}', api_key_file: {secret_file(box, 'api', 'S3cretT20')}}}",
    )


def login_at(box: Box, address: str, trusted: Path | None = None) -> None:
    how = {"smtp": address, "login": "jobs", "password_file": secret_file(box, "password", PASSWORD)}
    how |= {"tls": "starttls", "ca_file": str(trusted)} if trusted is not None else {"tls": "none"}
    box.configure(failmail={"to_address": "dba@example.org", "from_address": "pc@example.org", **how})


def repeats_every_line(connection: socket.socket) -> None:
    """Ask for a login, and refuse each line with all that it said, as some servers do."""
    with connection.makefile("rb") as lines:
        connection.sendall(b"220 ready\r\n")
        for line in lines:
            is_greeting = line[:4].upper() == b"EHLO"
            connection.sendall(b"250-here\r\n250 AUTH PLAIN\r\n" if is_greeting else b"501 refused: " + line)


def refuse_and_repeat(request: Request, reply: Reply) -> None:
    """Refuse it, and say whatever came with it."""
    reply.status = 500
    reply.body = " ".join([request.path, *request.headers.values()]).encode()


class ProcessList:
    """The command lines of our processes, looked at whenever something is delivered."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def look(self) -> None:
        self.seen |= {line for pid in pids() if "process_control" in (line := command_line(pid))}


def files(box: Box) -> dict[str, str]:
    """Return every file that the product wrote, but for what the jobs printed."""
    paths = [path for path in box.state_directory.rglob("*") if path.is_file()]
    paths += [path for path in (box.root / "caches").rglob("*") if path.is_file()]
    return {str(path): f"{path}\n{path.read_text(errors='replace')}" for path in paths}


def open_to_everybody(box: Box) -> list[str]:
    """Return incidents and messages that any account could read."""
    kept = [box.state_directory / "incidents", box.state_directory / "spool"]
    return [
        str(path)
        for folder in kept
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o004 and path.parent.stat().st_mode & 0o001
    ]


def hits(texts: dict[str, str]) -> dict[str, list[str]]:
    found = {name: re.findall(rf"{SIGN}\w*", text) + _encoded(text) for name, text in texts.items()}
    return {name: words for name, words in found.items() if words}


def _encoded(text: str) -> list[str]:
    """Return the words that are secrets in base64, as logins are sent."""
    words = re.findall(r"[A-Za-z0-9+/]{12,}", text)
    return [word for word in words if SIGN.encode() in base64.b64decode(word[: len(word) // 4 * 4])]


@pytest.mark.fault("Secrets planted in every channel", small=22, full=22, wanted="no hit")
def test_no_planted_secret_is_in_anything_that_is_kept_shown_or_sent(box: Box, web: Receiver, storm: Storm) -> None:
    ours = ProcessList()
    kept: dict[str, str] = {}
    context, trusted = certificate(box.root, "127.0.0.1")
    with Listener(box.root / "syslog", long_queue=True) as log:
        log.read_all_the_time()
        plant(box, web)

        def refuse(request: Request, reply: Reply) -> None:
            refuse_and_repeat(request, reply)
            ours.look()

        web.before_reply = refuse
        with bad_server(repeats_every_line) as server:
            login_at(box, server.address)
            reports = box.run("backup")
            wait_until_told(box)
            assert server.connections
        kept |= {f"waiting {name}": text for name, text in files(box).items()}
        assert open_to_everybody(box) == []
        shown = {f"{words} then": str(box.process_control(*words)) for words in VIEWS}
        web.before_reply = lambda *_: ours.look()
        with mail_server(tls=context, login=("jobs", PASSWORD)) as real:
            login_at(box, real.address, trusted)
            box.run("backup")
            wait_until_told(box)
            mails = real.mails
        shown |= {f"{words}": str(box.process_control(*words)) for words in VIEWS}
        (incident,) = box.process_control("incidents", "--json").json()["incidents"]
        shown["its story"] = str(box.process_control("incidents", "show", incident["id"]))
        logged = {"syslog": "\n".join(map(str, log.all_lines())), "report": str(reports)}
    kept |= files(box)
    sent = {f"{each.path} {number}": each.body.decode() for number, each in enumerate(web.requests)}
    sent |= {f"mail {number}": f"{each.raw!r} {each.text} {each.html}" for number, each in enumerate(mails)}

    assert len(web.requests) >= 6
    assert mails
    assert {each["channel"] for each in box.journal() if each["event"] == "message"} == CHANNELS
    assert "webhook about the failure" in logged["syslog"]
    assert any("deliver" in line for line in ours.seen)
    printed = box.log_bytes("backup").decode()
    assert {"S3cretR18", "S3cretS19"} <= set(re.findall(rf"{SIGN}\w*", printed))  # the job decides what its log has
    found = hits(kept | shown | logged | sent | {line: line for line in ours.seen})
    assert found == {}
    assert "***" in json.dumps([each.body.decode() for each in web.requests])
    places = len(kept | shown | logged | sent | dict.fromkeys(ours.seen, ""))
    storm.found(f"22 secrets, {places} places, no hit")
