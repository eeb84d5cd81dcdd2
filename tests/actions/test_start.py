"""`start` as a page or a scheduler calls it: the ids of the runs, or why there is none."""

import os
import re
import signal

from kit.harness import Box, until
from kit.runs import ends, outcomes, records, starts
from process_control.actions.hold import hold
from process_control.actions.rights import Actor
from process_control.actions.start import How, start
from process_control.config.all_jobs import load_all
from process_control.config.settings import Settings
from process_control.system.account import account_of

US = account_of(os.geteuid())


def of(box: Box, **how: object) -> How:
    return How(config=str(box.configuration), **how)  # type: ignore[arg-type]


def test_a_start_returns_the_ids_of_runs_that_go_on(box: Box, settings: Settings) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    for slug in ("a", "b"):
        box.job(slug, f"command: sh -c 'echo up > {started}; read line < {go_on}'")

    found = start(settings, ["a", "b"], US, of(box, note="at once"))
    for _ in found:
        started.read_line()
    begun = starts(box)
    for _ in found:
        go_on.write_line()
    until(lambda: len(ends(box)) == 2, "both to end")
    until(lambda: not box.processes(), "nothing to be left")

    assert [(each.slug, each.done, each.exit_code, each.why) for each in found] == [
        ("a", "started", None, None),
        ("b", "started", None, None),
    ]
    assert {each.run_id for each in found} == {each["run_id"] for each in begun}
    assert {each["note"] for each in begun} == {"at once"}


def test_a_start_that_is_refused_says_why_and_raises_nothing(box: Box, settings: Settings, actor: Actor) -> None:
    box.job("job", "command: /bin/true")
    hold(actor, load_all(settings))

    [held] = start(settings, ["job"], US, of(box))
    [unknown] = start(settings, ["nowhere"], US, of(box))
    [forced] = start(settings, ["job"], US, of(box, force=True))
    until(lambda: len(ends(box)) == 1 and not box.processes(), "the forced run to end")

    assert (held.done, held.run_id, held.exit_code) == ("not started", None, 75)
    assert "on hold since " in str(held.why)
    assert (unknown.done, unknown.exit_code) == ("not started", 66)
    assert (forced.done, forced.run_id) == ("started", ends(box)[0]["run_id"])


def test_a_start_that_waits_for_its_lock_is_queued(box: Box, settings: Settings) -> None:
    started, go_on = box.fifo("started"), box.fifo("go_on")
    box.job("job", f"command: sh -c 'echo up > {started}; read line < {go_on}'\non_overlap: queue")
    start(settings, ["job"], US, of(box))
    started.read_line()

    [queued] = start(settings, ["job"], US, of(box))
    [pid] = re.findall(r"kill (\d+)$", str(queued.why))
    os.kill(int(pid), signal.SIGTERM)
    until(lambda: records(box, "skip") or not os.path.exists(f"/proc/{pid}/exe"), "it to be taken back")
    go_on.write_line()
    until(lambda: len(ends(box)) == 1 and not box.processes(), "nothing to be left")

    assert (queued.done, queued.run_id, queued.exit_code) == ("queued", None, None)
    assert outcomes(box) == [("succeeded", None)]
