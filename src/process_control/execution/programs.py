"""Find the files that the commands of a job would execute, by their PATH.

Lean module, loaded where this is needed before a run.
"""

import posix

from process_control.execution.process import find_executable


def absolute_search_path(search_path: list[str], directory: str) -> list[str]:
    """Return the directories of PATH made absolute: relative ones are below the job's working directory."""
    return [each if each.startswith("/") else f"{directory}/{each}".rstrip("/") for each in search_path]


def program_stamps(names: list[str], search_path: list[str], directory: str) -> list[str]:
    """Return `path inode size nanoseconds` of each program, each once, in the order of the names.

    A program that is not found is represented by its name alone. Relative paths are relative to `directory`.
    """
    stamps: dict[str, str] = {}
    for name in names:
        path, _ = find_executable(name, absolute_search_path(search_path, directory))
        try:
            status = posix.stat(path if path.startswith("/") else f"{directory}/{path}")
        except OSError:
            stamps.setdefault(name, name)
            continue
        stamps[path] = f"{path} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return list(stamps.values())
