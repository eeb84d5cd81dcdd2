"""Which waiting starts may start: limits, order, no idle place, and a naive second implementation."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.processor_time import least_milliseconds
from process_control.core.start_queue import (
    LOCK,
    MAX_CONCURRENT,
    POOL,
    Decision,
    Limits,
    Running,
    Start,
    Waits,
    decide,
)

POOLS = ("db", "web")


def start(job: str, arrived: int, *, pool: str | None = None, lock: str = "", on_overlap: str = "skip") -> Start:
    return Start(job, 60 * arrived, lock or job, on_overlap, pool, arrived)


def run(job: str, *, pool: str | None = None, lock: str = "", on_host: bool = True) -> Running:
    return Running(job, lock or job, pool, on_host)


def jobs(starts: tuple[Start, ...]) -> list[str]:
    return [each.job for each in starts]


def test_without_limits_everything_starts_in_order_of_arrival() -> None:
    decision = decide([start("b", 2), start("a", 1), start("c", 3)], [], Limits())
    assert jobs(decision.starts) == ["a", "b", "c"]
    assert decision.waits == ()


def test_a_full_pool_holds_up_its_own_starts_only() -> None:
    waiting = [start("a", 1, pool="db"), start("b", 2, pool="db"), start("c", 3, pool="web"), start("d", 4)]
    decision = decide(waiting, [run("x", pool="db"), run("y", pool="db")], Limits(pools={"db": 2, "web": 1}))
    assert jobs(decision.starts) == ["c", "d"]
    assert decision.waits == (
        Waits(waiting[0], POOL, 1, ("x", "y"), None),
        Waits(waiting[1], POOL, 2, ("x", "y"), waiting[0]),
    )


def test_the_host_is_full_for_all_and_runs_without_a_place_do_not_count() -> None:
    waiting = [start("a", 1, pool="db"), start("b", 2), start("c", 3)]
    running = [run("x"), run("inner", on_host=False)]
    decision = decide(waiting, running, Limits(max_concurrent=2, pools={"db": 1}))
    assert jobs(decision.starts) == ["a"]
    assert [(each.start.job, each.why, each.position, each.holders) for each in decision.waits] == [
        ("b", MAX_CONCURRENT, 1, ("x", "a")),
        ("c", MAX_CONCURRENT, 2, ("x", "a")),
    ]


def test_only_queue_waits_for_a_lock_that_is_held_and_the_others_take_no_place() -> None:
    waiting = [
        start("a", 1, pool="db", on_overlap="queue"),
        start("a", 2, pool="db", on_overlap="skip"),
        start("b", 3, pool="db"),
    ]
    decision = decide(waiting, [run("a", pool="db")], Limits(pools={"db": 2}))
    assert jobs(decision.starts) == ["b"]
    assert [(each.why, each.holders, each.behind) for each in decision.waits] == [
        (LOCK, ("a",), None),
        (LOCK, ("a",), waiting[0]),
    ]
    decision = decide(waiting[1:], [run("a", pool="db")], Limits(pools={"db": 2}))
    assert decision.starts == tuple(waiting[1:]), "the run itself skips, and its place is free for b"


def test_a_lock_is_not_kept_for_a_start_that_waits_for_its_pool_from_starts_of_other_locks() -> None:
    waiting = [start("a", 1, pool="db", lock="l"), start("b", 2, lock="l"), start("c", 3, pool="web")]
    decision = decide(waiting, [run("x", pool="db")], Limits(pools={"db": 1, "web": 1}))
    assert jobs(decision.starts) == ["c"]
    assert [(each.start.job, each.why, each.position) for each in decision.waits] == [("a", POOL, 1), ("b", LOCK, 2)]


STARTS = st.lists(
    st.builds(
        lambda job, lock, on_overlap, pool: (job, lock, on_overlap, pool),
        st.sampled_from("abcdef"),
        st.sampled_from(("", "", "l", "m")),
        st.sampled_from(("skip", "queue", "queue", "fail", "replace")),
        st.sampled_from((None, *POOLS)),
    ),
    max_size=25,
).map(
    lambda all_: [start(job, n, lock=lock, on_overlap=how, pool=pool) for n, (job, lock, how, pool) in enumerate(all_)]
)
RUNNING = st.lists(
    st.builds(
        Running, st.sampled_from("abcxyz"), st.sampled_from("abclm"), st.sampled_from((None, *POOLS)), st.booleans()
    ),
    max_size=6,
)
LIMITS = st.builds(
    Limits,
    st.none() | st.integers(1, 6),
    st.fixed_dictionaries({}, optional={pool: st.integers(1, 4) for pool in POOLS}),
)


@settings(max_examples=600)
@given(STARTS, RUNNING, LIMITS)
def test_it_decides_as_the_naive_one_does(waiting: list[Start], running: list[Running], limits: Limits) -> None:
    assert decide(waiting, running, limits).starts == naive(waiting, running, limits)


@settings(max_examples=300)
@given(STARTS.flatmap(st.permutations), RUNNING, LIMITS)
def test_no_limit_is_exceeded_no_order_broken_and_nothing_is_lost(
    waiting: list[Start], running: list[Running], limits: Limits
) -> None:
    decision = decide(waiting, running, limits)
    waits = [each.start for each in decision.waits]
    assert sorted([*decision.starts, *waits], key=number) == sorted(waiting, key=number)
    assert list(decision.starts) == sorted(decision.starts, key=number)
    assert waits == sorted(waits, key=number)
    real = those_that_will_run(decision, running)
    for pool, places in limits.pools.items():
        before = sum(each.pool == pool for each in running)
        assert sum(each.pool == pool for each in real) <= max(0, places - before)
    if limits.max_concurrent is not None:
        assert len(real) <= max(0, limits.max_concurrent - sum(each.on_host for each in running))
    for each in decision.waits:
        later = [one for one in real if one.arrived > each.start.arrived]
        assert not any(one.lock == each.start.lock for one in decision.starts if one.arrived > each.start.arrived)
        if each.why == POOL:
            assert not any(one.pool == each.start.pool for one in later)
        if each.why == MAX_CONCURRENT:
            assert not later


@settings(max_examples=300)
@given(STARTS, RUNNING, LIMITS)
def test_nothing_waits_that_could_start(waiting: list[Start], running: list[Running], limits: Limits) -> None:
    decision = decide(waiting, running, limits)
    real = those_that_will_run(decision, running)
    locks = {each.lock for each in running} | {each.lock for each in decision.starts}
    for number_, each in enumerate(decision.waits):
        one, ahead = each.start, [other.start for other in decision.waits[:number_]]
        if each.why == LOCK:
            assert any(other.lock == one.lock for other in ahead) or (one.on_overlap == "queue" and one.lock in locks)
        elif each.why == POOL:
            assert one.pool is not None
            assert sum(other.pool == one.pool for other in [*running, *real]) >= limits.pools[one.pool]
        else:
            on_host = sum(other.on_host for other in running) + len(real)
            assert limits.max_concurrent is not None
            assert on_host >= limits.max_concurrent
    reached: Counter[tuple[str, str | None]] = Counter()
    for each in decision.waits:
        queue = each.why, {POOL: each.start.pool, LOCK: each.start.lock}.get(each.why)
        if each.why == LOCK:  # the queue of a lock has all that wait with it, whatever for
            reached[queue] = sum(
                other.start.lock == each.start.lock for other in decision.waits[: decision.waits.index(each)]
            )
        reached[queue] += 1
        assert each.position == reached[queue]


@settings(max_examples=200)
@given(STARTS, RUNNING, LIMITS)
def test_deciding_again_starts_nothing_more(waiting: list[Start], running: list[Running], limits: Limits) -> None:
    decision = decide(waiting, running, limits)
    now = [*running, *(Running(each.job, each.lock, each.pool) for each in those_that_will_run(decision, running))]
    assert decide([each.start for each in decision.waits], now, limits).starts == ()


@settings(max_examples=50)
@given(STARTS, LIMITS)
def test_all_start_at_last_each_once_when_runs_end_one_by_one(waiting: list[Start], limits: Limits) -> None:
    running: list[Running] = []
    started: list[Start] = []
    left = list(waiting)
    while left:
        decision = decide(left, running, limits)
        assert decision.starts or running, "nothing runs, and nothing starts"
        started += decision.starts
        real = those_that_will_run(decision, running)
        running = [*running[1:], *(Running(each.job, each.lock, each.pool) for each in real)]
        left = [each.start for each in decision.waits]
    assert sorted(started, key=number) == waiting


def test_a_thousand_due_at_once_take_some_milliseconds() -> None:
    waiting = [start(f"job-{n}", n, pool=POOLS[n % 2], on_overlap="queue") for n in range(1000)]
    waiting += [each._replace(arrived=each.arrived + 1000) for each in waiting]
    limits = Limits(max_concurrent=500, pools={"db": 200, "web": 400})
    assert least_milliseconds(lambda: decide(waiting, [], limits), allowed=100) < 100
    assert len(decide(waiting, [], limits).starts) == 500


# --- the same, naively ------------------------------------------------------------------------------------------------


def number(one: Start) -> int:
    return one.arrived


def those_that_will_run(decision: Decision, running: list[Running]) -> list[Start]:
    """Leave out the starts that find their lock held: they skip, fail or replace, and need no place."""
    locks = {each.lock for each in running}
    real = []
    for each in decision.starts:
        if each.lock not in locks:
            real.append(each)
        locks.add(each.lock)
    return real


def naive(waiting: list[Start], running: list[Running], limits: Limits) -> tuple[Start, ...]:
    """Let the first go that may, and begin again; until none may."""
    left, now, started = sorted(waiting, key=number), list(running), []
    while True:
        for n, one in enumerate(left):
            if any(earlier.lock == one.lock for earlier in left[:n]):
                continue
            if any(each.lock == one.lock for each in now):
                if one.on_overlap == "queue":
                    continue
            elif is_full(one, now, limits):
                continue
            else:
                now.append(Running(one.job, one.lock, one.pool))
            started.append(one)
            left.remove(one)
            break
        else:
            return tuple(started)


def is_full(one: Start, now: list[Running], limits: Limits) -> bool:
    if one.pool in limits.pools and sum(each.pool == one.pool for each in now) >= limits.pools[one.pool]:
        return True
    most = limits.max_concurrent
    return most is not None and sum(each.on_host for each in now) >= most
