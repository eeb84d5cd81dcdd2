"""The configuration, read again when its file has changed: for who may log in, and as what, each request counts."""

import os
import sys
import time
from collections.abc import Callable

from process_control.config.settings import Settings, load_settings
from process_control.errors import ProcessControlError

MIN_SECONDS = 1.0
#: What a server cannot change while it runs: its account, its directories, and where it listens.
FIXED = (
    "user",
    "state_directory",
    "run_directory",
    "output_directory",
    "web_listen",
    "web_tls_cert_file",
    "web_tls_key_file",
)
_KEPT = (*FIXED, "path", "default_path", "syslog_hangs")


class Configuration:
    """Keeps the settings that all parts of a server share what their file says.

    `check` raises BadConfiguration for values that would not be safe. A broken file leaves the last good values, and
    `trouble` says so on each page.
    """

    def __init__(self, settings: Settings, check: Callable[[Settings], None]) -> None:
        self._settings = settings
        self._check = check
        self._stamp = self._stamp_now()
        self._looked = time.monotonic()
        #: What is wrong with the file, or what only a new start takes over; "" when it is in force.
        self.trouble = ""

    def refresh(self) -> None:
        """Take over what has changed. Costs a call of the system once a second."""
        if self._settings.path is None or time.monotonic() - self._looked < MIN_SECONDS:
            return
        self._looked, stamp = time.monotonic(), self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            new = load_settings(self._settings.path, dict(os.environb))
            self._check(new)
        except ProcessControlError as error:
            self._say(f"the configuration is broken, the last good one is in force: {str(error).partition(chr(10))[0]}")
            return
        fixed = [name.replace("web_", "web.") for name in FIXED if getattr(new, name) != getattr(self._settings, name)]
        for name in Settings.__slots__:
            if name not in _KEPT:
                setattr(self._settings, name, getattr(new, name))
        self._say(f"{', '.join(fixed)} changed: only a new start of the page takes that over" if fixed else "")

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            sys.stderr.write(f"process-control web: {trouble}\n")
            sys.stderr.flush()
        self.trouble = trouble

    def _stamp_now(self) -> object:
        try:
            found = os.stat(self._settings.path or "")
        except OSError as error:
            return error.errno
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
