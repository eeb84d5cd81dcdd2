"""The pages of documentation that are installed with the package: `process-control help NAME` shows one."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import process_control

#: Below a prefix: where packages put such pages (Filesystem Hierarchy Standard 3.0, 4.11.3).
INSTALLED = Path("share/doc/process-control/pages")
#: For a browser, and for those who change the code.
NOT_LISTED = ("README", "decisions")
#: For the tests of the pages: comments, and that an example is wrong.
_COMMENT = re.compile(r"^<!--.*?-->[ \t]*\n", re.MULTILINE | re.DOTALL)
_BEFORE_A_PAGE = re.compile(r"^(?:\.{0,2}/)*(?:docs/)?")
_WRONG = re.compile(r"^([ \t]*```\w+) wrong$", re.MULTILINE)


def pages(taken: Collection[str] = ()) -> dict[str, Path]:
    """Return the pages by the name that `help` takes: `at-3-am`; {} where none are installed.

    A name that is `taken`, by a verb, gets its folder: `how-to/logs`.
    """
    top = _directory()
    if top is None:
        return {}
    found = [path for path in sorted(top.rglob("*.md")) if not {path.stem, path.parent.name} & {*NOT_LISTED}]
    return {str(path.relative_to(top).with_suffix("")) if path.stem in taken else path.stem: path for path in found}


def page_at(path: str) -> Path | None:
    """Return the page that a path means, as links write it: `how-to/logs`, `docs/tutorial.md`, `../how-to/logs.md`."""
    wanted = _BEFORE_A_PAGE.sub("", path).removesuffix(".md")
    found = [page for page in pages().values() if f"/{page.with_suffix('')}".endswith(f"/{wanted}")]
    return found[0] if wanted and len(found) == 1 else None


def for_readers(text: str) -> str:
    """Return a page without what only its tests need."""
    return _WRONG.sub(r"\1", _COMMENT.sub("", text))


def title_of(page: Path) -> str:
    """Return the heading of a page."""
    with page.open(encoding="utf-8") as file:
        return next((line.lstrip("# ").strip() for line in file if line.startswith("# ")), page.stem)


def _directory() -> Path | None:
    """Return where the pages are: beside an installation, or in the checkout of an editable one."""
    return next((path for path in _candidates() if path.is_dir()), None)


def _candidates() -> Iterator[Path]:
    package = Path(process_control.__file__).resolve().parent
    yield from (parent / INSTALLED for parent in package.parents)
    yield package.parent.parent / "docs"
