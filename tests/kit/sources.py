"""The modules of the product and of its tests, each parsed once: for tests of style, words and layers.

What imports this goes to one worker (see kit/side_by_side.py): parsing takes more than looking.
"""

import ast
from functools import cache
from pathlib import Path

from kit.installation import PROJECT

PRODUCT = sorted((PROJECT / "src").rglob("*.py"))
TOOLS = sorted((PROJECT / "tools").rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
BENCHES = sorted(path for name in ("bench", "demo") for path in (PROJECT / name).glob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


def short(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def place(path: Path, node: ast.AST) -> str:
    return f"{short(path)}:{getattr(node, 'lineno', 0)}"
