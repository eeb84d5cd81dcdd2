"""Twenty planted secrets: of URLs, keys, logins and output none is in a message, the spool, a record or an incident."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box
from kit.mail_server import wait_until_told
from kit.syslog_listener import Listener
from kit.web_receiver import Receiver, Reply, Request, receiver

#: Each secret that is planted begins so.
SIGN = "S3cret"


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
    """Plant secrets wherever a user has them: four receivers, a key, a ping with its key, and the environment."""
    at = f"127.0.0.1:{web.port}"
    program = box.root / "notify-us"
    program.write_text("#!/bin/sh\necho $S3 >&2; cat >&2; exit 1\n")
    program.chmod(0o755)
    hook = f"http://S3cretA1:S3cretB2@{at}/S3cretC3/S3cretD4?a=S3cretE5&S3cretF6"
    box.configure(
        syslog={"address": str(box.root / "syslog")},
        notify=[
            {"url_file": secret_file(box, "hook", hook), "key_file": secret_file(box, "key", "S3cretG7")},
            {"url_file": secret_file(box, "alerts", f"alertmanager+http://S3cretH8:S3cretI9@{at}/S3cretJ10")},
            {"url_file": secret_file(box, "chat", f"json://S3cretK11:S3cretL12@{at}/S3cretM13?+X=S3cretN14")},
            {"url_file": secret_file(box, "pager", "pagerduty://S3cretO15@S3cretP16/S3cretQ17")},
            {"url": f"exec:{program}"},
        ],
    )
    environment = secret_file(box, "environment", "TOKEN=S3cretR18\nOTHER=S3cretS19")
    box.job(
        "backup",
        "command: sh -c 'echo $TOKEN; echo failed with $TOKEN $OTHER >&2; exit 3'\n"
        f"environment_file: {environment}\n"
        f"ping: {{url: 'http://{at}/ping/{{slug}}', api_key_file: {secret_file(box, 'api', 'S3cretT20')}}}",
    )


def refuse_and_repeat(request: Request, reply: Reply) -> None:
    """Refuse it, and say whatever came with it."""
    reply.status = 500
    reply.body = " ".join([request.path, *request.headers.values()]).encode()


def places(box: Box) -> list[Path]:
    """Return every file that the product wrote."""
    return [path for path in box.state_directory.rglob("*") if path.is_file() and "/output/" not in str(path)]


def hits(texts: dict[str, str]) -> dict[str, list[str]]:
    found = {name: re.findall(rf"{SIGN}\w*", text) for name, text in texts.items()}
    return {name: words for name, words in found.items() if words}


def test_no_planted_secret_is_in_anything_that_is_kept_shown_or_sent(box: Box, web: Receiver) -> None:
    with Listener(box.root / "syslog") as log:
        log.read_all_the_time()
        plant(box, web)
        web.before_reply = refuse_and_repeat
        box.run("backup")
        wait_until_told(box)
        web.before_reply = lambda *_: None
        box.run("backup")
        wait_until_told(box)
        shown = {
            " ".join(words): box.process_control(*words).stdout
            for words in (("incidents", "--json"), ("status",), ("history", "backup", "--json"))
        }
        logged = {"syslog": "\n".join(map(str, log.all_lines()))}
    kept = {str(path): path.read_text(errors="replace") for path in places(box)}
    sent = {f"{each.path} {number}": each.body.decode() for number, each in enumerate(web.requests)}

    assert len(web.requests) >= 6
    channels = {each["channel"] for each in box.journal() if each["event"] == "message"}
    assert channels == {"webhook", "alertmanager", "apprise", "exec", "ping"}
    assert "webhook about the failure" in logged["syslog"]
    assert hits(kept | shown | logged | sent) == {}
    assert "***" in json.dumps([each.body.decode() for each in web.requests])
