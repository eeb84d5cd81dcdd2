"""What apt's log says of packages since a time."""

from datetime import UTC, datetime

from process_control.core.apt_history import package_changes

LOG = """
Start-Date: 2026-11-24  22:01:03
Commandline: apt-get install -y shop-tools
Requested-By: ann (1000)
Install: shop-tools:amd64 (2.1-1), libpq5:amd64 (15.10-0+deb12u1, automatic)
Upgrade: openssl:amd64 (3.0.15-1~deb12u1, 3.0.16-1~deb12u1), tzdata:all (2025b-0+deb12u1, 2026a-0+deb12u1)
Remove: nano:amd64 (7.2-1)
Purge: exim4:all ()
End-Date: 2026-11-24  22:01:09

Start-Date: no time
Upgrade: ignored:amd64 (1, 2)

garbage without a colon
Start-Date: 2026-11-25  06:40:00
Downgrade: curl:amd64 (8.0-1, 7.88-1)
"""


def test_each_package_is_named_with_what_was_done_and_its_versions() -> None:
    found = [(each.at.isoformat(), each.action, each.name, each.versions) for each in package_changes(LOG, UTC)]

    evening, morning = "2026-11-24T22:01:03+00:00", "2026-11-25T06:40:00+00:00"
    assert found == [
        (evening, "installed", "shop-tools", "2.1-1"),
        (evening, "installed", "libpq5", "15.10-0+deb12u1"),
        (evening, "upgraded", "openssl", "3.0.15-1~deb12u1 → 3.0.16-1~deb12u1"),
        (evening, "upgraded", "tzdata", "2025b-0+deb12u1 → 2026a-0+deb12u1"),
        (evening, "removed", "nano", "7.2-1"),
        (evening, "removed", "exim4", ""),
        (morning, "downgraded", "curl", "8.0-1 → 7.88-1"),
    ]


def test_what_came_because_another_package_needs_it_is_known() -> None:
    assert [each.name for each in package_changes(LOG, UTC) if each.is_automatic] == ["libpq5"]
    assert next(package_changes(LOG, UTC)).at == datetime(2026, 11, 24, 22, 1, 3, tzinfo=UTC)


def test_any_text_is_read() -> None:
    assert list(package_changes("Start-Date: 2026-11-24  22:01:03\nInstall: " + "x (" * 20_000, UTC)) == []
    assert list(package_changes("\0\udcff: (", UTC)) == []
