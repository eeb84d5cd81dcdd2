"""What names a host for ssh, and a group of hosts: never something that ssh takes for an option. Pure."""

import re

HOST_FORM = "a host as ssh knows it, web1 or ops@web1.example.org"
GROUP_FORM = "letters, digits, - and _, at most 64, the first a letter or digit"
#: A name, an alias of ~/.ssh/config or an address. ssh's own files say which port, key and account it has.
_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?[A-Za-z0-9_:][A-Za-z0-9_.:-]{0,252}", re.ASCII)
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def is_host(text: str) -> bool:
    """Return whether a text names one host: `[USER@]HOST`."""
    return _HOST.fullmatch(text) is not None


def is_group(text: str) -> bool:
    """Return whether a text names a group of hosts, without the @ in front."""
    return _GROUP.fullmatch(text) is not None
