"""The SMTP client's login, by each mechanism, with a name and a password that are not ASCII."""

import hmac
import ssl
from pathlib import Path

import pytest

from kit.mail_server import certificate, mail_server
from process_control.notify.channels.mail.send import Undelivered, Way, send
from process_control.notify.channels.mail.smtp import Server

NAME, PASSWORD = "jörg", "pässwort-geheim"


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_name_and_a_password_of_any_script_reach_the_server(tmp_path: Path, mechanism: str) -> None:
    context, trusted = certificate(tmp_path, "127.0.0.1")
    with mail_server(tls=context, login=(NAME, PASSWORD)) as server, Server("127.0.0.1", server.port) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(trusted)))
        client.ehlo()
        client.user, client.password = NAME, PASSWORD

        code, _ = client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))

        assert (code, server.logins) == (235, [(NAME, PASSWORD)])


def test_the_answer_to_a_challenge_is_made_of_utf_8() -> None:
    client = Server()
    client.user, client.password = NAME, PASSWORD

    answer = client.auth_cram_md5(b"<1@x>")

    assert answer == f"{NAME} {hmac.HMAC(PASSWORD.encode(), b'<1@x>', 'md5').hexdigest()}"
    assert client.auth_cram_md5() is None


def test_what_cannot_be_sent_is_not_shown() -> None:
    with mail_server() as server, pytest.raises(Undelivered) as refusal:
        send(
            b"Subject: x\r\n\r\nx\r\n",
            sender="jobs@example.org",
            recipients=("geheim\u00e9@example.org",),
            way=Way(host="127.0.0.1", port=server.port),
        )

    assert refusal.value.why == (
        f"{server.address}: an address, the login or the password has a character that cannot be sent"
    )
