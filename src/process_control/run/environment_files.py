"""The environment files of a job, read for a run that begins.

Lean module, loaded for jobs with the key environment_file.
"""

from process_control.errors import BadConfiguration

_MEND_OF_A_DISK = "check that its disk is mounted and answers"


def read_environment_files(paths: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the variables, later files over earlier ones, and which of their values are secret.

    Raises what an unsafe or broken environment file raises.
    """
    from process_control.config.environment_file import MIN_SECRET_LENGTH, read_environment_file
    from process_control.system.ask import NoAnswer, ask

    variables: dict[str, str] = {}
    try:
        for each in ask(lambda: [read_environment_file(path) for path in paths]):
            variables.update(each)
    except NoAnswer as error:
        raise BadConfiguration(f"environment_file: {error}", where=paths[0], hint=_MEND_OF_A_DISK) from error
    return variables, [value for value in variables.values() if len(value) >= MIN_SECRET_LENGTH]
