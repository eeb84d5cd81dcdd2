"""The keys of a failmail map that do not go together, and the form of a server."""

from process_control.config.yaml.nodes import Faults, Map, Node

TLS_BY_PORT = {465: "implicit", 587: "starttls"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def host_and_port(server: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `[::1]:port` or `host` (25)."""
    host, colon, port = server.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = server, "25"
    return host.strip("[]"), int(port)


def check_failmail(node: Node | None, faults: Faults) -> None:
    """Tell which keys of a failmail map do not go together; nothing of what is no map."""
    if not isinstance(node, Map):
        return
    said = {key.value: value for key, value in node.entries}
    keys = {key.value: key for key, _ in node.entries}
    if "smtp" in said and "sendmail" in said:
        faults.add("'failmail' has 'smtp' and 'sendmail'", keys["sendmail"], hint="keep one of the two")
    if ("login" in said) != ("password_file" in said):
        there, missing = ("login", "password_file") if "login" in said else ("password_file", "login")
        faults.add(f"'failmail.{there}' needs 'failmail.{missing}'", keys[there], hint=f"add {missing}, or remove it")
    server = getattr(said.get("smtp"), "value", "")
    tls = getattr(said.get("tls"), "value", None)
    if "login" in said and server and not _is_secure(server, tls):
        faults.add(
            "'failmail.login' would send the password unencrypted",
            keys["login"],
            hint="set 'tls: starttls' or 'tls: implicit'",
        )


def _is_secure(server: str, tls: str | None) -> bool:
    try:
        host, port = host_and_port(server)
    except ValueError:  # told already
        return True
    return host in _LOOPBACK or (tls or TLS_BY_PORT.get(port, "none")) != "none"
