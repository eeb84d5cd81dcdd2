"""The English of messages and of the code: words that need a second reading, and messages that need a third line."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from kit.sources import BENCHES, PRODUCT, PROJECT, TESTS, TOOLS, nodes_of

FORBIDDEN = {
    r"\b(told|tells?)\b": "report, record, show, say, mail",
    r"\bgoes on\b": "continues, is still running",
    r"\bfor want of\b": "because there is no",
    r"\bmend(s|ed)?\b": "fix, hint",
    r"\bsmall[- ]doses?\b": "slow_start_command",
    r"\basks\b": "name what is done",
    r"\blooks? after\b": "manage",
    r"\bof (its|their|your|his) own\b": "another, private, separate",
    r"\bcannot be said\b": "unknown",
    r"\bhad (its|their) time\b": "older than",
}
MAY_SAY = {
    ("core/json_objects.py", "told"): "the name of a key of `--json`",
}
"""(file, word): why."""

FORBIDDEN_IN_CODE = {
    "told|tell|tells|telling": "report, log, record, mail, show, raise, return, progress",
    "said": "output, answer, given",
    "mend|mends|mended": "hint, fix, repair",
    "glance|glances": "summary",
    "standing": "existing",
}
"""What no comment, docstring or identifier of the product and of its tools says."""
METAPHORS = {"doors?|floors?|rooms?|corridors?|houses?(?! style)": "entry point, layer, module, space, width, path"}
"""What none says in tests and benches either."""
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
DOCUMENTED = ast.Module | ast.ClassDef | FUNCTIONS
WORDS_OF_DOCSTRINGS = r"Tell\b|Whether\b|Raises\b|In the\b|As\b"
"""How no docstring of a function begins: it says first what the function does, `Return whether …`."""

MAX_CHARACTERS = 160
"""Two lines of 80 columns."""
USUAL = {
    "path": "/etc/process-control.yaml",
    "file": "/etc/process-control.yaml",
    "directory": "/var/lib/process-control",
    "target": "/etc/cron.d/process-control",
    "slug": "nightly-backup",
    "name": "nightly-backup",
    "user": "jobs",
    "run_id": "1m8g35q0yqfpanxy",
    "number": "12",
    "count": "12",
    "seconds": "30",
    "key": "timeout",
    "at": "2026-11-28T03:28:53.819Z",
}
"""What usually stands for `{…slug…}` and so on; ten characters for all else."""
OF_PAGES = frozenset({"epilog", "help", "meaning", "more"})
"""What help, man pages and docs show, wrapped."""
TEMPLATES = ("<", "complete ", "_")
"""How lines of HTML and of completion scripts begin."""


def short(path: Path) -> str:
    """Return `core/job.py`, `tools/pages.py`."""
    return str(path.relative_to(PROJECT)).removeprefix("src/process_control/")


def text_of(node: ast.expr) -> str | None:
    """Return a literal with its places filled in as usual; None for what is no literal."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else _usual(ast.unparse(part)) for part in node.values
    )


def _usual(place: str) -> str:
    return next((value for word, value in USUAL.items() if word in place), "something!")


def _is_of_click(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        re.search(r"command|group|verb", ast.unparse(decorator)) for decorator in node.decorator_list
    )


@cache
def _not_shown(path: Path) -> frozenset[int]:
    """Return the ids of docstrings that no user reads, and of the parts of f-strings."""
    found: set[int] = set()
    for node in nodes_of(path):
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else []
        for position, statement in enumerate(body):
            is_help = position == 0 and _is_of_click(node)
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and not is_help:
                found.add(id(statement.value))
        if isinstance(node, ast.JoinedStr):
            found |= {id(part) for part in ast.walk(node) if part is not node}
    return frozenset(found)


def shown(path: Path, *, without: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """Yield line and text of every literal with a blank in it that a user may read.

    `without`: leave out what these arguments are given.
    """
    hidden = set(_not_shown(path))
    for node in nodes_of(path):
        if isinstance(node, ast.keyword) and node.arg in without:
            hidden |= {id(part) for part in ast.walk(node.value)}
    for node in nodes_of(path):
        text = text_of(node) if isinstance(node, ast.expr) and id(node) not in hidden else None
        if text is not None and " " in text.strip():
            yield node.lineno, text  # type: ignore[attr-defined]


def test_what_a_user_reads_needs_no_second_reading() -> None:
    found = [
        f"{short(path)}:{line}: {word[0]!r} ({better}): {text[:100]}"
        for path in PRODUCT
        for line, text in shown(path)
        for regex, better in FORBIDDEN.items()
        for word in re.finditer(regex, text)
        if (short(path), word[0]) not in MAY_SAY
    ]

    assert not found, "\n".join(found)


def test_no_message_is_longer_than_two_lines() -> None:
    too_long = [
        f"{short(path)}:{line}: {len(part)} characters: {part}"
        for path in PRODUCT
        for line, text in shown(path, without=OF_PAGES)
        for part in text.split("\n")
        if len(part) > MAX_CHARACTERS and not part.startswith(TEMPLATES)
    ]

    assert not too_long, "\n".join(too_long)


def test_no_hint_that_a_test_quotes_is_longer_than_two_lines() -> None:
    too_long = [
        f"{path.name}:{node.lineno}: {len(line)} characters: {line}"
        for path in TESTS
        for node in nodes_of(path)
        if isinstance(node, ast.Constant | ast.JoinedStr)
        for line in (text_of(node) or "").split("\n")
        if line.startswith("  hint: ") and len(line) > MAX_CHARACTERS + len("  hint: ")
    ]

    assert not too_long, "\n".join(too_long)


def _words_of_code(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of every comment, docstring and identifier; the words of an identifier stand apart."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME:
            yield token.start[0], re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", token.string.replace("_", " "))
    for node in nodes_of(path):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text


def _odd_words(paths: Iterable[Path], forbidden: dict[str, str]) -> list[str]:
    anywhere = re.compile("|".join(forbidden), re.IGNORECASE)
    return [
        f"{short(path)}:{line}: {word[0]!r} ({better})"
        for path in paths
        if anywhere.search(path.read_text())  # most files have none of the letters: a tenth of the time
        for line, text in _words_of_code(path)
        for words, better in forbidden.items()
        for word in re.finditer(rf"\b({words})\b", text, re.IGNORECASE)
    ]


def test_code_is_written_in_an_engineers_english() -> None:
    found = _odd_words([*PRODUCT, *TOOLS], FORBIDDEN_IN_CODE)

    assert not found, "\n".join(found)


def test_no_code_speaks_in_metaphors_of_buildings() -> None:
    found = _odd_words([*PRODUCT, *TOOLS, *TESTS, *BENCHES], METAPHORS)

    assert not found, "\n".join(found)


def test_limits_are_called_max() -> None:
    odd = re.compile(r"_?(MOST|LONGEST|LARGEST|DEEPEST|HIGHEST)_(?!PROCESS\b)\w+")
    found = [
        f"{short(path)}:{node.lineno}: {node.id}"
        for path in [*PRODUCT, *TOOLS]
        for node in nodes_of(path)
        if isinstance(node, ast.Name) and odd.match(node.id)
    ]

    assert not found, "\n".join(found)


def test_docstrings_have_one_style() -> None:
    """A field or a constant has a `#:` line above it; a function says first what it does."""
    found = []
    for path in [*PRODUCT, *TOOLS]:
        for node in nodes_of(path):
            is_function = isinstance(node, FUNCTIONS) and not node.decorator_list  # of a property: what it is
            text = ast.get_docstring(node) if is_function else None  # type: ignore[arg-type]
            if text and re.match(WORDS_OF_DOCSTRINGS, text):
                found.append(f"{short(path)}:{node.lineno}: begin with a verb: {text[:60]}")  # type: ignore[attr-defined]
            found += [f"{short(path)}:{line}: write it as `#:` above" for line in _strings_below_assignments(node)]

    assert not found, "\n".join(found)


def _strings_below_assignments(node: ast.AST) -> Iterator[int]:
    body = node.body if isinstance(node, DOCUMENTED) else []
    for statement, following in pairwise(body):
        is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and is_text:
            yield following.lineno
