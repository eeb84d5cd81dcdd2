"""The output of a run on the page: hostile, long, secret, growing or gone; in pages, searched, and as text."""

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kit.harness import Box, until
from kit.pages import IS_IN_SIGHT, PHONE, Served, page_of, served, shoot, violations
from web.test_page_storms import bytes_read

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SECRET = "hunter2-is-secret"


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Served]:
    with_web = request.getfixturevalue("with_web")
    box = Box.configured(with_web)
    try:
        (box.root / "secret.env").write_text(f"TOKEN={SECRET}\n")
        (box.root / "secret.env").chmod(0o600)
        hostile = box.root / "hostile"
        lines = [
            b"<script>alert(1)</script> & co",
            b"\x1b]0;title\x07\x1b[2Jcleared",
            "right \u202eleft".encode(),
            b"bytes \xff\x00\x07",
            b"x" * (1 << 20),
            b"after the long one",
        ]
        hostile.write_bytes(b"\n".join(lines) + b"\n")
        box.job("hostile", f"command: cat {hostile}")
        box.job("many", "command: seq -f 'line %g.' 10000")
        secret = 'command: sh -c \'echo "it is $TOKEN"; echo "$TOKEN" | sed "s/2/\\x1b[1m2/"\'\nenvironment_file: '
        box.job("secret", f"{secret}{box.root / 'secret.env'}")
        box.job("quiet", "command: 'true'")
        for job in ("hostile", "many", "secret", "quiet"):
            box.run_job(job)
        with served(box) as site:
            yield site
    finally:
        box.close()


def path_of(site: Served, job: str) -> str:
    return f"/runs/{site.box.history(job)[0]['run_id']}"


def rows(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="L(\d+)"', page)]


def test_hostile_output_is_text_and_a_long_line_is_cut_with_a_link_to_all_of_it(site: Served) -> None:
    with site.client() as client:
        page = client.get(path_of(site, "hostile")).text
        whole = client.get(re.findall(r'class="whole" href="([^"]+)"', page)[0])

    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "\x07" not in page
    assert "right \\u202eleft" in page
    assert "after the long one" in page
    assert len(page) < 30_000
    assert 'xx… <a class="whole"' in page
    assert whole.text == "x" * (1 << 20)
    assert whole.headers["content-type"].startswith("text/plain")


def test_ten_thousand_lines_are_pages_from_the_end_each_line_on_one(site: Served) -> None:
    seen: list[int] = []
    with site.client() as client:
        path = path_of(site, "many")
        page = client.get(path).text
        assert "line 10000." in page
        while True:
            found = rows(page)
            assert 0 < len(found) <= 501
            seen = found + seen
            older = re.search(r'rel="prev" href="(\?before=\d+)#', page)
            if older is None:
                break
            page = client.get(path + older[1]).text
        around = client.get(f"{path}?at={seen[5000]}").text
        first = client.get(f"{path}?after=0").text

    assert seen == sorted(set(seen))
    assert len(seen) == 10000
    assert f'id="L{seen[5000]}"' in around
    assert "line 5001." in around
    assert 'rel="next"' in first
    assert "line 1." in first


def test_secrets_are_masked_also_where_colours_part_them(site: Served) -> None:
    with site.client() as client:
        path = path_of(site, "secret")
        page, text = client.get(path).text, client.get(f"{path}/log.txt").text
        found = client.get(f"{path}?grep={SECRET}").text
        inside = client.get(f"{path}?at=12").text

    assert "it is ***" in page
    assert "it is ***" in text
    assert "hunter2-is" not in re.sub("<[^>]*>", "", page)
    assert "0 lines of the output match" in found
    assert "is-secret" not in inside


def test_output_whose_secrets_are_unknown_is_not_shown(web_box: Box) -> None:
    (web_box.root / "secret.env").write_text(f"TOKEN={SECRET}\n")
    (web_box.root / "secret.env").chmod(0o600)
    web_box.job("secret", f"command: sh -c 'echo $TOKEN'\nenvironment_file: {web_box.root / 'secret.env'}")
    web_box.run_job("secret")
    (web_box.root / "secret.env").write_text("TOKEN=another-secret\n")
    with served(web_box) as site, site.client() as client:
        page = client.get(path_of(site, "secret")).text
        text = client.get(f"{path_of(site, 'secret')}/log.txt")

    assert "cannot be masked" in page
    assert SECRET not in page
    assert text.status_code == 403


def test_a_search_finds_lines_with_their_context_and_a_bomb_hangs_nobody(site: Served) -> None:
    path = path_of(site, "many")
    with site.client() as client:
        one = client.get(f"{path}?grep=line 77\\.").text
        plain = client.get(f"{path}?grep=line 9999").text
        wrong = client.get(f"{path}?grep=(").text
        began = time.monotonic()
        client.get(f"{path_of(site, 'hostile')}?grep=(x%2B)%2B$y")
        seconds = time.monotonic() - began

    assert "1 line of the output matches" in one
    assert "line 75." in one
    assert "line 79." in one
    assert "1 line of the output matches" in plain
    assert "unterminated" in wrong
    assert seconds < 30


def test_runs_without_a_log_say_why(site: Served) -> None:
    with site.client() as client:
        assert "It printed nothing" in client.get(path_of(site, "quiet")).text
        log = site.box.logs("quiet")[-1]
        log.unlink()
        assert "was removed" in client.get(path_of(site, "quiet")).text
        log.write_bytes(b"")


def test_a_stream_alone_times_and_places_that_are_none(site: Served) -> None:
    path = path_of(site, "many")
    with site.client() as client:
        assert "It printed nothing on stderr" in client.get(f"{path}?stream=stderr").text
        assert re.search(r'class="at"[^>]*>0:\d\d\.\d{3}<', client.get(f"{path}?times=relative").text)
        assert re.search(r'class="at"[^>]*>\d\d:\d\d:\d\d\.\d{3}<', client.get(f"{path}?times=clock").text)
        assert client.get(f"{path}?before=x").status_code in (200, 400)
        assert client.get(f"{path}?stream=x").status_code == 400
        assert client.get(f"{path}?at=99999999999999").status_code == 200


def test_a_long_log_opens_at_its_end_at_once_and_its_end_is_found_at_once(site: Served) -> None:
    log, size = site.box.logs("many")[-1], 10_000_000_000
    kept, index = log.read_bytes(), log.with_name(log.name + ".idx")
    kept_index = index.read_bytes()
    try:
        with open(log, "r+b") as file:
            file.truncate(size)
            file.seek(size - 15)
            file.write(b"\nthe last line\n")
        with open(index, "w") as file:
            file.writelines(f"{number} o 65536\n" for number in range(size // 65536))
            file.write(f"{size} o {size % 65536}\n")
        with site.client() as client:
            path = path_of(site, "many")
            before, began = bytes_read(site.live.pid), time.monotonic()
            page = client.get(path).text
            opened, read = time.monotonic() - began, bytes_read(site.live.pid) - before
            found = client.get(f"{path}?grep=the last").text
            searched = time.monotonic() - began - opened
    finally:
        log.write_bytes(kept)
        index.write_bytes(kept_index)
    assert "the last line" in page
    assert "1 line of the output matches" in found
    assert read < size / 20
    assert opened < 10
    assert searched < 10


def test_a_browser_shows_many_lines_without_a_fault(browser: "Browser", site: Served) -> None:
    with page_of(browser, site, width=PHONE) as page:
        page.goto(site.address + path_of(site, "many"))
        page.get_by_role("link", name="to the last line").click()
        until(lambda: page.locator("#log .row").last.evaluate(IS_IN_SIGHT), "the last line in sight")
        shoot(page, "log-many")
        assert violations(page) == []
        page.goto(site.address + path_of(site, "hostile"))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, "log-hostile")
