"""`audit --verify` reads the seals where daemons keep them: files of rsyslogd, the journal of systemd-journald."""

import json
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.harness import Box
from kit.rsyslog import TEMPLATES, rsyslog
from kit.systemd import journald_environment

HOLDS = ("1 seal over 1 file holds\n", "", 0)
JOURNALD = """
mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log
printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n' > /run/systemd/journald.conf.d/test.conf
{journald} &
trap 'kill $!; wait' EXIT
timeout 60 sh -c 'until [ -S /run/systemd/journal/dev-log ] && journalctl --sync 2>/dev/null; do sleep 0.02; done'
{look}
journalctl --sync
{verify}
"""


def run_and_seal(box: Box) -> str:
    """Run the job, and have `watch` seal the journal as in another hour; return the seal that is wanted."""
    memory = box.state_directory / "watched.json"
    if memory.exists():
        memory.write_text(json.dumps({**json.loads(memory.read_text()), "sealed_at": "2026-01-01T00:00:00.000Z"}))
    box.run("job")
    assert box.process_control("watch").exit_code == 0
    return f" {day_of(box).stat().st_size} "


def day_of(box: Box) -> Path:
    [day] = (box.state_directory / "journal").glob("*.jsonl")
    return day


@pytest.mark.parametrize("template", TEMPLATES)
def test_files_of_rsyslogd_are_read_also_when_they_were_rotated(box: Box, template: str) -> None:
    box.job("job", "command: /bin/true")
    with rsyslog(box.root / "rsyslog", template) as daemon:
        box.configure(syslog={"address": str(daemon.socket)})

        daemon.wait_for("sealed /", run_and_seal(box))
        first = verified(box, daemon.file)
        packed = daemon.rotate()
        rotated = verified(box, packed)
        daemon.wait_for("sealed /", run_and_seal(box))
        second = verified(box, daemon.file)

        day = day_of(box)
        day.write_bytes(day.read_bytes().replace(b'"outcome":"succeeded"', b'"outcome":"succeedee"', 1))
        forged = verified(box, packed)

    assert [first, rotated, second] == [HOLDS] * 3
    assert (forged[0].splitlines()[-1], forged[2]) == ("1 of 1 seal over 1 file does not hold", 1)


def verified(box: Box, seals: Path) -> tuple[str, str, int]:
    result = box.process_control("audit", "--verify", "--seals", str(seals))
    return result.stdout, result.stderr, result.exit_code


@pytest.mark.needs_root
@pytest.mark.parametrize("change", ["", "succeedee"], ids=["unchanged", "forged"])
def test_the_journal_of_systemd_is_read_where_no_file_has_seals(box: Box, change: str) -> None:
    """In a mount namespace: journald has its sockets in /run, wherever it is started."""
    mount_namespaces.needed()
    journald, environment = journald_environment()
    box.configure(syslog={"address": "/run/systemd/journal/dev-log"})
    box.job("job", "command: /bin/true")
    box.run("job")
    forge = f"sed -i s/succeeded/{change}/ {day_of(box)}; " if change else ""
    program = box.product.process_control
    text = JOURNALD.format(journald=journald, look=f"{program} watch", verify=f"{forge}{program} audit --verify")

    result = box.command(["unshare", "--mount", "--net", "sh", "-ec", text], env=environment)

    if change:
        assert (result.stdout.splitlines()[-1], result.exit_code) == ("1 of 1 seal over 1 file does not hold", 1)
    else:
        assert (result.stdout, result.stderr, result.exit_code) == HOLDS
