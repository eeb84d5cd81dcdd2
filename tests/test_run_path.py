"""The way of a run, as docs/architecture.md walks it: every step is a function that has that name, in that file."""

import ast
import re

from kit.harness import PROJECT

STEP = re.compile(r"^(\d+)\. `([\w/]+\.py)` `(\w+)`: ", re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """Return file and function of each step, in the order of the page."""
    section = (PROJECT / "docs" / "architecture.md").read_text().split("\n## One run\n")[1].split("\n## ")[0]
    return [(file, name) for _, file, name in STEP.findall(section)]


def functions_of(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((PROJECT / "src" / "process_control" / file).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_step_of_the_walk_is_a_function_of_that_name() -> None:
    missing = [f"{file} has no function {name}" for file, name in steps() if name not in functions_of(file)]

    assert not missing, "\n".join(missing)


def test_the_walk_goes_from_the_command_line_to_the_end_in_at_most_fifteen_steps() -> None:
    assert steps()[0] == ("cli/run_job/main.py", "main")
    assert steps()[-1] == ("run/end.py", "record_the_end")
    assert len(steps()) <= 15


def test_the_steps_of_a_run_are_those_that_run_job_takes_in_that_order() -> None:
    taken = [
        [element.id for element in node.iter.elts if isinstance(element, ast.Name)]
        for node in ast.walk(functions_of("run/run_job.py")["take_the_steps"])
        if isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple)
    ]

    assert taken == [[name for _, name in steps()[6:13]]]
