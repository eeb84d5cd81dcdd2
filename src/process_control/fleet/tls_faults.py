"""What is wrong with the certificates of a connection, by the words of the library. Reads nothing."""

import re

from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, NotPermitted, NotStarted, ProcessControlError

EXPLAIN = "process-control explain fleet.tls"
#: Of what the library calls InvalidCertificate.
_OF_THE_SERVER = {
    "UnknownIssuer": "no authority that this host trusts has signed the certificate of the server",
    "Expired": "the certificate of the server has expired",
    "NotValidYet": "the certificate of the server is not valid yet",
    "NotValidForName": "the certificate of the server is for another name",
}
_INVALID = re.compile(r"InvalidCertificate\((\w+)")
_ALERT = re.compile(r"(?:AlertReceived\(|received fatal alert: )(\w+)")
#: The server has closed a connection on which nothing was read yet: an error of ours, with its source, in many words.
#: With TLS 1.3 it looks at our certificate when we have begun with HTTP (hyper), so that may be what fails first.
_CLOSED = re.compile(
    r"^(?!.*time(d ?)?out).*(error after connection: .*source: Some\(|\(Transport, hyper::Error\()",
    re.DOTALL | re.IGNORECASE,
)


def tls_fault(words: str, address: str, settings: Settings) -> ProcessControlError | None:
    """Return what to raise when a connection was not made, for the words of the library; None: it is not about TLS."""
    ca, certificate, key = settings.fleet_tls_ca_file, settings.fleet_tls_cert_file, settings.fleet_tls_key_file
    is_secured = (ca, certificate, settings.fleet_api_key_file) != (None, None, None)
    found = _INVALID.search(words)
    if found is not None and "ConnectError" not in words:  # nothing was connected: it is our own
        what = "fleet.tls.cert_file: its certificate cannot be read"
        return BadConfiguration(what, where=certificate or "", hint=EXPLAIN)
    if found is not None:
        what = _by_kind(found[1])
        return BadConfiguration(what, where=address, hint=_hint_about_the_server(found[1], ca))
    if "CertificateParseError" in words:
        return BadConfiguration("fleet.tls.ca_file: it cannot be read as PEM", where=ca or "", hint=EXPLAIN)
    if "NoCertificatesPresented" in words:
        what = "fleet.tls.cert_file: it cannot be read as PEM"
        return BadConfiguration(what, where=certificate or "", hint=EXPLAIN)
    if "PrivateKeyParseError" in words or "failed to parse private key" in words:
        what = "fleet.tls.key_file: its key cannot be read"
        return BadConfiguration(what, where=key or "", hint="a key with a passphrase cannot be used")
    if "InconsistentKeys" in words:
        return BadConfiguration(
            f"fleet.tls.key_file: it is not the key of {certificate}", where=key or "", hint=EXPLAIN
        )
    if "InvalidContentType" in words:
        hint = (
            "leave out fleet.tls and fleet.api_key_file, or secure the server: process-control help fleet-in-production"
        )
        return BadConfiguration("the server does not use TLS", where=address, hint=hint)
    alert = _ALERT.search(words)
    if alert is None and not _CLOSED.search(words):
        return None
    if not is_secured:
        hint = f"does it use TLS? then say by which certificates it is known: {EXPLAIN}"
        return NotStarted("the server has closed the connection at once", where=address, hint=hint)
    why = "has closed the connection at once" if alert is None else f"has ended the connection ({alert[1]})"
    if certificate is None:
        hint = f"does it demand a certificate of this host? then set cert_file and key_file: {EXPLAIN}"
    else:
        hint = f"does it trust who signed {certificate}, and is that still valid?"
    return NotPermitted(f"the server {why}", where=address, hint=hint)


def _by_kind(kind: str) -> str:
    """Return what is wrong with the certificate of the server. The library appends `Context` where it says more."""
    return _OF_THE_SERVER.get(kind.removesuffix("Context"), f"the certificate of the server is not accepted: {kind}")


def _hint_about_the_server(kind: str, ca: str | None) -> str:
    if kind.startswith("NotValidForName"):
        return "fleet.address has to be a name that the certificate has"
    if kind != "UnknownIssuer":
        return "the server needs another certificate; is the clock of this host right?"
    if ca is None:
        return f"is its authority another one? then set ca_file: {EXPLAIN}"
    return f"is {ca} of the authority that has signed it? {EXPLAIN}"
