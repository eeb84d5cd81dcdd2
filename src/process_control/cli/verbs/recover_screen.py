"""What `recover` shows: its proposals, the progress of the runs, and what is left."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from process_control.actions.recover import Progress, Result
from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.print.plain import clean, is_terminal, print_tabbed
from process_control.core.moments import day_and_time
from process_control.system.clock import iso
from process_control.views.recovery import CAUSES_IN_WORDS, LEAVE, ONCE, Proposal

MAX_NAMED = 10
_CLEAR = "\r\x1b[K"


def show_proposals(found: Sequence[Proposal], *, since: str, command: str) -> None:
    """Print the proposals by cause, and the command that runs them."""
    if not is_terminal():
        for each in found:
            ends = [iso(each.slots[0]), iso(each.slots[-1])]
            print_tabbed([each.cause, each.job, each.proposal, len(each.slots), *ends])
    else:
        for cause, group in groupby(found, key=lambda each: each.cause):
            print_line(f"{cause}: {CAUSES_IN_WORDS[cause]}")
            for each in group:
                print_line(f"  {clean(each.job)}: {_in_words(each)}")
    count = sum(len(each.to_run) for each in found)
    if count:
        runs = "1 run" if count == 1 else f"{count:,} runs"
        talk(f"dry run: nothing was started; to start {runs}:\n  {command}")
    elif not found:
        talk(f"nothing was missed or lost since {since}, as far as it is known")
    else:
        talk("all of these are to be left: to run one all the same: process-control run JOB --slot TIME")


def _in_words(proposal: Proposal) -> str:
    now = datetime.now(UTC)
    first, last = (day_and_time(datetime.fromtimestamp(proposal.slots[end], UTC), now) for end in (0, -1))
    count = len(proposal.slots)
    slots = last if count == 1 else f"{count:,} planned times, {first} to {last}"
    if proposal.proposal == LEAVE:
        return f"{slots}: leave ({proposal.why})"
    if proposal.proposal == ONCE:
        return f"{slots}: once" if count == 1 else f"{slots}: once, for {last}"
    return f"{slots}: each"


class Screen:
    """The progress of `recover --yes`: one line on a terminal, one a result in a pipe."""

    def __init__(self, count: int, *, as_json: bool) -> None:
        self._count = count
        self._as_json = as_json
        self._shown = 0
        self._is_live = is_terminal() and sys.stderr.isatty()

    def show(self, progress: Progress) -> None:
        results = progress.results[self._shown :]
        self._shown = len(progress.results)
        for result in results:
            self._show_result(result)
        if self._is_live:
            failed = sum(not result.is_well for result in progress.results)
            bad = f", {failed:,} failed" if failed else ""
            running = f"{len(progress.running):,} running"
            self._write(f"{_CLEAR}{self._shown:,} of {self._count:,} ended{bad}, {running}")

    def _show_result(self, result: Result) -> None:
        if self._as_json:
            return
        if not is_terminal():
            print_tabbed([result.job, iso(result.slot), result.done, result.why])
            sys.stdout.flush()
        elif not result.is_well:
            self._clear()
            print_line(f"{clean(result.job)}: {_when(result.slot)}: {result.done}: {clean(result.why)}")

    def end(self, done: Progress, found: Sequence[Proposal], *, again: str) -> None:
        """Say what was done and what is left."""
        self.show(done)
        self._clear()
        if self._as_json:
            results = [
                {
                    "job": each.job,
                    "slot": iso(each.slot),
                    "done": each.done,
                    "exit_code": each.exit_code,
                    "why": each.why,
                }
                for each in done.results
            ]
            print_json({"proposals": [each.to_json() for each in found], "results": results})
        failed = [result for result in done.results if not result.is_well]
        talk(f"{self._shown - len(failed):,} of {self._count:,} planned times run" + _count("failed", failed))
        if done.running:
            talk(f"still running, and left alone: {_listed(done.running)}")
        if done.left:
            talk(f"left: {_listed(done.left)}; to continue:\n  {again}")
        if failed:
            first = failed[0]
            talk(f"to run one again: process-control run {first.job} --slot {iso(first.slot)}")

    def _clear(self) -> None:
        if self._is_live:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()


def _count(what: str, results: Sequence[Result]) -> str:
    return f", {len(results):,} {what}" if results else ""


def _listed(pairs: Sequence[tuple[str, int]]) -> str:
    words = [f"{job} for {_when(slot)}" for job, slot in pairs[:MAX_NAMED]]
    more = f" and {len(pairs) - MAX_NAMED:,} more" if len(pairs) > MAX_NAMED else ""
    return f"{', '.join(words)}{more}"


def _when(slot: int) -> str:
    return day_and_time(datetime.fromtimestamp(slot, UTC), datetime.now(UTC))
