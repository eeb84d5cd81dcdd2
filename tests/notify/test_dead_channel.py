"""A channel that is down for a week: its messages wait, then are given up; nobody else notices."""

import json
import os
from pathlib import Path

from kit.harness import Box
from kit.mail_server import wait_until_told
from kit.ports import refused
from kit.runs import records, script

HALF_A_DAY = 43_200


def let_half_a_day_pass(box: Box) -> None:
    """Make every message that waits, and the note of when to look again, older by half a day."""
    for path in (box.state_directory / "spool").glob("*/*.json"):
        entry = json.loads(path.read_text())
        path.write_text(json.dumps(entry | {"first_at": entry["first_at"] - HALF_A_DAY, "next_at": 0.0}))
    os.utime(box.state_directory / "spool/due", (0, 0))


def results(box: Box, channel: str) -> list[str]:
    return [record["result"] for record in records(box, "message") if record["channel"] == channel]


def test_a_channel_that_is_down_for_a_week_costs_nothing_but_its_own_lines(box: Box) -> None:
    received = Path(box.root / "received")
    program = script(box, "page.sh", f"cat >> {received}; echo >> {received}")
    with refused() as port:
        box.configure(notify=[f"exec:{program}", f"http://127.0.0.1:{port}/"])
        box.job("backup", "command: 'false'")
        box.job("other", "command: 'true'")
        box.run("backup")
        wait_until_told(box)
        assert results(box, "exec") == ["sent"], "the other channel does not wait for it"

        for _ in range(14):
            let_half_a_day_pass(box)
            box.run("other")
            wait_until_told(box)

    assert results(box, "webhook") == ["waits", "given_up"]
    assert results(box, "exec") == ["sent"]
    assert [json.loads(line)["event"] for line in received.read_text().splitlines()] == ["opened"]
    assert [end["outcome"] for end in records(box, "end")] == ["failed", *["succeeded"] * 14]
    assert list((box.state_directory / "spool").glob("*/*.json")) == []
