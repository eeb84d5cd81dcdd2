"""What a process of the fleet says of a server that is away: when it is lost, once a minute, and when it is back."""

from process_control.core.fleet.outage import Outage

FAULT = "the server db1:7233 does not answer"


def said(*looks: tuple[str | None, float]) -> list[str | None]:
    outage = Outage("worker web1", "db1:7233", "runs end after the lease")
    return [outage.heard(fault, now) for fault, now in looks]


def test_nothing_is_said_while_the_server_answers() -> None:
    assert said((None, 0.0), (None, 100.0)) == [None, None]


def test_the_loss_is_said_at_once_and_then_at_most_once_a_minute() -> None:
    assert said((FAULT, 10.0), (FAULT, 13.0), (FAULT, 69.9), (FAULT, 70.0), (FAULT, 129.0), (FAULT, 145.0)) == [
        "worker web1: the server db1:7233 does not answer; runs end after the lease",
        None,
        None,
        "worker web1: for 1 min: the server db1:7233 does not answer; runs end after the lease",
        None,
        "worker web1: for 2 min 15 s: the server db1:7233 does not answer; runs end after the lease",
    ]


def test_the_return_is_said_once_and_the_next_loss_again() -> None:
    assert said((FAULT, 10.0), (None, 45.0), (None, 55.0), ("the server refuses us: no", 65.0), (None, 75.0)) == [
        "worker web1: the server db1:7233 does not answer; runs end after the lease",
        "worker web1: the server db1:7233 answers again, after 35 s",
        None,
        "worker web1: the server refuses us: no; runs end after the lease",
        "worker web1: the server db1:7233 answers again, after 10 s",
    ]
