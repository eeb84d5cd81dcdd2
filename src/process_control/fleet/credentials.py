"""By what the server knows us, and we know the server: the files of `fleet.tls` and `fleet.api_key_file`."""

import re
from contextlib import suppress

from temporalio.client import TLSConfig

from process_control.config.environment_file import read_secret_file
from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, NotPermitted, ProcessControlError
from process_control.system.plain_file import open_plain

_MAX_FILE = 1 << 20
_KEY = "api key file"
#: The library would send another key without a word, or none.
_USABLE = re.compile(r"[!-~]+")


def tls_of(settings: Settings) -> TLSConfig | bool:
    """Return how the connection is secured; False: it is not. Raises BadConfiguration (78), NotPermitted (77)."""
    certificate, key = settings.fleet_tls_cert_file, settings.fleet_tls_key_file
    if (certificate is None) != (key is None):
        there, missing = ("cert_file", "key_file") if key is None else ("key_file", "cert_file")
        raise BadConfiguration(
            f"fleet.tls has {there}, and no {missing}",
            where=settings.path or "",
            hint=f"a host shows a certificate and has its key: process-control explain fleet.tls.{missing}",
        )
    if settings.fleet_tls_ca_file is None and certificate is None:
        return settings.fleet_api_key_file is not None
    return TLSConfig(
        server_root_ca_cert=_pem(settings.fleet_tls_ca_file, "ca_file", "CERTIFICATE"),
        client_cert=_pem(certificate, "cert_file", "CERTIFICATE"),
        client_private_key=_pem(key, "key_file", "PRIVATE KEY"),
    )


def api_key_of(settings: Settings) -> str | None:
    """Return the API key. Raises BadConfiguration (78), NotPermitted (77); what they say does not show it."""
    path = settings.fleet_api_key_file
    if path is None:
        return None
    key = read_secret_file(path, what=_KEY).strip()
    if not _USABLE.fullmatch(key):
        what = "is empty" if not key else "is more than one word of ASCII"
        raise BadConfiguration(
            f"the {_KEY} {what}", where=path, hint="it has the key and nothing else: process-control explain fleet"
        )
    return key


def masked(words: str, settings: Settings) -> str:
    """Return what a server says without our API key: some show what they refuse."""
    with suppress(ProcessControlError, OSError):
        if key := api_key_of(settings):
            return words.replace(key, "***")
    return words


def cause_of(error: BaseException, settings: Settings) -> BaseException | None:
    """Return an error of the library to be shown with --debug; None: it shows our API key."""
    return error if masked(str(error), settings) == str(error) else None


def _pem(path: str | None, name: str, kind: str) -> bytes | None:
    """Return the content of a file of PEM. The library takes any other file for one with no certificate."""
    if path is None:
        return None
    try:
        with open_plain(path) as file:
            content = file.read(_MAX_FILE)
    except PermissionError as error:
        hint = "the user that jobs run as reads it: let it do so, and nobody else where it is a key"
        raise NotPermitted(f"fleet.tls.{name}: no permission to read it", where=path, hint=hint) from error
    except OSError as error:
        hint = f"process-control explain fleet.tls.{name}"
        raise BadConfiguration(f"fleet.tls.{name}: {error.strerror}", where=path, hint=hint) from error
    if f"{kind}-----".encode() not in content:
        words = {"CERTIFICATE": "certificate", "PRIVATE KEY": "private key"}[kind]
        raise BadConfiguration(
            f"fleet.tls.{name}: there is no {words} in it, as PEM",
            where=path,
            hint=f"it has a line -----BEGIN {kind}-----: process-control explain fleet.tls.{name}",
        )
    return content
