"""Reads a URL that is secret from the file that `url_file` names. What it says of the file never quotes the URL."""

from process_control.config.environment_file import read_secret_file
from process_control.config.keys.notify_kinds import wrong_secret_url
from process_control.errors import BadConfiguration


def url_in(path: str) -> str:
    """Return the first line of the file. Raises as `read_secret_file`, and BadConfiguration when it is no URL."""
    url = read_secret_file(path, what="url_file").partition("\n")[0].strip()
    wrong, hint = wrong_secret_url(url)
    if wrong:
        raise BadConfiguration(f"the first line {wrong}", where=path, hint=hint)
    return url
