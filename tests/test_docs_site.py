"""`make docs`: the pages as a site, each in its contents, without a warning, with a search that works offline."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kit.harness import PROJECT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "docs", str(site)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return site


@pytest.mark.long
def test_every_page_is_in_the_contents_of_the_site(site: Path) -> None:
    docs = PROJECT / "docs"
    pages = {str(page.relative_to(docs).with_suffix(".html")) for page in docs.rglob("*.md")} - {"README.html"}

    contents = {*re.findall(r'class="reference internal" href="([^"#]+)"', (site / "index.html").read_text())}

    assert pages - contents == set()


def test_the_search_needs_no_server(site: Path) -> None:
    page = (site / "search.html").read_text()
    wanted = re.findall(r'(?:src|href)="([^"#]+?)(?:\?v=\w+)?"', page)

    assert "searchindex.js" in wanted
    assert "on_overlap" in (site / "searchindex.js").read_text()
    local = [name for name in wanted if not name.startswith(("http://www.", "https://www.", "https://github.com"))]
    assert [name for name in local if not (site / name).is_file()] == []
