"""`logs`: what a run printed, and nothing that steers a terminal or gives a secret away."""

from datetime import timedelta
from pathlib import Path

import pytest

from kit.builders import NOON
from kit.desk import Desk
from kit.harness import Box

HOUR = timedelta(hours=1)


def run_with_log(desk: Desk, *chunks: tuple[float, str, bytes], job: str = "purge", hour: int = 0) -> str:
    at = NOON + hour * HOUR
    log = desk.state.log(job, *chunks, at=at, name=f"{hour:016}")
    return desk.state.run(job, at, log=log)


@pytest.fixture
def two_runs(desk: Desk) -> Desk:
    desk.job("purge")
    run_with_log(desk, (0.5, "o", b"first\n"))
    run_with_log(desk, (0.5, "o", b"one\n"), (1.25, "e", b"oops\n"), (2.0, "o", b"two\n"), hour=1)
    return desk


def test_the_last_run_is_shown(two_runs: Desk) -> None:
    result = two_runs.process_control("logs", "purge")

    assert (result.stdout, result.stderr, result.exit_code) == ("one\noops\ntwo\n", "", 0)


def test_skips_are_passed_over(two_runs: Desk) -> None:
    two_runs.state.skip("purge", NOON + 2 * HOUR)

    assert two_runs.process_control("logs", "purge").stdout == "one\noops\ntwo\n"


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (["--stdout"], "one\ntwo\n"),
        (["--stderr"], "oops\n"),
        (["-n", "1"], "two\n"),
        (["-n", "2", "--stdout"], "one\ntwo\n"),
        (["-n", "0"], ""),
        (["--raw"], "one\noops\ntwo\n"),
        (["--raw", "--stderr"], "oops\n"),
        (
            ["--times"],
            (
                "2026-03-10T13:00:00.500Z\tout\tone\n"
                "2026-03-10T13:00:01.250Z\terr\toops\n"
                "2026-03-10T13:00:02.000Z\tout\ttwo\n"
            ),
        ),
    ],
    ids=" ".join,
)
def test_what_is_shown_can_be_chosen(two_runs: Desk, flags: list[str], shown: str) -> None:
    assert two_runs.process_control("logs", "purge", *flags).stdout == shown


def test_json_tells_the_run_and_its_lines(two_runs: Desk) -> None:
    told = two_runs.json("logs", "purge", "--json", "-n", "2")

    assert (told["version"], told["run"]["job"]) == (1, "purge")
    whose = {"job": "purge", "run_id": told["run"]["run_id"]}
    assert told["lines"] == [
        {**whose, "at": "2026-03-10T13:00:01.250Z", "stream": "err", "text": "oops", "dropped_bytes": 0},
        {**whose, "at": "2026-03-10T13:00:02.000Z", "stream": "out", "text": "two", "dropped_bytes": 0},
    ]


def test_a_run_is_named_by_the_beginning_of_its_id(desk: Desk) -> None:
    identity = run_with_log(desk, (0.5, "o", b"first\n"))
    run_with_log(desk, (0.5, "o", b"second\n"), hour=1)

    assert desk.process_control("logs", "purge", "--run", identity).stdout == "first\n"
    assert desk.process_control("logs", "--run", identity[:9]).stdout == "first\n"


def test_control_characters_are_escaped_unless_raw(desk: Desk) -> None:
    run_with_log(desk, (0.5, "o", b"\x1b]0;title\x07 \xff\xfe tab\there \xe2\x80\xae\n"))

    assert desk.process_control("logs", "purge").stdout == "\\x1b]0;title\\x07 \\xff\\xfe tab\there \\u202e\n"


def test_of_a_progress_bar_the_last_state_is_shown_and_raw_has_all(desk: Desk) -> None:
    run_with_log(desk, (0.5, "o", b"\r 10 %\r 20 %\ndone\r\n"))

    assert desk.process_control("logs", "purge").stdout == " 20 %\ndone\n"
    assert [line["text"] for line in desk.process_control("logs", "purge", "--json").json()["lines"]] == [
        " 20 %",
        "done",
    ]
    assert desk.process_control("logs", "purge", "--raw").stdout == "\r 10 %\r 20 %\ndone\r\n"


def test_raw_is_byte_for_byte(desk: Desk, box: Box) -> None:
    everything = bytes(range(256)) * 2
    run_with_log(desk, (0.5, "o", everything))
    copy = desk.root / "copy"

    command = f"{box.product.process_control} logs purge --raw --config {desk.configuration} > {copy}"
    result = box.command(["sh", "-c", command])

    assert (result.stderr, result.exit_code) == ("", 0)
    assert copy.read_bytes() == everything


def test_a_cut_is_told_where_it_was_made(desk: Desk) -> None:
    run_with_log(desk, (0.5, "o", b"begin\n"), (9.0, "x", b"1234567"), (9.0, "o", b"end\n"))

    assert desk.process_control("logs", "purge").stdout == "begin\n[… 1,234,567 bytes dropped …]\nend\n"


@pytest.fixture
def with_secrets(desk: Desk) -> Desk:
    secrets = desk.root / "secrets"
    secrets.write_text("TOKEN=correct-horse\nSHORT=abc\n")
    secrets.chmod(0o600)
    desk.job("purge", f"command: /bin/true\nenvironment_file: {secrets}")
    run_with_log(desk, (0.5, "o", b"token correct-"), (0.6, "e", b"abc\n"), (0.7, "o", b"horse!\n"))
    return desk


def test_secrets_are_masked_unless_raw(with_secrets: Desk) -> None:
    assert with_secrets.process_control("logs", "purge").stdout == "abc\ntoken ***!\n"
    assert with_secrets.process_control("logs", "purge", "-n", "1").stdout == "token ***!\n"
    assert "correct-horse" not in with_secrets.process_control("logs", "purge", "--times").stdout
    assert "correct-" in with_secrets.process_control("logs", "purge", "--raw").stdout


def test_the_log_of_an_earlier_version_is_masked_with_a_word_or_not_shown(with_secrets: Desk) -> None:
    """It left no fingerprints of its secrets."""
    known = with_secrets.process_control("logs", "purge")
    (with_secrets.root / "secrets").unlink()

    unknown = with_secrets.process_control("logs", "purge")

    run_id = known.stderr.split()[4]
    assert known.stderr == (
        f"the secrets of run {run_id} are not recorded: masked are those of its environment_file as it is now\n"
    )
    assert (unknown.exit_code, unknown.stdout) == (77, "")
    assert unknown.stderr == (
        f"the secrets of run {run_id} cannot be masked: "
        f"{with_secrets.root}/secrets: environment_file: No such file or directory\n"
        f"  hint: to show the log with secrets: process-control logs --raw --run {run_id}\n"
    )


WRONG = {
    "raw with times": (
        ["purge", "--raw", "--times"],
        2,
        "--raw prints what was printed: not with --times or --json\n  hint: process-control logs --help\n",
    ),
    "no such run": (
        ["purge", "--run", "zzz"],
        66,
        "no run 'zzz'\n  hint: list run ids: process-control history\n",
    ),
    "a run of another job": (
        ["hello", "--run", "1"],
        66,
        "no run '1'\n  hint: list run ids: process-control history\n",
    ),
    "never ran": (["hello"], 1, "job 'hello' has no log: it never ran\n  hint: run-job hello\n"),
}


@pytest.mark.parametrize(("arguments", "code", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_shown_is_told(two_runs: Desk, arguments: list[str], code: int, told: str) -> None:
    two_runs.job("hello")

    result = two_runs.process_control("logs", *arguments)

    assert (result.stdout, result.stderr, result.exit_code) == ("", told, code)


def test_several_runs_of_one_beginning_are_named(two_runs: Desk) -> None:
    result = two_runs.process_control("logs", "purge", "--run", "1")

    assert result.exit_code == 2
    assert result.stderr.startswith("several runs begin with '1': 1")


def test_a_log_past_its_time_is_told_with_what_is_kept(two_runs: Desk) -> None:
    [newest] = sorted(Path(two_runs.state.logs).rglob("*.log"))[1:]
    newest.unlink()

    result = two_runs.process_control("logs", "purge")

    assert result.exit_code == 1
    assert result.stderr.startswith(f"{newest}: the log of run ")
    assert result.stderr.endswith(
        " was removed\n  hint: `retention` keeps, for each job: 1000 runs, 90 days, 1,000,000,000 bytes\n"
    )


def test_the_log_of_a_run_that_goes_on_is_shown(desk: Desk) -> None:
    desk.job("purge")
    log = desk.state.log("purge", (0.5, "o", b"so far\n"))
    desk.state.start("purge", alive=True, log=log)

    assert desk.process_control("logs", "purge").stdout == "so far\n"


@pytest.mark.parametrize("flags", [[], ["--raw"], ["-n", "9"]])
def test_a_log_that_is_shorter_than_its_run_recorded_says_so(box: Box, flags: list[str]) -> None:
    """After a power cut, on a disk that kept the record and not the log."""
    box.job("job", "command: seq 1 5")
    box.run("job")
    (log,) = box.logs("job")
    log.write_bytes(b"1\n2\n")

    result = box.process_control("logs", "job", *flags)

    assert (result.stdout, result.exit_code) == ("1\n2\n", 0)
    assert result.stderr == f"{log}: only 4 of 10 bytes are left: the host went down, or the file was cut\n"
