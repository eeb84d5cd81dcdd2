"""The same failure is recognised by its line, whatever its numbers, times and names are; another one is another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.processor_time import least_milliseconds
from process_control.core.fingerprint import MAX_FINGERPRINT, deciding_line, fingerprint

SAME = {
    "postgres": (
        '2026-11-25 03:00:01.123 UTC [12345] FATAL:  password authentication failed for user "shop"',
        '2026-11-26 03:00:07.004 UTC [881] FATAL:  password authentication failed for user "shop"',
    ),
    "psql": (
        'psql: error: connection to server at "db7" (10.0.3.7), port 5432 failed: Connection refused',
        'psql: error: connection to server at "db9" (10.0.3.9), port 5433 failed: Connection refused',
    ),
    "postgres on IPv6": (
        'could not connect to server "db": host "fe80::1ff:fe23:4567:890a", port 5432',
        'could not connect to server "db": host "2001:db8:0:0:8:800:200c:417a", port 5432',
    ),
    "pg_dump": (
        "pg_dump: error: query failed: ERROR:  deadlock detected, process 4711 waits for 1298311",
        "pg_dump: error: query failed: ERROR:  deadlock detected, process 12 waits for 4",
    ),
    "rsync": (
        "rsync error: some files could not be transferred (code 23) at main.c(1338) [sender=3.2.7]",
        "rsync error: some files could not be transferred (code 23) at main.c(1207) [sender=3.1.3]",
    ),
    "rsync into a temporary file": (
        'rsync: write failed on "/var/tmp/stage-81acf/db.dump": No space left on device (28)',
        'rsync: write failed on "/var/tmp/stage-77aa0/other/db.dump": No space left on device (28)',
    ),
    "curl": (
        "curl: (28) Operation timed out after 30001 milliseconds with 0 bytes received",
        "curl: (28) Operation timed out after 30004 milliseconds with 1288 bytes received",
    ),
    "java": (
        "java.lang.IllegalStateException: Task@6f4e3c2b rejected; id=550e8400-e29b-41d4-a716-446655440000",
        "java.lang.IllegalStateException: Task@1a2b3c4d rejected; id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ),
    "java, a frame": (
        "\tat org.example.Backup$1.run(Backup.java:112)",
        "   at org.example.Backup$2.run(Backup.java:97)",
    ),
    "python": (
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/tmpab12cd34/out.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/tmpzz99yy88/out.csv'",
    ),
    "python, an object": (
        "AttributeError: <shop.Order object at 0x7f3a1c2b4d60> has no attribute 'total'",
        "AttributeError: <shop.Order object at 0x7fa0deadbe00> has no attribute 'total'",
    ),
    "syslog": (
        "Nov 25 03:00:01 db1 backup[2211]: error: disk full",
        "Dec  1 13:10:59 db2 backup[7]: error: disk full",
    ),
    "apache": (
        "[Wed Nov 25 03:00:01.123456 2026] [ssl:error] [pid 77] AH02032: no name provided",
        "[Thu Nov 26 04:10:11.999999 2026] [ssl:error] [pid 12345] AH02032: no name provided",
    ),
    "git": (
        "error: object 3fa9c1d2e4b5a6978812ab34cd56ef7890123456 is corrupt",
        "error: object 00aa11bb22cc33dd44ee55ff66778899aabbccdd is corrupt",
    ),
    "colours and a progress bar": (
        "\x1b[31m 10 %\r\x1b[1mfailed\x1b[0m after 3 files",
        "failed   after 12 files",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_failure_has_the_same_fingerprint(name: str) -> None:
    first, second = SAME[name]

    assert fingerprint(first) == fingerprint(second) != ""


def test_different_failures_have_different_fingerprints() -> None:
    lines = [
        *[first for first, _ in SAME.values()],
        'FATAL:  password authentication failed for user "other"',
        "connection to server failed: No route to host",
        "cannot open /srv/data/a.csv",
        "cannot open /srv/data/b.csv",
        "Segmentation fault",
    ]

    assert len({fingerprint(line) for line in lines}) == len(lines)


@pytest.mark.parametrize("line", ["feedback for a decade", "deadbeef facade", "cafe", "a b c", "no such host: db"])
def test_words_stay(line: str) -> None:
    assert fingerprint(line) == line


@given(st.text(max_size=400))
def test_a_fingerprint_is_short_printable_and_stable(text: str) -> None:
    mark = fingerprint(text)

    assert len(mark) <= MAX_FINGERPRINT
    assert mark.isprintable()


@pytest.mark.parametrize("piece", ["1.1.", "a:", "f", "/tmp/", "0x", "12:30:", "Nov 1 ", "2026-11-", "-", "tmp_"])
def test_a_line_of_a_megabyte_takes_no_time(piece: str) -> None:
    assert least_milliseconds(lambda: fingerprint(piece * 200_000), allowed=1000) < 1000


def test_the_deciding_line_is_what_a_rule_saw_else_the_last_of_stderr() -> None:
    ruled = {"decided_by": {"rule": 2, "line": "deadlock detected"}}

    assert deciding_line(ruled, "other\n") == "deadlock detected"
    assert deciding_line({}, "first\n 10 %\r 20 %\n\x1b[31mlast\x1b[0m\n\n") == "last"
    assert deciding_line({"decided_by": None}, "") == ""
