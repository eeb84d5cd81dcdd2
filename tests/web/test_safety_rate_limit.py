"""The rate limit by account and by address, as a table of tries."""

from process_control.web.access.rate_limit import FREE_OF_ADDRESS, FREE_OF_NAME, MAX_KNOWN, RateLimit, network_of


def fail(limit: RateLimit, name: str, address: str, count: int, *, now: float = 0.0) -> float:
    """Fail so often, as far as it is let; return the last pause."""
    pauses = [limit.begin(name, address, now=now) for _ in range(count)]
    return pauses[-1]


def test_the_sixth_failure_of_a_name_waits_and_each_further_one_longer() -> None:
    limit = RateLimit()

    assert fail(limit, "ann", "192.0.2.1", FREE_OF_NAME) == 0
    assert limit.begin("ann", "192.0.2.1", now=0.0) == 1
    assert limit.begin("ann", "192.0.2.1", now=1.5) == 0
    assert limit.begin("ann", "192.0.2.1", now=1.6) > 1.5


def test_one_address_gets_no_further_with_many_names() -> None:
    limit = RateLimit()

    tried = [limit.begin(f"name{number}", "192.0.2.1", now=0.0) for number in range(100)]

    assert tried.count(0.0) == FREE_OF_ADDRESS
    assert limit.begin("ann", "192.0.2.2", now=0.0) == 0


def test_many_addresses_get_no_further_with_one_name() -> None:
    limit = RateLimit()

    tried = [limit.begin("ann", f"192.0.2.{number}", now=0.0) for number in range(100)]

    assert tried.count(0.0) == FREE_OF_NAME


def test_who_guesses_keeps_nobody_out_who_has_logged_in_from_there_before() -> None:
    limit = RateLimit()
    limit.begin("ann", "192.0.2.1", now=0.0)
    limit.succeeded("ann", "192.0.2.1")

    fail(limit, "ann", "198.51.100.1", 100)
    for number in range(100):
        limit.begin(f"name{number}", "192.0.2.1", now=0.0)

    assert limit.begin("ann", "192.0.2.1", now=0.0) == 0


def test_a_success_does_not_forget_the_failures_of_its_address() -> None:
    limit = RateLimit()
    for number in range(FREE_OF_ADDRESS - 1):
        limit.begin(f"name{number}", "192.0.2.1", now=0.0)
    limit.begin("mallory", "192.0.2.1", now=0.0)
    limit.succeeded("mallory", "192.0.2.1")

    assert limit.begin("ann", "192.0.2.1", now=0.0) == 0
    assert limit.begin("bob", "192.0.2.1", now=0.0) > 0


def test_after_a_quarter_of_an_hour_all_is_forgotten() -> None:
    limit = RateLimit()
    fail(limit, "ann", "192.0.2.1", 10)

    assert limit.begin("ann", "192.0.2.1", now=1000.0) == 0
    assert limit.begin("ann", "192.0.2.1", now=1000.0) == 0


def test_addresses_that_one_may_choose_among_are_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("127.0.0.1") == network_of("127.200.3.4") == network_of("::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("uid:33") == "uid:33"


def test_it_forgets_before_it_fills_the_memory() -> None:
    limit = RateLimit()
    for number in range(MAX_KNOWN + 100):
        limit.begin(f"name{number}", f"2001:db8:{number:x}::1", now=0.0)

    assert len(limit._failures) <= MAX_KNOWN
