"""Read the environment files of a job for a run.

Lean module, loaded for jobs with the key environment_file.
"""

from process_control.errors import BadConfiguration

_HINT = "check that its disk is mounted and answers"


def read_environment_files(paths: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables, later files over earlier ones, and which of their values are secret.

    Raises the errors of an unsafe or broken environment file.
    """
    from process_control.config.environment_file import MIN_SECRET_LENGTH, read_environment_file
    from process_control.system.ask import NoAnswer, ask

    variables: dict[str, str] = {}
    try:
        for each in ask(lambda: [read_environment_file(path) for path in paths]):
            variables.update(each)
    except NoAnswer as error:
        raise BadConfiguration(f"environment_file: {error}", where=paths[0], hint=_HINT) from error
    return variables, [value for value in variables.values() if len(value) >= MIN_SECRET_LENGTH]
