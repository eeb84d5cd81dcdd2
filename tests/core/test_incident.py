"""The table of incidents, and which message they owe whom."""

import itertools
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from process_control.core.causes import Cause
from process_control.core.incident import TABLE, Event, Happening, Incident, Notified, State, begin, next_incident
from process_control.core.notice import Notice, NoticeEvent, after_sending, owed
from process_control.core.recipient import Recipient

HOST = "db1"
_keys = itertools.count()


def at(hours: float) -> str:
    moment = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(hours=hours)
    return f"{moment:%Y-%m-%dT%H:%M:%S.000Z}"


def happening(event: Event = Event.TROUBLE, *, hours: float = 0, job: str = "backup", **given: object) -> Happening:
    known: dict[str, object] = {"reason": "exit_code", "run_id": f"r{next(_keys)}"} if event is Event.TROUBLE else {}
    return Happening(event=event, key=f"k{next(_keys)}", at=at(hours), job=job, **(known | given))  # type: ignore[arg-type]


def opened(**given: object) -> Incident:
    return begin(happening(**given), host=HOST)  # type: ignore[arg-type]


class Sent:
    """What one recipient is sent while things happen."""

    def __init__(self, **given: object) -> None:
        self.recipient = Recipient(url="mailto:ops@example.org", **given)  # type: ignore[arg-type]
        self.notified = Notified()
        self.events: list[str] = []
        self.ids: list[str] = []

    def look(self, incident: Incident, *, hours: float, is_silenced: bool = False) -> list[str]:
        event = owed(
            incident,
            self.notified,
            self.recipient,
            count=incident.count,
            at=at(hours),
            is_silenced=is_silenced,
        )
        if event is not None:
            notice = Notice(
                id=f"{incident.id}.{event}.{self.notified.number + 1}",
                event=event,
                at=at(hours),
                incident=incident,
                jobs=tuple(incident.jobs),
                posted={},
                host=HOST,
            )
            self.notified = after_sending(self.notified, notice, self.recipient)
            self.events.append(event.value)
            self.ids.append(notice.id)
        return self.events


def test_the_table_knows_every_event_in_every_state() -> None:
    assert {state: set(steps) for state, steps in TABLE.items()} == {state: set(Event) for state in State}


def test_of_many_planned_times_the_first_and_the_last_are_kept_and_all_are_counted() -> None:
    missed = {"cause": Cause.MISSED, "run_id": None}
    incident = opened(**missed, slots=(at(0),))
    for hour in range(1, 1000):
        incident = next_incident(incident, happening(**missed, slots=(at(hour),)))  # type: ignore[arg-type]
    part = incident.parts["backup"]
    assert (part.slots[0], part.slots[-1], len(part.slots), part.waiting) == (at(0), at(999), 20, 1000)

    for settled in ([at(-1), at(5000)], [at(0), at(999), at(500)]):
        incident = next_incident(incident, happening(Event.SETTLED, slots=tuple(settled)))
    assert (incident.state, incident.parts["backup"].waiting) == (State.OPEN, 997)
    for hour in (*range(1, 500), *range(501, 999)):
        assert incident.state is State.OPEN
        incident = next_incident(incident, happening(Event.SETTLED, slots=(at(hour),)))
    assert incident.state is State.CLOSED


def test_trouble_below_the_threshold_counts_and_opens_from_it_on() -> None:
    incident = opened(threshold=3)
    assert (incident.state, incident.opened_at) == (State.COUNTING, None)

    incident = next_incident(incident, happening(threshold=3, hours=1))
    incident = next_incident(incident, happening(threshold=3, hours=2))

    assert (incident.state, incident.opened_at, incident.since, incident.count) == (State.OPEN, at(2), at(0), 3)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"run_id": "01k"}, "backup~01k"),
        ({"run_id": None, "cause": Cause.MISSED, "slots": ("2026-11-28T03:00:00Z",)}, "backup~20261128T0300Z.db1"),
        ({"run_id": None, "cause": Cause.HOST_DOWN, "job": "", "hours": 4}, "host_down~20261128T0400Z.db1"),
    ],
)
def test_an_id_is_of_the_first_run_or_planned_time_and_names_the_host(given: Mapping[str, object], wanted: str) -> None:
    assert opened(**given).id == wanted


def test_an_id_is_a_name_of_a_file_whatever_the_host_is_called() -> None:
    found = happening(cause=Cause.DISK_FULL, job="", run_id=None)

    assert begin(found, host="a/../b \udcff").id == "disk_full~20261128T0000Z.a-..-b--"


def test_an_event_that_comes_twice_counts_once() -> None:
    trouble = happening()
    incident = begin(trouble, host=HOST)

    assert next_incident(incident, trouble).count == 1


@pytest.mark.parametrize("state", [State.COUNTING, State.OPEN, State.ACKNOWLEDGED])
def test_a_good_run_closes_it_whoever_started_it(state: State) -> None:
    closed = next_incident(replace(opened(), state=state), happening(Event.WENT_WELL, hours=1))

    assert (closed.state, closed.closed_at, closed.closed_by) == (State.CLOSED, at(1), "the job succeeded")


@pytest.mark.parametrize("event", list(Event))
def test_a_closed_incident_stays_as_it_is(event: Event) -> None:
    closed = next_incident(opened(), happening(Event.WENT_WELL))

    after = next_incident(closed, happening(event))

    assert replace(after, seen=()) == replace(closed, seen=())


def test_what_is_acknowledged_counts_on_and_opens_again_for_another_reason() -> None:
    known = next_incident(opened(fingerprint="disk # full"), happening(Event.ACKNOWLEDGED, by="ann", note="on it"))
    assert known.acknowledged == {"at": at(0), "by": "ann", "note": "on it"}

    same = next_incident(known, happening(fingerprint="disk # full"))
    other = next_incident(same, happening(fingerprint="no such table"))

    assert (same.state, same.count, same.is_changed) == (State.ACKNOWLEDGED, 2, False)
    assert (other.state, other.count, other.is_changed) == (State.OPEN, 3, True)


def test_a_job_that_changes_four_times_in_ten_runs_flaps_until_it_is_calm() -> None:
    incident = next_incident(opened(), happening(Event.WENT_WELL, changes=4))
    assert incident.state is State.FLAPPING
    incident = next_incident(incident, happening(changes=5))
    incident = next_incident(incident, happening(Event.WENT_WELL, changes=2))
    assert incident.state is State.FLAPPING

    assert next_incident(incident, happening(Event.WENT_WELL, changes=1)).state is State.CLOSED
    assert next_incident(incident, happening(changes=1)).state is State.OPEN


def test_what_only_planned_times_made_is_over_when_the_last_is_settled() -> None:
    missed = {"cause": Cause.MISSED, "run_id": None}
    incident = opened(**missed, slots=(at(-1),))
    incident = next_incident(incident, happening(**missed, slots=(at(-2),)))  # type: ignore[arg-type]

    one = next_incident(incident, happening(Event.SETTLED, slots=(at(-1),)))
    both = next_incident(one, happening(Event.SETTLED, slots=(at(-2),)))

    assert (one.state, one.parts["backup"].slots) == (State.OPEN, (at(-2),))
    assert (both.state, both.closed_by) == (State.CLOSED, "its planned times are settled")


def test_a_failed_run_is_not_settled_by_planned_times() -> None:
    incident = opened(cause=Cause.MISSED, run_id=None, slots=(at(-1),))
    failed = next_incident(incident, happening())

    assert failed.cause is Cause.FAILED
    assert next_incident(failed, happening(Event.SETTLED, slots=(at(-1),))).state is State.OPEN


def test_an_incident_of_several_jobs_is_over_when_all_of_them_are_well() -> None:
    incident = next_incident(opened(), happening(job="sync"))
    incident = next_incident(incident, happening(Event.WENT_WELL, job="sync"))
    assert (incident.state, incident.jobs) == (State.OPEN, ["backup", "sync"])

    assert next_incident(incident, happening(Event.WENT_WELL)).state is State.CLOSED


def test_a_host_that_was_down_is_back_with_the_first_scheduled_run_and_counts_what_it_did_to_each_job() -> None:
    down = opened(cause=Cause.HOST_DOWN, job="", run_id=None, jobs={"backup": 3, "sync": 5})
    assert (down.state, down.count, down.parts["sync"].count) == (State.OPEN, 8, 5)

    assert next_incident(down, happening(Event.WENT_WELL, is_scheduled=False)).state is State.OPEN
    assert next_incident(down, happening(Event.WENT_WELL, is_scheduled=True)).state is State.CLOSED
    assert next_incident(down, happening(Event.OVER, job="", cause=Cause.HOST_DOWN)).state is State.CLOSED


def test_a_disabled_job_closes_it_with_that_word() -> None:
    closed = next_incident(opened(), happening(Event.GONE, sentence="the job is disabled"))

    assert (closed.state, closed.closed_by) == (State.CLOSED, "the job is disabled")


# --- who is sent what ------------------------------------------------------------------------------------------------


def test_one_message_when_it_opens_and_one_when_it_closes() -> None:
    sent, incident = Sent(), opened()
    sent.look(incident, hours=0)
    for hour in range(1, 20):
        incident = next_incident(incident, happening(hours=hour))
        sent.look(incident, hours=hour)
    incident = next_incident(incident, happening(Event.WENT_WELL, hours=20))

    assert sent.look(incident, hours=20) == sent.look(incident, hours=50) == ["opened", "closed"]


def test_a_reminder_comes_once_a_day_and_not_when_none_is_wanted() -> None:
    incident = opened()
    daily, never, hourly = Sent(), Sent(remind_seconds=0), Sent(remind_seconds=3600)
    for hour in range(73):
        for sent in (daily, never, hourly):
            sent.look(incident, hours=hour)

    assert daily.events == ["opened", "reminder", "reminder", "reminder"]
    assert never.events == ["opened"]
    assert len(hourly.events) == 73
    assert len(set(hourly.ids)) == 73


def test_no_end_is_sent_to_whom_no_opening_was() -> None:
    sent = Sent(after=3)
    incident = next_incident(opened(threshold=1), happening())
    sent.look(incident, hours=0)

    assert sent.look(next_incident(incident, happening(Event.WENT_WELL)), hours=1) == []


def test_a_recipient_with_a_later_threshold_is_notified_when_it_is_reached() -> None:
    soon, late, incident = Sent(), Sent(after=2), opened()
    soon.look(incident, hours=0)
    assert late.look(incident, hours=0) == []

    incident = next_incident(incident, happening(hours=1))

    assert (soon.look(incident, hours=1), late.look(incident, hours=1)) == (["opened"], ["opened"])


def test_only_the_causes_that_somebody_wants_are_sent_and_the_end_only_to_whom_wants_it() -> None:
    nothing, no_end = Sent(on=frozenset({"missed"})), Sent(on=frozenset({"failed"}))
    host = Sent(on=frozenset({"host", "recovered"}))
    incident = opened()
    for sent in (nothing, no_end, host):
        sent.look(incident, hours=0)
        sent.look(next_incident(incident, happening(Event.WENT_WELL)), hours=1)

    assert (nothing.events, no_end.events, host.events) == ([], ["opened"], [])
    assert host.look(opened(cause=Cause.HOST_DOWN, job="", run_id=None), hours=0) == ["opened"]


def test_what_is_acknowledged_is_not_repeated_until_it_changes() -> None:
    sent, incident = Sent(), opened()
    sent.look(incident, hours=0)
    incident = next_incident(incident, happening(Event.ACKNOWLEDGED, by="ann"))
    for hour in range(1, 100):
        incident = next_incident(incident, happening(hours=hour))
        sent.look(incident, hours=hour)
    assert sent.events == ["opened"]

    incident = next_incident(incident, happening(reason="timeout", hours=100))

    assert sent.look(incident, hours=100) == sent.look(incident, hours=101) == ["opened", "changed"]


def test_nothing_is_sent_in_a_silence_and_one_message_after_it() -> None:
    sent, incident = Sent(), opened()
    for hour in range(3):
        sent.look(incident, hours=hour, is_silenced=True)

    assert sent.look(incident, hours=3) == ["opened"]


def test_an_end_in_a_silence_is_sent_after_it_to_whom_knows_of_the_beginning() -> None:
    knows, does_not, incident = Sent(), Sent(), opened()
    knows.look(incident, hours=0)
    closed = next_incident(incident, happening(Event.WENT_WELL, hours=1))
    for sent in (knows, does_not):
        sent.look(closed, hours=1, is_silenced=True)
        sent.look(closed, hours=2)

    assert (knows.events, does_not.events) == (["opened", "closed"], [])


def test_flapping_is_sent_once_and_then_only_reminders() -> None:
    sent, incident = Sent(), opened()
    sent.look(incident, hours=0)
    for hour in range(1, 48):
        event = Event.WENT_WELL if hour % 2 else Event.TROUBLE
        incident = next_incident(incident, happening(event, hours=hour, changes=9))
        sent.look(incident, hours=hour)

    assert sent.events == ["opened", "flapping", "reminder"]


def test_each_failed_run_is_sent_where_that_is_wanted() -> None:
    sent, incident = Sent(each=True), opened()
    sent.look(incident, hours=0)
    for hour in (1, 2):
        incident = next_incident(incident, happening(hours=hour))
        sent.look(incident, hours=hour)
        sent.look(incident, hours=hour)
    incident = next_incident(incident, happening(Event.WENT_WELL, hours=3))

    assert sent.look(incident, hours=3) == ["opened", "reminder", "reminder", "closed"]


def test_whatever_happens_each_opening_has_one_end_at_most_and_no_id_comes_twice() -> None:
    """Over 2,000 random courses: the messages of one incident to one recipient make sense in their order."""
    for seed in range(2000):
        chance = random.Random(seed)
        sent = Sent(after=chance.choice([1, 1, 2, 3]), each=chance.random() < 0.2)
        incident = opened(threshold=sent.recipient.after)
        for hour in range(chance.randrange(40)):
            sent.look(incident, hours=hour, is_silenced=chance.random() < 0.2)
            event = chance.choice([Event.TROUBLE] * 6 + list(Event))
            incident = next_incident(
                incident,
                happening(
                    event,
                    hours=hour,
                    changes=chance.randrange(8),
                    threshold=sent.recipient.after,
                    fingerprint=chance.choice("ab"),
                ),
            )
        sent.look(incident, hours=100)

        assert len(set(sent.ids)) == len(sent.ids)
        assert sent.events.count(NoticeEvent.CLOSED) == (incident.is_over and bool(sent.events)), seed
        assert sent.events[:1] in ([], ["opened"], ["flapping"]), seed
        assert "closed" not in sent.events[:-1], seed
