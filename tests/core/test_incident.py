"""Who is told of what: one mail a failed run from the threshold on, one at the recovery, counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.first_incident import Happening, Incident, MessageKind, next_incident

F, W, R = Happening.FAILED, Happening.WENT_WELL, Happening.REFUSED
NOW = "2026-11-25T03:00:00.000Z"


def letters(happenings: str, threshold: int = 1) -> list[str]:
    """Return what is sent for each of `F`, `W`, `R`: f, w, r or a dot."""
    incident, sent = Incident(), []
    for number, word in enumerate(happenings):
        what = {"F": F, "W": W, "R": R}[word]
        incident, letter = next_incident(
            incident, what, key=str(number), at=NOW, threshold=threshold, refusal="bad file"
        )
        sent.append({None: ".", MessageKind.FAILURE: "f", MessageKind.RECOVERY: "w", MessageKind.REFUSAL: "r"}[letter])
    return ["".join(sent)]


@pytest.mark.parametrize(
    ("happenings", "threshold", "sent"),
    [
        ("FFF", 1, "fff"),
        ("FW", 1, "fw"),
        ("FWW", 1, "fw."),
        ("FFWF", 1, "ffwf"),
        ("W", 1, "."),
        ("FFFF", 3, "..ff"),
        ("FFW", 3, "..."),
        ("FFWFFF", 3, ".....f"),
        ("FFFWW", 3, "..fw."),
        ("RRR", 1, "r.."),
        ("RW", 1, "rw"),
        ("RFR", 1, "rf."),
        ("FRW", 1, "frw"),
        ("RRR", 2, ".r."),
        ("FRR", 3, "..r"),
    ],
)
def test_what_is_sent_for_what_happened(happenings: str, threshold: int, sent: str) -> None:
    assert letters(happenings, threshold) == [sent]


def test_the_same_run_is_counted_once_however_often_it_is_told() -> None:
    incident, first = next_incident(Incident(), F, key="a", at=NOW, threshold=1)
    again, second = next_incident(incident, F, key="a", at=NOW, threshold=1)

    assert (first, second) == (MessageKind.FAILURE, None)
    assert again == incident
    assert again.failures_in_row == 1


def test_the_same_refusal_is_told_again_after_a_day_and_another_one_at_once() -> None:
    def refuse(incident: Incident, key: str, at: str, sentence: str) -> tuple[Incident, MessageKind | None]:
        return next_incident(incident, R, key=key, at=at, threshold=1, refusal=sentence)

    incident, first = refuse(Incident(), "1", "2026-11-25T03:00:00.000Z", "bad file")
    incident, soon = refuse(incident, "2", "2026-11-26T02:59:00.000Z", "bad file")
    incident, other = refuse(incident, "3", "2026-11-26T02:59:30.000Z", "worse file")
    incident, later = refuse(incident, "4", "2026-11-27T03:00:00.000Z", "worse file")
    incident, clock_set_back = refuse(incident, "5", "2025-11-27T03:00:00.000Z", "worse file")

    assert [first, soon, other, later, clock_set_back] == [
        MessageKind.REFUSAL, None, MessageKind.REFUSAL, MessageKind.REFUSAL, MessageKind.REFUSAL,
    ]  # fmt: skip


def test_every_mail_of_an_incident_answers_its_first() -> None:
    incident, _ = next_incident(Incident(), F, key="a", at=NOW, threshold=1)
    later, _ = next_incident(incident, R, key="b", at=NOW, threshold=1, refusal="bad file")

    assert (incident.thread, later.thread) == ("a.failure", "a.failure")


@pytest.mark.parametrize(
    "record",
    [None, {}, {"failures_in_row": "3"}, {"failures_in_row": True}, {"failures_in_row": 1, "thread": 3}, {"seen": 3}],
    ids=str,
)
def test_a_record_that_makes_no_sense_is_no_incident(record: dict[str, object] | None) -> None:
    assert Incident.from_record(record) == Incident()


@given(st.lists(st.sampled_from("FWR"), max_size=40), st.integers(1, 4))
def test_recoveries_follow_told_failures_and_the_record_keeps_it_all(happenings: list[str], threshold: int) -> None:
    incident, is_told = Incident(), False
    for number, word in enumerate(happenings):
        what = {"F": F, "W": W, "R": R}[word]
        incident, letter = next_incident(
            incident, what, key=str(number), at=NOW, threshold=threshold, refusal="bad file"
        )
        if (letter is MessageKind.RECOVERY) != (word == "W" and is_told):
            pytest.fail(f"after {happenings[:number]}: {word} sent {letter}")
        is_told = word != "W" and (is_told or letter is not None)

        assert incident.was_notified == is_told
        assert Incident.from_record(incident.to_record()) == incident
