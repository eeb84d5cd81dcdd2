"""The whole story of one job: change, small doses, retry, hold with evidence and mail, the way back; told as it was."""

import json

from kit.harness import Box
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import ends, next_slot, script, skips
from run_job.test_gate import planned

JOB = """
name: Move customers
command: {script} full
slow_start_command: {script} dose
schedule: "* * * * *"
retry: {{attempts: 3, delay: 0.05s}}
slow_start: {{runs: 3, after: [hold, change]}}
verdicts:
  - {{exit_code: 75, verdict: retry}}
  - {{exit_code: 78, verdict: hold}}
# version {version}
"""


class Story:
    """The job `move`, whose exit codes are written into a file beforehand, one line an attempt; then it succeeds."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.codes = box.root / "codes"
        self.codes.touch(0o666)
        self.script = script(
            box,
            "move.sh",
            f"""
            echo "$1 attempt $PROCESS_CONTROL_ATTEMPT"
            code=$(head -n 1 {self.codes}); sed -i 1d {self.codes}
            [ -z "$code" ] || echo "disk 2 answered with $code" >&2
            exit ${{code:-0}}
            """,
        )
        self.write(version=1)

    def write(self, *, version: int) -> None:
        self.box.job("move", JOB.format(script=self.script, version=version))

    def planned(self, *codes: int, times: int = 1) -> None:
        self.codes.write_text("".join(f"{code}\n" for code in codes))
        for _ in range(times):
            slot_of(self.box)

    def printed(self) -> list[str]:
        return [path.read_text().split()[0] for path in self.box.logs("move")]


def slot_of(box: Box) -> None:
    if (box.state_directory / "jobs" / "move" / "block").exists():
        next_slot(box, "move")
    box.run("--scheduled", "move", via="stub")


def test_the_whole_story_is_told_exactly_as_it_was(box: Box) -> None:
    with mail_server() as server:
        mail_to(box, server)
        story = Story(box)
        story.planned()  # a full run
        story.write(version=2)
        story.planned(times=4)  # three doses, then full
        story.planned(75)  # a transient failure is tried again
        story.planned(78)  # unrecoverable: held
        story.planned(times=2)  # two slots are skipped
        refused = box.run("move")
        box.process_control("release", "move", "--note", "disk 2 replaced")
        story.planned(times=4)  # three doses, then full
        wait_until_told(box)
        mails = list(server.mails)

    assert story.printed() == ["full", "dose", "dose", "dose", "full", "full", "full", "dose", "dose", "dose", "full"]
    assert [(end["outcome"], len(end["attempts"])) for end in ends(box)] == [
        *[("succeeded", 1)] * 5, ("succeeded", 2), ("failed", 1), *[("succeeded", 1)] * 4,
    ]  # fmt: skip
    assert [skip["reason"] for skip in skips(box)] == ["held", "held"]
    held = ends(box)[6]
    assert (held["verdict"], held["decided_by"]["condition"]) == ("hold", "{exit_code: 78, verdict: hold}")
    assert refused.exit_code == 75
    assert f"run {held['run_id'][:8]}…" in refused.stderr
    assert "(rule 2, " in refused.stderr
    audit_tells_it(box)
    mails_tell_it(mails, held["run_id"])


def audit_tells_it(box: Box) -> None:
    events = box.process_control("audit", "move", "--json", "--limit", "0").json()["events"]
    told = [event["event"] for event in events if event["event"] in ("hold", "release", "slow_start", "attempt")]
    assert told == [
        "slow_start", "slow_start", "slow_start", "slow_start",  # begins, went well twice, over
        "attempt", "hold", "release",
        "slow_start", "slow_start", "slow_start", "slow_start",
    ]  # fmt: skip
    (release,) = [event for event in events if event["event"] == "release"]
    assert release["detail"] == "disk 2 replaced"
    assert json.dumps(events).count("disk 2 replaced") >= 1


def mails_tell_it(mails: list, run_id: str) -> None:  # type: ignore[type-arg]
    failure, recovery = mails
    assert "held" in failure.subject
    assert run_id in failure.text
    assert "disk 2 answered with 78" in failure.text
    assert "process-control" in failure.text
    assert "release" in failure.text
    assert "move has recovered" in recovery.subject


def test_a_retried_success_says_so_and_backs_nothing_off(box: Box) -> None:
    box.job("job", "command: /bin/false\nbackoff: 5m\nretry: {attempts: 2, delay: 0.01s}\nschedule: '* * * * *'")

    planned(box)
    planned(box)

    assert [(end["outcome"], len(end["attempts"])) for end in ends(box)] == [("failed", 2)]
    assert [skip["reason"] for skip in skips(box)] == ["backoff"]
