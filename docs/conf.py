"""How `make docs` makes a site of these pages: Sphinx, MyST and Furo; its search works without a server and offline.

The index, README.md, stands for the table of contents: each bold line begins a group, each link below is a page of it.
"""

import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

PROJECT = Path(__file__).parent.parent
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
GROUP = re.compile(r"^\*\*(.+)\*\*$", re.MULTILINE)
PAGE = re.compile(r"\[[^\]]+\]\(([\w/-]+)\.md\)")

project = "process-control"
found = VERSION.search((PROJECT / "src" / "process_control" / "__init__.py").read_text())
release = found[1] if found else ""
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["conf.py"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"process-control {release}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}
html_use_index = False
smartquotes = False  # commands are there to be pasted


def contents(index: str) -> str:
    """Return the tables of contents for what the index page links to, group by group."""
    parts = GROUP.split(index)[1:]
    tables = []
    for group, text in zip(parts[::2], parts[1::2], strict=True):
        pages = "\n".join(PAGE.findall(text))
        tables.append(f"```{{toctree}}\n:hidden:\n:caption: {group}\n\n{pages}\n```\n")
    return "\n".join(tables)


def complete(_: Sphinx, page: str, source: list[str]) -> None:
    """Give the index its tables of contents."""
    if page == root_doc:
        source[0] += "\n" + contents(source[0])


def name_the_index(app: Sphinx, error: Exception | None) -> None:
    """Give the first page the name that a server and a browser look for."""
    if error is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    """Connect the steps above."""
    app.connect("source-read", complete)
    app.connect("build-finished", name_the_index)
