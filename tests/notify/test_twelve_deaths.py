"""Twelve deaths: each is noticed by what does not need the dead part, or by the missing ping outside.

Tried here: cron, timer, disk, mail server, DNS, clock, configuration, user, host, network. Scheduler and launcher do
not exist yet. What is posted becomes messages elsewhere; here nothing is sent but in the test of the disk, which can
keep nothing.
"""

import os
import subprocess
from pathlib import Path

import pytest

from kit.harness import Box, until
from kit.looks import FAILMAIL, Looks, looks, posted
from kit.mail_server import nothing_is_sent
from kit.outside import outside
from kit.runs import script
from run_job.test_watch import look, look_was

__all__ = ["looks"]

TRUE = "command: /bin/true\nstart_within: 3m"
ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"

A_HOST_WITHOUT_CRON = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system
{watch}
{later} {watch}
"""


def isolated(*flags: str) -> list[str]:
    """Return the beginning of a command in namespaces of its own; skip where they cannot be made."""
    words = ["unshare", *flags]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    return words


@pytest.mark.needs_root
def test_cron(looks: Looks) -> None:
    box = looks.box
    (box.root / "cron.d").mkdir()
    box.configure(output_crontab=str(box.root / "cron.d" / "jobs"))
    box.job("job", f"command: /bin/true\n{looks.planned(300)}")
    box.cron_generate()
    watch = f"{box.product.process_control} watch"
    later = " ".join(f"{name}='{value}'" for name, value in looks.clock(2).items())
    text = A_HOST_WITHOUT_CRON.format(watch=watch, later=f"env {later}")

    result = box.command([*isolated("--mount", "--pid", "--fork", "--mount-proc"), "sh", "-ec", text])

    assert (result.exit_code, result.stderr) == (0, "")
    (event,) = posted(box)
    assert event["what"] == "trigger_dead"
    assert event["sentence"].startswith("cron is not running, so no job starts by itself: ")


def test_timer_of_watch(make_box) -> None:
    box: Box = make_box(failmail=FAILMAIL)
    box.job("job", "command: /bin/true\nschedule: '* * * * *'\nstart_within: 30m")
    with nothing_is_sent(box):
        look(box)
        then = look_was(box, 420)
        os.utime(box.state_directory / "watch.json", (then, then))

        box.run("--scheduled=timer", "job", via="stub")

        box.wait_until_all_ended()
        assert [event["what"] for event in posted(box)] == ["watch_dead"]


def test_timer_of_a_job(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(1)}")

    looks.look(0, 2, 4.2)

    assert [(event["what"], event["job"]) for event in posted(looks.box)] == [("missed", "job")]


@pytest.mark.needs_root
def test_disk(make_box) -> None:
    box: Box = make_box()
    came = box.root / "came"
    receiver = script(box, "receiver", f"cat >> {came}")
    box.mount_small(box.state_directory, kilobytes=4096)
    box.configure(notify=[{"url": f"exec:{receiver}"}])
    box.job("job", "command: /bin/true\nschedule: '0 0 1 1 *'")
    look(box)
    box.wait_until_all_ended()
    fill(box.state_directory / "filler")

    results = [box.process_control("watch").exit_code for _ in range(3)]

    until(lambda: came.exists() and "disk_full" in came.read_text(), "the message about the full disk")
    box.wait_until_all_ended()
    assert results == [74, 74, 74]
    assert came.read_text().count('"event":"opened"') + came.read_text().count('"event": "opened"') == 1
    (box.state_directory / "filler").unlink()


def fill(path: Path) -> None:
    subprocess.run(["dd", "if=/dev/zero", f"of={path}", "bs=4k"], capture_output=True, check=False)


@pytest.mark.parametrize("server", ["127.0.0.1:9", "mail.invalid:25"], ids=["mail server", "DNS"])
def test_mail_server_and_dns(make_box, server: str) -> None:
    box: Box = make_box(failmail={**FAILMAIL, "smtp": server})
    box.job("bad", "command: /bin/false")
    looks = Looks(box)
    box.run("bad", env=looks.clock(0))
    box.wait_until_all_ended()

    with nothing_is_sent(box):
        looks.look(10, 12, 16, 17)

        box.wait_until_all_ended()
        assert [event["what"] for event in posted(box)] == ["mail_dead"]


def test_clock(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(30)}")

    looks.look(0, 60)

    (event,) = posted(looks.box)
    assert (event["what"], event["job"]) == ("missed", "job")
    assert "the clock was set past it" in event["sentence"]


@pytest.mark.parametrize("text", ["jobs_directory: /nowhere\n", "user: nobody-of-that-name\n"], ids=["keys", "user"])
def test_configuration_and_user(make_box, text: str) -> None:
    box: Box = make_box(failmail=FAILMAIL)
    with outside() as there:
        box.configure(host_ping=there.url)
        look(box)
        assert there.next_ping()[0] == "GET"
        configuration = box.configuration
        if configuration is None:
            raise AssertionError
        configuration.write_text(configuration.read_text() + text)

        result = box.process_control("watch")

        box.wait_until_all_ended()
        assert (result.exit_code, there.came()) == (78, [])
        assert result.stderr  # cron mails it


def test_host(looks: Looks) -> None:
    looks.box.job("job", f"{TRUE}\n{looks.planned(30)}")
    looks.look(0)
    looks.pass_by(60, boot=ANOTHER_BOOT)

    looks.look(60)

    assert [(event["what"], event["jobs"]) for event in posted(looks.box)] == [("host_down", {"job": 1})]


@pytest.mark.needs_root
def test_network(make_box) -> None:
    box: Box = make_box(failmail=FAILMAIL)
    with outside() as there:
        box.configure(host_ping=there.url)
        look(box)
        assert there.next_ping()[0] == "GET"

        result = box.command([*isolated("--net"), str(box.product.process_control), "watch"])

        box.wait_until_all_ended()
        assert (result.exit_code, there.came()) == (0, [])
