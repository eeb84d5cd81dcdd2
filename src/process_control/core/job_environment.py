"""The environment of a job: made from its file, whoever starts it.

Lean module, pure.
"""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# An allow-list, since what the caller has besides may be a token, and a program is read by its whole account.
_FOR_ANY_USER = (b"PATH", b"LANG", b"LC_ALL", b"LC_CTYPE", b"TZ", b"LD_LIBRARY_PATH")  # the last: some Pythons need it
# Where configurations are searched.
_FOR_THE_SAME_USER = (
    b"HOME",
    b"XDG_CONFIG_HOME",
    b"XDG_STATE_HOME",
    b"XDG_CACHE_HOME",
)


def job_environment(
    *,
    account_name: str,
    home: str,
    runtime_directory: str | None,
    own_commands: str | None,
    inherited: dict[str, str],
    from_files: dict[str, str],
    from_job: dict[str, str],
    run: dict[str, str],
) -> dict[str, str]:
    """Return the environment of a job. Later sources win: defaults, inherited, from_files, from_job, run.

    `own_commands` is the directory of `run-job`; it is last in the default PATH, so that sub-jobs are found.
    """
    path = DEFAULT_PATH
    if own_commands and own_commands not in path.split(":"):
        path = f"{path}:{own_commands}"
    environment = {
        "PATH": path,
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "HOME": home,
        "USER": account_name,
        "LOGNAME": account_name,
    }
    if runtime_directory:
        environment["XDG_RUNTIME_DIR"] = runtime_directory
    environment.update(inherited)
    environment.update(from_files)
    environment.update(from_job)
    environment.update(run)
    return environment


def variables_of_run(
    *,
    job: str,
    run_id: str,
    trigger: str = "",
    scheduled_at: str | None = None,
    slow_start: bool = False,
    config: str | None = None,
) -> dict[str, str]:
    """Return the variables that describe a run to its commands. `config`: the configuration, if one was named."""
    variables = {
        "PROCESS_CONTROL_JOB": job,
        "PROCESS_CONTROL_RUN_ID": run_id,
        "PROCESS_CONTROL_ATTEMPT": "1",
        "PROCESS_CONTROL_TRIGGER": trigger,
        "PROCESS_CONTROL_SCHEDULED_AT": scheduled_at or "",
        "PROCESS_CONTROL_SLOW_START": "1" if slow_start else "0",
    }
    if config:
        variables["PROCESS_CONTROL_CONFIG"] = config
    return variables


def inherited_variables(wanted: bool | list[str], caller: dict[str, str]) -> dict[str, str]:
    """Return the part of the caller's environment that the job inherits: nothing, all, or the names it lists."""
    if wanted is False:
        return {}
    names = caller if wanted is True else wanted
    return {name: caller[name] for name in names if name in caller and not name.startswith("PROCESS_CONTROL_")}


def search_path(environment: dict[str, str], own_commands: str | None) -> list[str]:
    """Return the directories to search for commands: the job's PATH, and last the directory of `run-job`."""
    directories = environment.get("PATH", DEFAULT_PATH).split(":")
    if own_commands and own_commands not in directories:
        directories.append(own_commands)
    return directories


def own_environment(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the part of our environment that a program of ours needs to start."""
    return {name: environment[name] for name in (*_FOR_ANY_USER, *_FOR_THE_SAME_USER) if name in environment}


def environment_for_another_user(environment: dict[bytes, bytes], *, home: str) -> dict[bytes, bytes]:
    """Return the part of an environment that a process keeps when it becomes another user, whose home is `home`."""
    kept = {name: environment[name] for name in _FOR_ANY_USER if name in environment}
    return {**kept, b"HOME": home.encode("utf-8", "surrogateescape")}
