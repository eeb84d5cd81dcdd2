"""Signals other than a plain stop: to all of us at once, from a terminal, from the job itself, by surprise."""

import os
import random
import re
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest

from kit.harness import Box, Storm, children, lives, state_letter, until
from kit.runs import ONE_SLOT, ends, frozen, killers, outcomes, script, skips, the_end

#: Less than the moment for which a runner takes them for one, `_SAME_MOMENT_SECONDS`.
AT_ONCE_SECONDS = 0.2
ORDERS = {"guard first": "grj", "command first": "jrg", "runner first": "rgj"}


@pytest.mark.fault("TERM to guard, runner and command", small=6, full=500, wanted="always stopped")
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_stop_that_is_sent_to_all_of_us_at_once_is_a_stop(box: Box, storm: Storm, order: str) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo $$ > {started}; exec sleep 1000")
    box.job("job", f"command: {job}\n{ONE_SLOT}\nhold: {{after_failures: 1}}")
    chance = random.Random(order)
    seen: Counter[str] = Counter()
    for _ in storm.rounds():
        with box.start("job", via="stub") as live:
            command = int(started.read_line())
            guard, runner = killers(box, "job")
            pids = {"g": guard, "r": runner, "j": command}
            began = time.monotonic()
            for letter in order:
                with suppress(ProcessLookupError):
                    os.kill(pids[letter], signal.SIGTERM)
                last = time.monotonic()
                pause_a_little(chance.choice((0, 0, 0.001, 0.01, 0.05)))
            code = live.wait().exit_code
        reason = ends(box)[-1]["reason"]
        if last - began > AT_ONCE_SECONDS and reason == "signal":
            reason = "stopped"  # we were held up in between: the command alone had been told to end
        seen[f"{reason} {code}"] += 1

    storm.found(f"{order}: {seen['stopped 143']} of {storm.size} stopped")
    assert seen == {"stopped 143": storm.size}


def pause_a_little(seconds: float) -> None:
    if seconds:
        signal.sigtimedwait([], seconds)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2], ids=["USR1", "USR2"])
def test_user_signals_reach_the_running_command(box: Box, number: signal.Signals) -> None:
    started, heard = box.fifo("started"), box.fifo("heard")
    name = number.name.removeprefix("SIG")
    text = f"trap 'echo {name} > {heard}; exit 0' {name}; echo > {started}; while :; do sleep 0.02; done"
    box.job("job", f"command: {script(box, 'job.sh', text)}")

    with box.start("job") as live:
        started.read_line()
        live.signal(number)
        word = heard.read_line()
        result = live.wait()

    assert (word, result.exit_code) == (name, 0)
    assert outcomes(box) == [("succeeded", None)]


BY_SURPRISE = [signal.SIGALRM, signal.SIGXCPU, signal.SIGPWR, signal.SIGABRT, signal.SIGVTALRM, 34, 50, 64]


@pytest.mark.parametrize("whom", ["guard", "runner"])
@pytest.mark.parametrize("number", BY_SURPRISE)
def test_a_signal_that_nobody_expects_stops_the_run_with_its_grace(box: Box, number: int, whom: str) -> None:
    started = box.fifo("started")
    text = f"trap 'echo ended > {box.root}/ended; exit 9' TERM; echo > {started}; while :; do sleep 0.02; done"
    box.job("job", f"command: {script(box, 'job.sh', text)}")

    with box.start("job", via="stub") as live:
        started.read_line()
        guard, runner = killers(box, "job")
        os.kill({"guard": guard, "runner": runner}[whom], number)
        result = live.wait()

    assert result.exit_code == 143
    assert outcomes(box) == [("failed", "stopped")]
    assert (box.root / "ended").read_text() == "ended\n"


def test_a_forged_word_that_the_guard_has_died_is_not_believed(box: Box) -> None:
    job = script(box, "job.sh", "kill -35 $PPID; exec sleep 1000")
    box.job("job", f"command: {job}")

    result = box.run("job")

    assert result.exit_code == 143, result  # a signal that nobody expects is a stop, never a lost run
    assert outcomes(box) == [("failed", "stopped")]


def test_a_key_of_the_terminal_does_not_stop_the_clock_of_a_limit(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo > {started}; exec sleep 1000")
    box.job("job", f"command: {job}\ntimeout: 1s\nkill_grace: 0.1s")

    with box.start("job", tty=True) as live:
        started.read_line()
        with suppress(OSError):  # EIO: we were held up, and it is over
            live.type(b"\x1a")  # Ctrl-Z
        result = live.wait()

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]


STOPPERS = {
    "runner": "kill -STOP $PPID",
    "runner, again and again": "(while kill -STOP $PPID; do sleep 0.01; done) & kill -STOP $PPID",
}


@pytest.mark.parametrize("text", STOPPERS.values(), ids=STOPPERS)
def test_a_job_that_stops_its_runner_stops_no_limit(box: Box, text: str) -> None:
    box.job("job", f"command: {script(box, 'job.sh', f'{text}; sleep 1000')}\ntimeout: 0.5s\nkill_grace: 0.1s")

    result = box.run("job")

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]
    assert box.processes() == []


def test_a_stopped_guard_ends_when_its_runner_has_ended(box: Box) -> None:
    started, release = box.fifo("started"), box.fifo("release")
    box.job("job", f"command: {script(box, 'job.sh', f'echo > {started}; read line < {release}')}")

    with box.start("job", via="stub") as live:
        started.read_line()
        os.kill(live.pid, signal.SIGSTOP)
        until(lambda: state_letter(live.pid) == "T", "the guard to be stopped")
        release.write_line()
        result = live.wait()

    assert result.exit_code == 0
    assert outcomes(box) == [("succeeded", None)]


def stop_all_of_us(pid: int) -> list[int]:
    """Stop guard and runner, in the order in which neither can continue the other."""
    runner = children(pid)[0]
    for each in (pid, runner):
        os.kill(each, signal.SIGSTOP)
        until(lambda each=each: state_letter(each) == "T", "it to be stopped")
    return [pid, runner]


def test_a_stop_continues_a_run_whose_guard_and_runner_were_stopped(box: Box) -> None:
    started = box.fifo("started")
    box.job("job", f"command: {script(box, 'job.sh', f'echo > {started}; exec sleep 1000')}\ntimeout: 0")

    with box.start("job", via="stub") as live:
        started.read_line()
        stop_all_of_us(live.pid)
        killed = box.run_job("--kill-job", "job")
        result = live.wait()

    assert (killed.exit_code, result.exit_code) == (0, 143)
    assert the_end(box)["detail"] == "stopped on request"


def test_the_next_start_continues_a_run_that_was_stopped_and_says_so(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo > {started}; exec sleep 1000")
    box.job("job", f"command: {job}\n{ONE_SLOT}\ntimeout: 4s\nkill_grace: 0.1s")

    with box.start("job", via="stub") as live:
        started.read_line()
        stop_all_of_us(live.pid)
        box.run("--scheduled", "job")
        result = live.wait()

    assert result.exit_code == 124
    (skip,) = skips(box)
    assert skip["detail"].endswith("; its runner and its guard had been stopped by a signal, now continued")


def test_a_runner_that_does_not_answer_a_stop_is_killed_and_the_run_is_lost(box: Box) -> None:
    """A runner that somebody has stopped, and that stays so when it is continued."""
    started = box.fifo("started")
    box.job("job", f"command: {script(box, 'job.sh', f'echo > {started}; exec sleep 1000')}\nkill_grace: 0.1s")
    with box.start("job", via="stub") as live:
        started.read_line()
        guard, runner = killers(box, "job")
        with frozen(runner, guard):
            killed = box.run_job("--kill-job", "job")
        result = live.wait()

    assert killed.exit_code == 0, killed
    assert re.search(r"has not ended within 5.1 s and is killed now: stopped \(state [Tt]\)", killed.stderr)
    assert result.exit_code in (137, 143)
    assert not lives(runner)


PAUSED = {
    "a rule ignores the KILL": ("exec sleep 1000", "verdicts: [{signal: KILL, verdict: ignore}]"),
    "it ended by itself": ("exec sleep 6", ""),
}


@pytest.mark.parametrize(("text", "keys"), PAUSED.values(), ids=PAUSED)
def test_a_limit_that_passed_while_all_of_us_were_stopped_is_no_success(box: Box, text: str, keys: str) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo $$ > {started}; {text}")
    box.job("job", f"command: {job}\ntimeout: 5s\nkill_grace: 0.1s\n{keys}")

    with box.start("job", via="stub") as live:
        command = int(started.read_line())
        guard, runner = stop_all_of_us(live.pid)
        if keys:
            pause_a_little(5.1)
            os.kill(command, signal.SIGKILL)
        until(lambda: state_letter(command) == "Z", "the command to end")
        for pid in (guard, runner):
            os.kill(pid, signal.SIGCONT)
        result = live.wait()

    assert result.exit_code == 124
    assert outcomes(box) == [("failed", "timeout")]


def test_a_limit_of_silence_holds_although_the_runner_is_stopped_again_and_again(box: Box) -> None:
    started = box.fifo("started")
    job = script(box, "job.sh", f"echo $$ > {started}; exec sleep 1000")
    box.job("job", f"command: {job}\nsilence_timeout: 4s\nkill_grace: 0.1s\ntimeout: 0")

    with box.start("job", via="stub") as live:
        command = int(started.read_line())
        with frozen(killers(box, "job")[1]):
            until(lambda: not lives(command), "the guard to end the tree")
        live.wait()

    assert ends(box)[-1]["outcome"] in ("failed", "lost")


@pytest.mark.fault("SIGSTOP of one of us at any moment", small=5, full=400, wanted="limits hold, the row is true")
def test_whichever_of_us_is_stopped_at_any_moment_the_limit_holds_and_the_row_is_true(box: Box, storm: Storm) -> None:
    chance = random.Random(11)
    job = script(box, "job.sh", "trap '' TERM; while :; do sleep 0.05; done")
    box.job("job", f"command: {job}\n{ONE_SLOT}\ntimeout: 0.3s\nkill_grace: 0.1s")
    stopped: Counter[str] = Counter()
    for _ in storm.rounds():
        before = len(ends(box))
        with box.start("job", via="stub") as live:
            pause_a_little(chance.uniform(0, 0.3))
            runners = [pid for pid in children(live.pid) if lives(pid)]
            whom, pid = chance.choice([("guard", live.pid), *[("runner", pid) for pid in runners]])
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            stopped[whom] += 1
            if whom == "guard" and not runners:
                os.kill(live.pid, signal.SIGCONT)  # there is nobody else yet
            result = live.wait()
        rows = [(end["outcome"], end["reason"]) for end in ends(box)[before:]]
        # A runner that gets no processor for 13 s is given up by its guard, and the row says so.
        is_starved = "it did not answer any more; it was in state R" in result.stderr
        wanted = (137, [("lost", "runner_killed")]) if is_starved else (124, [("failed", "timeout")])
        assert (result.exit_code, rows) == wanted, result
        assert box.processes() == []

    storm.found(f"{storm.size} limits kept, {stopped['guard']} guards and {stopped['runner']} runners stopped")
