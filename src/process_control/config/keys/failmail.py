"""Checks which keys of a failmail map go together, and splits the address of a server."""

from process_control.config.yaml.nodes import Faults, Map, Node

TLS_BY_PORT = {465: "implicit", 587: "starttls"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def host_and_port(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[::1]:port` or `host` (port 25). Raises ValueError."""
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = server, "25"
    return host.strip("[]"), int(port)


def check_failmail(node: Node | None, faults: Faults) -> None:
    """Add a fault for each pair of keys that do not go together. A node that is no map is left to its kind."""
    if not isinstance(node, Map):
        return
    given = {key.value: value for key, value in node.entries}
    keys = {key.value: key for key, _ in node.entries}
    if "smtp" in given and "sendmail" in given:
        faults.add("'failmail' has 'smtp' and 'sendmail'", keys["sendmail"], hint="keep one of the two")
    if ("login" in given) != ("password_file" in given):
        there, missing = ("login", "password_file") if "login" in given else ("password_file", "login")
        faults.add(f"'failmail.{there}' needs 'failmail.{missing}'", keys[there], hint=f"add {missing}, or remove it")
    server = getattr(given.get("smtp"), "value", "")
    tls = getattr(given.get("tls"), "value", None)
    if "login" in given and server and not _is_secure(server, tls):
        faults.add(
            "'failmail.login' would send the password unencrypted",
            keys["login"],
            hint="set 'tls: starttls' or 'tls: implicit'",
        )


def _is_secure(server: str, tls: str | None) -> bool:
    try:
        host, port = host_and_port(server)
    except ValueError:  # has a fault already
        return True
    return host in _LOOPBACK or (tls or TLS_BY_PORT.get(port, "none")) != "none"
