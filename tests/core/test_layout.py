"""One owner of paths: what lies below state, run and output directory is said by `core/layout.py` and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.sources import PRODUCT, PROJECT, tree_of
from process_control.core import layout

SOURCE = PROJECT / "src/process_control"
OWNERS = ("state_directory", "output_directory", "run_directory")
"""Names of values that only the layout module may put a path below."""
FILES = (
    *("block", "claims", "refused", "recovered", "health.json", "told.json", "crontab.json", "history.sqlite"),
    *(".jsonl", ".jsonl.gz", "short.lock", "recovery.lock", "versions.lock", "secrets.key", "prune.stamp"),
)
"""Names of our files: elsewhere they stand in no string that is a path."""


def paths_built_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for value, following in zip(node.values, node.values[1:], strict=False):
                if is_below_an_owner(value) and isinstance(following, ast.Constant) and "/" in str(following.value)[:1]:
                    yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("path.join", "Path", "joinpath")):
            if len(node.args) > 1 and any(map(is_an_owner, node.args)):
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div) and mentions_an_owner(node.left):
            yield node.lineno, ast.unparse(node)


def is_below_an_owner(value: ast.expr) -> bool:
    return isinstance(value, ast.FormattedValue) and is_an_owner(value.value)


def is_an_owner(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.lstrip("_") in OWNERS


def mentions_an_owner(node: ast.expr) -> bool:
    """Tell whether it is such a value, or Path(value)."""
    parts = [node, *node.args] if isinstance(node, ast.Call) and ast.unparse(node.func) == "Path" else [node]
    return any(map(is_an_owner, parts))


def names_of_our_files_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield strings that end in the name of a file of ours: alone, or after a slash."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            name = node.value.rpartition("/")[2]
            if name in FILES and (name != node.value or "." in name):
                yield node.lineno, node.value


def modules() -> list[Path]:
    return [path for path in PRODUCT if path != SOURCE / "core/layout.py"]


def test_no_other_module_builds_a_path_below_our_directories() -> None:
    faults = [
        f"{path.relative_to(PROJECT)}:{line}: {what}: ask core/layout.py"
        for path in modules()
        for find in (paths_built_in, names_of_our_files_in)
        for line, what in find(tree_of(path))
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "source",
    [
        'open(f"{settings.state_directory}/jobs")',
        'open(f"{self._output_directory}/{slug}")',
        'os.path.join(state_directory, "journal")',
        'run_directory + "/x.lock"',
        'Path(state_directory) / "jobs"',
        'path = f"{directory}/health.json"',
        'STAMP = "prune.stamp"',
    ],
)
def test_a_path_built_elsewhere_is_found(source: str) -> None:
    tree = ast.parse(source)

    assert [*paths_built_in(tree), *names_of_our_files_in(tree)]


def test_the_paths_are_where_earlier_versions_left_them() -> None:
    state, output = "/s", "/o"

    assert [
        layout.run_directory(state),
        layout.block(state, "backup"),
        layout.health(state, "backup"),
        layout.short_lock(state, "backup"),
        layout.claims(state, "backup"),
        layout.incident_mark(state, "backup"),
        layout.first_incident(state, "backup"),
        layout.note(state, "backup", "stray"),
        layout.stamp(state, "backup", "syslog"),
        layout.refusal(state, "backup"),
        layout.journal_day(state, "2026-03-10"),
        layout.journal_file(state, "2026-03-09.jsonl.gz"),
        layout.index(state),
        layout.spool_entry(state, "news", "1.json"),
        layout.spool_due(state),
        layout.shared_lock(state, "db"),
        layout.recovered(state),
        layout.recovery_lock(state),
        layout.versions_lock(state),
        layout.chains(state),
        layout.chains_lock(state),
        layout.secrets_key(state),
        layout.prune_stamp(state),
        layout.crontab_note(state),
        layout.lock("/r", "backup"),
        layout.log(output, "backup", "20260310-120000", "0k2m"),
        layout.log_here(output, "/old/backup/backup-20260310-120000-0k2m.log"),
    ] == [
        "/s/run",
        "/s/jobs/backup/block",
        "/s/jobs/backup/health.json",
        "/s/jobs/backup/short.lock",
        "/s/jobs/backup/claims",
        "/s/jobs/backup/incident",
        "/s/jobs/backup/told.json",
        "/s/jobs/backup/stray.json",
        "/s/jobs/backup/syslog.stamp",
        "/s/refused/backup.json",
        "/s/journal/2026-03-10.jsonl",
        "/s/journal/2026-03-09.jsonl.gz",
        "/s/history.sqlite",
        "/s/spool/news/1.json",
        "/s/spool/due",
        "/s/locks/db",
        "/s/recovered",
        "/s/recovery.lock",
        "/s/versions.lock",
        "/s/chains.json",
        "/s/chains.lock",
        "/s/secrets.key",
        "/s/prune.stamp",
        "/s/crontab.json",
        "/r/backup.lock",
        "/o/backup/backup-20260310-120000-0k2m.log",
        "/o/backup/backup-20260310-120000-0k2m.log",
    ]
