"""Kinds of the keys `notify`, `ping` and `host_ping`: URLs, and which keys of an item go together."""

import re

from process_control.config.keys.kind import Kind
from process_control.config.keys.text_kinds import TEXT, wrong_address
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text, quoted
from process_control.core.suggestions import nearest

WEB = ("http", "https")
ALERTMANAGER = ("alertmanager+http", "alertmanager+https")
#: The schemes that process-control knows itself; all others are apprise's.
OWN_SCHEMES = ("mailto", *WEB, *ALERTMANAGER, "exec")
#: Schemes of apprise without a token in the URL. Those without TLS may reach this host only.
PLAIN_APPRISE = ("json", "xml", "form")
APPRISE_WITHOUT_SECRET = (*PLAIN_APPRISE, "jsons", "xmls", "forms", "ntfys", "mqtts", "syslog", "dbus")
# Compiled where they are used first: most files need none of these, and compiling them costs a start milliseconds.
_SCHEME = r"(?as)(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)"
_LOOPBACK = r"(?a)localhost|127(?:\.[0-9]{1,3}){3}|::1"
_SECRET_NAME = r"(?i)[?&](?:[a-z_-]*token|[a-z_-]*key|[a-z_-]*secret|password|passwd|pass|sig)="
_SECRET_ARGUMENT = r"(?i)-*(?:[a-z_-]*token|[a-z_-]*key|[a-z_-]*secret|password|passwd|pass)="
#: Web hooks of which the path is the secret: whoever knows it may write there.
_SECRET_PATH = (
    r"(?i)https://(?:hooks\.slack\.com/services/|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot"
    r"|[\w.-]+\.webhook\.office\.com/|outlook\.office\.com/webhook/)"
)
_TO_FILE = "write the URL into a file with mode 0600, and name that: url_file: /etc/process-control.url"
_SECRET = "holds a secret, which everybody who may read this file sees"


def is_loopback(host: str) -> bool:
    """Return whether the name or address of a host is this host."""
    return re.fullmatch(_LOOPBACK, host) is not None


def is_unencrypted(url: str) -> bool:
    """Return whether a valid URL leads without TLS to another host."""
    from urllib.parse import urlsplit

    return url.lower().startswith("http://") and not is_loopback(urlsplit(url).hostname or "")


def wrong_url(text: str) -> tuple[str, str]:
    """Return what is wrong with the URL of a recipient, and the hint; empty when nothing is.

    What is wrong begins with a verb, and never quotes a URL that may hold a secret.
    """
    match = re.fullmatch(_SCHEME, text)
    if match is None:
        return _no_url(text)
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme == "mailto":
        return _wrong_mailto(rest)
    if scheme == "exec":
        return _wrong_program(rest)
    if not rest.startswith("//"):
        return _no_url(text)
    if scheme in WEB + ALERTMANAGER:
        return wrong_web_url(text, loopback_only=scheme == "http")
    return _wrong_apprise(scheme, text)


def wrong_secret_url(text: str) -> tuple[str, str]:
    """Return what is wrong with a URL that may hold a secret, without a word of it, and the hint; else empty."""
    match = re.fullmatch(_SCHEME, text)
    scheme = match["scheme"].lower() if match else ""
    if match is None or not text.isprintable() or (scheme not in ("mailto", "exec") and match["rest"][:2] != "//"):
        return "is not a URL", "write https://host/path, or scheme://… as apprise has it"
    if scheme == "mailto":
        return "is an address, which is no secret", "write url: mailto:… in the place of url_file"
    what, hint = wrong_url(text) if scheme in OWN_SCHEMES + PLAIN_APPRISE else ("", "")
    if not what or what.startswith(_SECRET):
        return "", ""
    return what.partition(", not ")[0], hint


def _no_url(text: str) -> tuple[str, str]:
    what = f"must be a URL, not {quoted(text)}"
    if "@" in text and not wrong_address(text):
        return what, f"write mailto:{text}"
    if text.startswith("/"):
        return what, f"for a program write exec:{text}; for a file with the URL: url_file: {text}"
    return what, f"write {NOTIFY_URL.form}"


def _wrong_mailto(rest: str) -> tuple[str, str]:
    hint = "write mailto:ops@example.org,dba@example.org"
    if rest.startswith("//"):
        return "must be mailto: and addresses", f"{hint}; the server and the login are in 'failmail'"
    for address in map(str.strip, rest.split(",")):
        if wrong := wrong_address(address) if address else "has no address where one is due":
            return wrong, hint
    return "", ""


def _wrong_program(text: str) -> tuple[str, str]:
    try:
        words = words_of_program(f"exec:{text}")
    except ValueError:
        return "has a quote that is not closed", "close it: arguments are quoted as for a shell"
    if not words or not words[0].startswith("/"):
        return f"must have a whole path, not {quoted('exec:' + text)}", "write exec:/usr/local/bin/page-someone"
    return (_SECRET, _TO_FILE) if any(re.match(_SECRET_ARGUMENT, word) for word in words[1:]) else ("", "")


def words_of_program(url: str) -> list[str]:
    """Return the program and the arguments of an `exec:` URL. Raises ValueError for a quote that is not closed."""
    import shlex  # not for every configuration and job

    return shlex.split(url.partition(":")[2])


def wrong_web_url(text: str, *, loopback_only: bool) -> tuple[str, str]:
    """Return what is wrong with an `http://` or `https://` URL, and the hint; empty when nothing is."""
    from urllib.parse import urlsplit  # not for every configuration and job

    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a valid URL", "write https://host.example.org/path"
    if not host or re.search(r"\s", text):
        return "has no host, or a blank in it", "write https://host.example.org/path"
    if loopback_only and not is_loopback(host):
        return f"would send unencrypted to {quoted(host)}", "write https://; http:// is for this host only"
    if parts.username is not None or re.search(_SECRET_NAME, text) or re.match(_SECRET_PATH, text):
        return _SECRET, _TO_FILE
    return "", ""


def _wrong_apprise(scheme: str, text: str) -> tuple[str, str]:
    if (near := nearest(scheme, OWN_SCHEMES)) is not None and scheme != "mailtos":
        return (
            f"has an unknown scheme {quoted(scheme)}",
            f"did you mean '{near}:{'' if near in ('mailto', 'exec') else '//'}'?",
        )
    if scheme not in APPRISE_WITHOUT_SECRET:
        return f"{_SECRET}: {scheme}:// has its token in it", _TO_FILE
    what, hint = wrong_web_url(text, loopback_only=scheme in PLAIN_APPRISE)
    return (what, hint.replace("https://;", f"{scheme}s://;").replace("http://", f"{scheme}://")) if what else ("", "")


def _url_kind(form: str, *, of_recipient: bool) -> Kind:
    def read(key: str, node: Node, faults: Faults) -> str | None:
        before = faults.count
        text: str | None = TEXT.read(key, node, faults)
        if text is None or faults.count > before:
            return text
        what, hint = wrong_url(text) if of_recipient else _wrong_ping(text)
        if what:
            faults.add(f"'{key}' {what}", node, hint=hint, is_in_line=_SECRET not in what)
        return re.sub(r"\s*([:,])\s*", r"\1", text) if text.lower().startswith("mailto:") else text

    return Kind(name="URL", wanted="a URL", form=form, annotation="str", read=read)


def _wrong_ping(text: str) -> tuple[str, str]:
    if not text.lower().startswith(("https://", "http://")):
        return f"must be a URL, not {quoted(text)}", f"write {PING_URL.form}"
    what, hint = wrong_web_url(text, loopback_only=False)
    return (what, "remove it: the URL of a ping needs no login") if hint == _TO_FILE else (what, hint)


NOTIFY_URL = _url_kind("mailto:ops@example.org, https://host/path, or exec:/path/of/program", of_recipient=True)
PING_URL = _url_kind("a URL such as https://hc-ping.com/PING-KEY/backup", of_recipient=False)


def check_notify(key: str, node: Node | None, faults: Faults, *, of_one_job: bool = False) -> None:
    """Add a fault for keys of an item that do not go together, and for one that is there twice."""
    known: set[str] = set()
    for item in node.items if isinstance(node, List) else [node]:
        if isinstance(item, Text):
            _check_once(key, item, known, faults)
        if not isinstance(item, Map):
            continue
        given = {name.value: value for name, value in item.entries}
        keys = {name.value: name for name, _ in item.entries}
        if "url" not in given and "url_file" not in given:
            hint = "add url: mailto:ops@example.org"
            faults.add(f"an item of '{key}' has neither 'url' nor 'url_file'", item, hint=hint)
        if "url" in given and "url_file" in given:
            faults.add(f"an item of '{key}' has 'url' and 'url_file'", keys["url_file"], hint="keep one of the two")
        if "key_file" in given and "url" in given and not _is_web(given["url"]):
            hint = "remove it, or write an https:// URL"
            faults.add(f"'{key}.key_file' is for webhooks: it signs what is sent", keys["key_file"], hint=hint)
        if "tags" in given and of_one_job:
            hint = "remove it: this list is for this job alone"
            faults.add(f"'{key}.tags' is for the configuration", keys["tags"], hint=hint)
        _check_once(key, given.get("url", given.get("url_file")), known, faults)


def _is_web(url: Node) -> bool:
    return not isinstance(url, Text) or url.value.strip().lower().startswith(("http://", "https://"))


def _check_once(key: str, node: Node | None, known: set[str], faults: Faults) -> None:
    if not isinstance(node, Text):
        return
    if node.value.strip() in known:
        faults.add(f"'{key}' has the same recipient twice", node, hint="join the two items", is_in_line=False)
    known.add(node.value.strip())


def check_ping(node: Node | None, faults: Faults) -> None:
    """Add a fault for a map without the URL."""
    if isinstance(node, Map) and all(name.value != "url" for name, _ in node.entries):
        faults.add("'ping' has no 'url'", node, hint=f"add url: {PING_URL.form.removeprefix('a URL such as ')}")
