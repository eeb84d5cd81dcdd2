"""`up` serves the page beside the live status, names its address, and ends it."""

import re
import socket

import httpx
import pytest

from kit.harness import Box
from kit.pages import form_token
from kit.ports import free_port

LINK = re.compile(r"page: (http://127\.0\.0\.1:(\d+)/\?token=[\w-]+)")


@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken"])
def test_up_names_the_page_and_ends_it(web_box: Box, is_taken: bool) -> None:
    web_box.job("backup", "command: 'true'\nschedule: '0 3 * * *'")
    port = free_port()
    web_box.configure(web={"listen": f"127.0.0.1:{port}"})
    with socket.socket() as other:
        if is_taken:
            other.bind(("127.0.0.1", port))
            other.listen()
        command = [str(web_box.product.process_control), "up"]
        with web_box.start_command(command, tty=True, columns=120, env={"TERM": "xterm"}) as live:
            live.wait_for_line("page: http")
            found = LINK.search(live.seen())
            assert found is not None
            assert (int(found[2]) == port) is not is_taken
            with httpx.Client(follow_redirects=True) as client:
                assert 'data-job="backup"' in client.get(found[1]).text
                assert form_token(client, f"http://127.0.0.1:{found[2]}/acts/hold?job=backup")
            live.type(b"q")
            assert live.wait().exit_code == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(found[1])
