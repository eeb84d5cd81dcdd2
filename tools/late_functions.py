"""The functions of the lean modules that a plain run does not call: the bundle keeps them marshalled until then.

A third of the lean modules' code is for refusals, kills, limits and leftovers. In the bundle such a function has its
name, its defaults and a body that puts the code in its place at the first call (`entry/bundle.py`). The code is in
memory by then: nothing is imported, whatever became of the disk or the package. `late_functions.txt` names them;
`python -m tools.plain_runs`
writes it.
"""

import ast
import marshal
from pathlib import Path
from types import CodeType
from typing import Any

LIST = Path(__file__).with_suffix(".txt")
_IN_A_FUNCTION = 0x2  # CO_NEWLOCALS; the body of a class has not got it


def listed() -> frozenset[str]:
    """Return what the list names: `file function`, the file below the package, the function with its class."""
    return frozenset(LIST.read_text(encoding="utf-8").splitlines())


def _first_call(*arguments: Any, its_name: str, **named: Any) -> Any:
    from process_control.entry.bundle import define_late_functions

    return define_late_functions(globals(), its_name)(*arguments, **named)


FIRST_CALL = _first_call.__code__.replace(co_filename="<first call of a late function>")
"""The body that all of them share at first; the default of `its_name` says which one was called."""


def split(tree: ast.Module, shown: str, late: set[str]) -> tuple[CodeType, bytes]:
    """Return the code of a module without its late functions, and these, marshalled: (name, code) of each."""
    whole = dict(functions_of(_compiled(tree, shown)))
    emptying = _Emptying(late)
    code = _with_first_calls(_compiled(emptying.visit(tree), shown), emptying.found)
    return code, marshal.dumps(tuple((name, whole[name]) for name in emptying.found)) if emptying.found else b""


def functions_of(code: CodeType) -> list[tuple[str, CodeType]]:
    """Return names and code of a module's functions, those of classes too, but none inside of a function."""
    found: list[tuple[str, CodeType]] = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            is_function = constant.co_flags & _IN_A_FUNCTION
            found += [(constant.co_qualname, constant)] if is_function else functions_of(constant)
    return found


def _compiled(tree: ast.Module, shown: str) -> CodeType:
    return compile(tree, shown, "exec", optimize=2, dont_inherit=True)


def _with_first_calls(code: CodeType, names: list[str]) -> CodeType:
    """Return the code with the shared body for each of these functions."""

    def changed(constant: object) -> object:
        if not isinstance(constant, CodeType):
            return constant
        if constant.co_flags & _IN_A_FUNCTION:
            return FIRST_CALL if constant.co_qualname in names else constant
        return _with_first_calls(constant, names)

    return code.replace(co_consts=tuple(changed(constant) for constant in code.co_consts))


class _Emptying(ast.NodeTransformer):
    """Take the body of each late function, and give it the argument that names it.

    One that has a decorator, or needs its class (`super()`), is no plain attribute of module or class: it stays.
    """

    def __init__(self, late: set[str]) -> None:
        self.found: list[str] = []
        self._late = late
        self._classes: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._classes.append(node.name)
        self.generic_visit(node)
        self._classes.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        name = ".".join([*self._classes, node.name])
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if name in self._late and not node.decorator_list and not names & {"super", "__class__"}:
            self.found.append(name)
            node.args.kwonlyargs.append(ast.arg("its_name"))
            node.args.kw_defaults.append(ast.Constant(name))
            node.body = [ast.Pass()]
        return ast.fix_missing_locations(node)
