"""The overview, as a client and as a browser see it."""

from collections.abc import Iterator

import pytest

from kit.harness import Box
from kit.pages import Served, served


@pytest.fixture(scope="module")
def site(shared_box: Box) -> Iterator[Served]:
    failing = "command: sh -c 'echo disk full >&2; exit 3'\nschedule: '0 3 * * *'\ntags: [nightly]\nowner: ops"
    shared_box.job("backup", failing)
    shared_box.job("rotate", "command: 'true'\nschedule: '0 4 * * *'\ntags: [nightly]")
    for job in ("backup", "rotate"):
        shared_box.run_job(job)
    with served(shared_box) as site:
        yield site


def test_the_worst_is_first_with_its_reason_in_words(site: Served) -> None:
    with site.client() as client:
        page = client.get("/").text

    assert "backup is failing since" in page
    assert page.index('data-job="backup"') < page.index('data-job="rotate"')
    assert "exited with 3" in page.replace("&#39;", "'") or "exit code 3" in page


def test_the_filter_is_in_the_address(site: Served) -> None:
    with site.client() as client:
        page = client.get("/?owner=ops").text

    assert 'data-job="backup"' in page
    assert 'data-job="rotate"' not in page
