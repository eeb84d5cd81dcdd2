"""The layers of the package, and their picture in docs/architecture.md: `python -m tools.layers` writes it."""

import ast
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "process_control"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- the picture: written by `python -m tools.layers` -->", "<!-- end of the picture -->"

#: Each layer may use those above it, and nothing below; names in one line know nothing of each other.
LAYERS = (
    ("errors",),
    ("core",),
    ("system",),
    ("execution", "config"),
    ("history",),
    ("state",),
    ("notify",),
    ("views",),
    ("run", "crontab", "exports"),
    ("actions",),
    ("scheduler", "fleet"),
    ("web",),
    ("cli",),
)
#: What the interpreter finds first, and what calls the rest: it stands beside the layers.
OUTSIDE = ("entry",)


def picture() -> str:
    """Return the layers as text, the lowest in the list last: what each part is for, and its files."""
    lines = ["```text"]
    for parts in (*LAYERS, OUTSIDE):
        for part in parts:
            if (PACKAGE / f"{part}.py").exists() or (PACKAGE / part).is_dir():
                lines += _part(part)
        if lines[-1]:
            lines.append("")
    return "\n".join([*lines[:-1], "```"])


def _part(part: str) -> list[str]:
    file = PACKAGE / f"{part}.py"
    if file.exists():
        return [f"{part}.py  {_what_for(file)}"]
    lines: list[str] = []
    for folder in sorted({path.parent for path in (PACKAGE / part).rglob("*.py")}):
        lines.append(f"{folder.relative_to(PACKAGE)}/  {_what_for(folder / '__init__.py')}")
        names = " ".join(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__"))
        lines += textwrap.wrap(names, 116, initial_indent="    ", subsequent_indent="    ")
    return lines


def _what_for(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def page() -> str:
    """Return docs/architecture.md with the picture as the package is now."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture()}\n{END}{after}"


def main() -> int:
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
