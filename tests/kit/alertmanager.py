"""Debian's prometheus-alertmanager: the host's own, or the one that `make test` has unpacked beside."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kit import mount_namespaces
from kit.events import until
from kit.harness import PROJECT
from kit.ports import free_port

UNPACKED = PROJECT / ".venv/alertmanager"
#: It groups by incident, and says at once what is new or over.
_CONFIGURATION = """
route:
  receiver: test
  group_by: [incident]
  group_wait: 10ms
  group_interval: 200ms
  repeat_interval: 24h
receivers:
- name: test
  webhook_configs:
  - url: {url}
    send_resolved: true
"""


def alertmanager_program() -> str | None:
    own = UNPACKED / "usr/bin/prometheus-alertmanager"
    return shutil.which("prometheus-alertmanager") or (str(own) if own.exists() else None)


def _program() -> list[str]:
    """Return how it is started: Debian's looks for its templates in /usr/share, where the unpacked one has none."""
    program = str(alertmanager_program())
    if program.startswith(str(UNPACKED)):
        mount_namespaces.needed()
    if not program.startswith(str(UNPACKED)):
        return [program]
    script = 'mount --bind "$1" /usr/share && shift && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(UNPACKED / "usr/share"), program]


class Alertmanager:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are open."""
        with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts") as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready"):
                return True
        except OSError:
            return False


@contextmanager
def alertmanager(directory: Path, *, notifies: str) -> Iterator[Alertmanager]:
    """Run it; it posts to the URL `notifies` whatever opens or is resolved."""
    configuration = directory / "alertmanager.yml"
    configuration.write_text(_CONFIGURATION.format(url=notifies))
    port = free_port()
    words = [*_program(), f"--config.file={configuration}", f"--storage.path={directory / 'data'}"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (directory / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            found = Alertmanager(port)
            until(lambda: process.poll() is not None or found.is_ready(), "alertmanager is ready")
            if process.poll() is not None:
                raise AssertionError((directory / "alertmanager.log").read_text())
            yield found
        finally:
            process.kill()
            process.wait()
