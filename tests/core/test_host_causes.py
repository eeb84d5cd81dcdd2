"""Which trouble of the host explains a missed planned time."""

import pytest

from process_control.core.causes import Cause
from process_control.core.heartbeat import Gap
from process_control.core.host_causes import MissedSlot, cause_of_gap, divide, explained_by, over_until

OFF = Gap(since=1000.0, boot=True)
ASLEEP = Gap(since=1000.0, boot=False, suspended=3000.0)
STEPPED = Gap(since=1000.0, boot=False, stepped=3000.0)
NOTHING_CAME = Gap(since=1000.0, boot=False)
IN_GAP, BEFORE = 2000, 500


def missed(cause: str, slot: int = IN_GAP, job: str = "job") -> MissedSlot:
    return MissedSlot(job=job, slot=slot, cause=cause, evidence="")


@pytest.mark.parametrize(
    ("gap", "cause"),
    [
        (None, None),
        (OFF, Cause.HOST_DOWN),
        (ASLEEP, Cause.HOST_DOWN),
        (STEPPED, None),
        (NOTHING_CAME, Cause.TRIGGER_DEAD),
    ],
)
def test_a_time_without_looks_is_what_the_clocks_say(gap: Gap | None, cause: Cause | None) -> None:
    assert cause_of_gap(gap) is cause
    assert over_until(gap, 5000.0) == (None if cause is None else 4940.0)


@pytest.mark.parametrize(
    ("slot", "gap", "troubles", "cause"),
    [
        (missed("host_down"), OFF, {}, Cause.HOST_DOWN),
        (missed("unknown"), ASLEEP, {}, Cause.HOST_DOWN),
        (missed("trigger_dead"), OFF, {}, Cause.HOST_DOWN),
        (missed("unknown", BEFORE), OFF, {}, None),
        (missed("host_down", BEFORE), None, {Cause.HOST_DOWN: 100.0}, Cause.HOST_DOWN),
        (missed("host_down", BEFORE), None, {}, None),
        (missed("clock_stepped"), OFF, {}, None),
        (missed("clock_stepped"), STEPPED, {}, None),
        (missed("unknown"), NOTHING_CAME, {}, Cause.TRIGGER_DEAD),
        (missed("trigger_dead"), None, {}, Cause.TRIGGER_DEAD),
        (missed("unknown"), None, {}, None),
        (missed("unknown"), None, {Cause.TRIGGER_DEAD: 1990.0}, Cause.TRIGGER_DEAD),
        (missed("unknown", BEFORE), None, {Cause.TRIGGER_DEAD: 1990.0}, None),
        (missed("not_in_crontab"), None, {}, None),
        (missed("not_in_crontab"), None, {Cause.TRIGGER_DEAD: 2040.0}, Cause.TRIGGER_DEAD),
        (missed("refused"), None, {}, None),
        (missed("refused"), None, {Cause.FILE_INVALID: 1.0}, Cause.FILE_INVALID),
        (missed("refused"), NOTHING_CAME, {Cause.DISK_FULL: 1.0}, Cause.DISK_FULL),
        (missed("unknown"), NOTHING_CAME, {Cause.DISK_FULL: 1.0}, Cause.DISK_FULL),
        (missed("runner_killed_before_start"), OFF, {}, None),
    ],
)
def test_what_explains_a_missed_time(
    slot: MissedSlot, gap: Gap | None, troubles: dict[Cause, float], cause: Cause | None
) -> None:
    assert explained_by(slot, gap, troubles) is cause


def test_missed_times_are_divided_by_what_explains_them_and_by_job() -> None:
    down, own, other = missed("host_down"), missed("clock_stepped"), missed("clock_stepped", job="other")

    assert divide([down, own, other], OFF, {}) == ({Cause.HOST_DOWN: [down]}, {"job": [own], "other": [other]})
