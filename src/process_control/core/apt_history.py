"""What apt has recorded of packages (/var/log/apt/history.log): installed, upgraded, removed, and when. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

_ACTIONS = {
    "Install": "installed",
    "Upgrade": "upgraded",
    "Downgrade": "downgraded",
    "Reinstall": "reinstalled",
    "Remove": "removed",
    "Purge": "removed",
}
_PACKAGE = re.compile(r"([^\s:,()]{1,200})(?::[a-z0-9-]{1,40})? \(([^()]{0,400})\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package. `at` is when apt began."""

    at: datetime
    action: str
    name: str
    #: `15.1 → 15.2` of an upgrade, else one version
    versions: str
    #: whether nobody named it: it came because another package needs it
    is_automatic: bool


def package_changes(text: str, zone: tzinfo) -> Iterator[PackageChange]:
    """Yield the changes in a log, in its order. Its times are local, of `zone`. Other lines are ignored."""
    at = None
    for line in text.split("\n"):
        name, _, rest = line.partition(": ")
        if name == "Start-Date":
            at = _moment(rest, zone)
        elif at is not None and name in _ACTIONS:
            for package, inside in _PACKAGE.findall(rest):
                versions = [word.strip() for word in inside.split(",")]
                is_automatic = "automatic" in versions
                shown = " → ".join(word for word in versions if word != "automatic")
                yield PackageChange(
                    at=at, action=_ACTIONS[name], name=package, versions=shown, is_automatic=is_automatic
                )


def _moment(text: str, zone: tzinfo) -> datetime | None:
    """Return the time of `2026-11-28  16:21:52`; None for what is no time."""
    try:
        return datetime.strptime(" ".join(text.split()), "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return None
