"""One look at all jobs for all who ask; a long one keeps nobody waiting."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kit.harness import Box, until
from process_control.config.settings import load_settings
from process_control.errors import BadConfiguration
from process_control.web import snapshot
from process_control.web.snapshot import Snapshot, Watched


class Slow(Watched):
    """Looks when it may."""

    may_look: threading.Event
    looks = 0

    def _look(self, last: Snapshot | None) -> Snapshot:
        self.looks += 1
        if not self.may_look.wait(20):
            raise BadConfiguration("it may not look")
        return super()._look(last)


@pytest.fixture
def watched(box: Box) -> Iterator[Slow]:
    box.job("job", "command: 'true'")
    found = Slow(load_settings(str(box.configuration), {}))
    found.may_look = threading.Event()
    found.may_look.set()
    yield found
    found.may_look.set()
    until(lambda: found._looking is None, "the end of the last look")


def test_a_hundred_who_ask_at_once_share_one_look(watched: Slow) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        found = [each.result() for each in [pool.submit(watched.now) for _ in range(100)]]

    # Who asks after a second gets another look: on a busy host that may be some of the hundred.
    assert watched.looks <= 1 + (time.monotonic() - began) // snapshot.MIN_SECONDS
    assert {each.number for each in found} == {found[0].number}


def test_while_a_look_takes_long_the_last_one_is_shown(watched: Slow) -> None:
    first = watched.now()
    watched.may_look.clear()
    until(lambda: watched._looking is not None or watched.now() is None, "another look")

    assert watched.now() is first
    watched.may_look.set()
    until(lambda: watched.now() is not first, "what the long look has found")
    assert snapshot.PATIENCE_SECONDS <= 1


def test_job_files_that_are_the_same_are_the_same_jobs_when_all_are_read_again(watched: Slow, box: Box) -> None:
    [before] = watched.now().jobs
    box.job("new", "command: 'true'")
    until(lambda: len(watched.now().jobs) == 2, "a look that finds the new job")

    assert watched.now().jobs[0] is before
