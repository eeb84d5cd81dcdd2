"""Fifty ways to steer a terminal, in every text that somebody else wrote: none reaches a terminal or a mail raw.

Each escape stands between two marks of its own, so that what comes out can be told from the colours that we make.
"""

import json
import random
import re

import pytest

from kit.harness import Box, Result, Storm
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import script

CSI, OSC, DCS, APC, PM, SOS, ST, BEL = "\x1b[", "\x1b]", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b\\", "\x07"
ESCAPES = [
    # Colours, cursor, screen: what hides or repaints a line that was shown before.
    *(f"{CSI}31m", f"{CSI}8m", f"{CSI}0m", f"{CSI}38;5;1m", f"{CSI}1A", f"{CSI}2K", f"{CSI}2J", f"{CSI}3J"),
    *(f"{CSI}H", f"{CSI}1;1H", f"{CSI}s", f"{CSI}u", f"{CSI}?25l", f"{CSI}?1049h", f"{CSI}?1000h", f"{CSI}?2004l"),
    *(f"{CSI}5;5r", f"{CSI}4h", f"{CSI}20h", f"{CSI}3g", f"{CSI}!p", f"{CSI}?5h"),
    # What a terminal answers, as if it had been typed.
    *(f"{CSI}6n", f"{CSI}c", f"{CSI}>c", f"{CSI}21t", f"{CSI}18t", f"{DCS}$q m{ST}", f"{DCS}+q544e{ST}", "\x05"),
    # Titles, clipboard, links, files.
    *(f"{OSC}0;title{BEL}", f"{OSC}2;title{ST}", f"{OSC}52;c;ZXZpbA=={BEL}", f"{OSC}8;;http://evil/{ST}here"),
    *(f"{OSC}1337;File=name=eA==:eA=={BEL}", f"{OSC}4;1;?{BEL}", f"{OSC}10;?{BEL}"),
    *(f"{APC}Gf=100{ST}", f"{PM}private{ST}", f"{SOS}string{ST}"),
    # Single characters: of eight bits, of old terminals, and those that only reorder what is read.
    *("\x1bc", "\x1b#8", "\x1b(0", "\x0e", "\x9b2J", "\x90$q\x9c", "\x9d0;title\x9c", "\x08\x08\x08", "\r", "\x7f"),
    *("\u202e", "\u2066", "\u2028"),
]
MARKED = [f"<{number:02}{escape}{number:02}>" for number, escape in enumerate(ESCAPES)]
PLAIN, COLOURED = {"NO_COLOR": "1", "TERM": "dumb"}, {"TERM": "xterm-256color"}
SLUG = "job"
WIDE = 20_000
"""Columns: no colour of ours comes between two marks because a line was broken there."""
VIEWS = [
    *(["process-control", verb, *words]
      for verb in ("status", "history", "audit", "list", "check", "lint", "show", "logs")
      for words in ([], [SLUG], ["--json"], [SLUG, "--json"])),
    *(["process-control", "logs", SLUG, "--times"], ["process-control", "learn", SLUG]),
    *(["run-job", flag] for flag in ("--list-jobs", "--status", "--list-tags", "--help")),
    *(["run-job", "--dry-run", SLUG], ["run-job", SLUG], ["cron-generate", "--dry-run"], ["cron-generate", "--check"]),
]  # fmt: skip
LOOKS = random.Random(5).sample([(view, env) for view in VIEWS for env in (PLAIN, COLOURED)], 2 * len(VIEWS))
"""Every view with and without colours, in an order of which the beginning is a fair choice."""
TYPED = [
    *(["run-job"], ["run-job", "--kill-job"], ["run-job", "--no-such"], ["run-job", "--config"]),
    *(["process-control", verb] for verb in ("status", "explain", "show", "hold", "logs", "import", "lint", "wait")),
    *(["process-control"], ["process-control", "history", "--since"], ["cron-generate", "--output"]),
]


def the_raw(text: str) -> list[str]:
    """Return what would steer a terminal: anything between two marks, or without colours anywhere."""
    between = [match[2] for match in re.finditer(r"<(\d\d)((?:(?!<\d\d)[^…])*?)\1>", text)]
    return [part for part in between if not_shown_plainly(part)]


def not_shown_plainly(text: str) -> list[str]:
    return [char for char in text if not char.isprintable() and char not in "\n\t"]


def full_of_escapes(box: Box) -> None:
    """Write a job that has them in its name, tags, output and rules, bad neighbours, and let it fail."""
    everything = "".join(MARKED)
    (box.root / "printed").write_text("".join(f"{each}\n" for each in MARKED))
    job = script(box, "job.sh", f"cat {box.root}/printed; cat {box.root}/printed >&2; exit 3")
    keys = {
        "command": [str(job), everything],
        "schedule": "0 0 1 1 *",
        "environment": {"TITLE": everything},
        "working_directory": str(box.root),
        "verdicts": [{"stderr": f"<06|{re.escape(''.join(MARKED[:20]))}", "verdict": "fail"}],
    }
    box.job(SLUG, "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items()))
    texts = {"name": everything, "command": "true", "schedule": everything, "tags": MARKED, "retry": everything}
    box.job("bad", "".join(f"{key}: {json.dumps(value)}\n" for key, value in texts.items()))
    box.job("raw", f"command: 'true'\n{everything}: 1\n")
    box.job("odd", "".join(f"{json.dumps(key)}: 1\n" for key in MARKED))
    for number, each in enumerate(MARKED):
        (box.job_directory / f"file-{number}{each.replace('/', '')}.yaml").write_text("name: n\ncommand: 'true'\n")


def run(box: Box, words: list[str], *, tty: bool, env: dict[str, str]) -> Result:
    program = {
        "run-job": box.product.run_job,
        "process-control": box.product.process_control,
        "cron-generate": box.product.cron_generate,
    }[words[0]]
    return box.command([str(program), *words[1:]], tty=tty, env=env, columns=WIDE)


@pytest.mark.fault("terminal escapes in what others wrote", small=24, full=len(LOOKS), wanted="0 reach it raw")
def test_no_escape_in_a_job_its_output_or_a_file_name_reaches_a_terminal(box: Box, storm: Storm) -> None:
    full_of_escapes(box)
    assert box.run(SLUG).exit_code == 3
    raw: dict[str, list[str]] = {}
    marks = 0
    for number in storm.rounds():
        words, env = LOOKS[number]
        result = run(box, words, tty=True, env=env)
        found = the_raw(result.stdout) + (not_shown_plainly(result.stdout) if env is PLAIN else [])
        marks += len(re.findall(r"<\d\d", result.stdout))
        if found or "Traceback" in result.stdout:
            raw[" ".join([*words, env["TERM"]])] = [*found[:5], result.stdout[-300:]]

    assert raw == {}
    assert marks > 2 * len(ESCAPES)
    storm.found(f"{len(ESCAPES)} escapes, {storm.size} views, 0 raw")


@pytest.mark.fault("terminal escapes in what is typed", wanted="0 reach it raw")
def test_no_escape_in_an_argument_reaches_the_terminal_of_the_answer(box: Box, storm: Storm) -> None:
    box.job(SLUG, "command: 'true'")
    raw: dict[str, list[str]] = {}
    for words in TYPED:
        # All in one argument, those that no argument of the harness's terminal can hold left out.
        result = run(box, [*words, "".join(MARKED)], tty=True, env=PLAIN)
        found = the_raw(result.stdout) + not_shown_plainly(result.stdout)
        if found or "Traceback" in result.stdout or "fault in process-control itself" in result.stdout:
            raw[" ".join(words)] = [*found[:5], result.stdout[-300:]]

    assert raw == {}
    storm.found(f"{len(ESCAPES)} escapes, {len(TYPED)} commands, 0 raw")


@pytest.mark.fault("terminal escapes in mails", wanted="0 reach it raw")
def test_no_escape_of_a_job_is_in_its_mail(box: Box, storm: Storm) -> None:
    full_of_escapes(box)
    with mail_server() as server:
        mail_to(box, server)
        assert box.run(SLUG).exit_code == 3
        box.run("--scheduled", "bad")
        wait_until_told(box)

        mails = list(server.mails)

    assert len(mails) == 2
    for mail in mails:
        for text in (mail.subject, mail.text, mail.html, mail.raw.decode("ascii").replace("\r\n", "\n")):
            assert not_shown_plainly(text) == []
    assert sum(f"{number:02}>" in mails[0].text for number in range(len(ESCAPES))) == len(ESCAPES)
    storm.found(f"{len(ESCAPES)} escapes, 2 mails, 0 raw")


def test_there_are_fifty_of_them() -> None:
    assert len(set(ESCAPES)) >= 50
