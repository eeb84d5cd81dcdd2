"""Rules of a job file: every condition with every fact, the first that matches, the worst that wins."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.facts import Facts, may_judge_successes
from process_control.core.finding import STDERR, STDOUT, Verdict
from process_control.core.line_watch import Lines
from process_control.core.rules import CONDITIONS, rules_of
from process_control.core.verdict import exit_status, judge, judge_command

REGEX = "x"


def facts(*, lines: Lines | None = None, **seen: object) -> Facts:
    what = Facts()
    what.exit_code = 0
    what.lines = lines if lines is not None else Lines(watches_stderr=True)
    what.duration_seconds = 60.0
    for name, value in seen.items():
        setattr(what, name, value)
    if what.signal is not None or what.not_started is not None:
        what.exit_code = None
    return what


def lines(*seen: tuple[str, int, tuple[int, ...]], missing_was_there: bool = True) -> Lines:
    """Lines as (stream, number, rules that matched); a line that matches REGEX was seen, unless said."""
    what = Lines(watches_stderr=True)
    for stream, number, rules in seen:
        what.note(stream, number, f"line {number}", rules)
    if missing_was_there:
        what.seen_regexes.add(REGEX)
    return what


CONDITION_VALUES: dict[str, Any] = {
    "exit_code": [[75, 75], [100, 110]],
    "signal": [9, 11],
    "stderr": REGEX,
    "stdout": REGEX,
    "stdout_missing": REGEX,
    "timeout": True,
    "silence": True,
    "shorter_than": 5.0,
    "longer_than": 100.0,
    "leftovers": True,
}

ATTEMPTS = {
    "a plain success": facts(lines=lines()),
    "exit code 75": facts(lines=lines(), exit_code=75),
    "exit code 105": facts(lines=lines(), exit_code=105),
    "exit code 111": facts(lines=lines(), exit_code=111),
    "a command that is not there": facts(lines=lines(), not_started="no such file", not_started_code=127),
    "signal 9": facts(lines=lines(), signal=9),
    "signal 15": facts(lines=lines(), signal=15),
    "a timeout": facts(lines=lines(), timed_out=True, exit_code=None, signal=9),
    "a line of stderr that matches": facts(lines=lines((STDERR, 3, (1,)))),
    "a line of stderr that does not": facts(lines=lines((STDERR, 3, ()))),
    "a line of stdout that matches": facts(lines=lines((STDOUT, 3, (1,)))),
    "no line of stdout that should be there": facts(lines=lines(missing_was_there=False)),
    "4 seconds": facts(lines=lines(), duration_seconds=4.0),
    "5 seconds": facts(lines=lines(), duration_seconds=5.0),
    "101 seconds": facts(lines=lines(), duration_seconds=101.0),
    "a leftover": facts(lines=lines(), leftovers=["pid 7 (x)"]),
}

HOLDS = {
    ("exit_code", "exit code 75"),
    ("exit_code", "exit code 105"),
    ("signal", "signal 9"),
    ("timeout", "a timeout"),
    ("stderr", "a line of stderr that matches"),
    ("stdout", "a line of stdout that matches"),
    ("stdout_missing", "no line of stdout that should be there"),
    ("shorter_than", "4 seconds"),
    ("longer_than", "101 seconds"),
    ("leftovers", "a leftover"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("condition", CONDITION_VALUES)
def test_a_condition_holds_for_its_fact_and_for_no_other(condition: str, attempt: str) -> None:
    rules = rules_of([{condition: CONDITION_VALUES[condition], "verdict": "hold"}])

    judgement = judge(ATTEMPTS[attempt], rules=rules)

    assert (judgement.verdict is Verdict.HOLD) == ((condition, attempt) in HOLDS)
    assert (judgement.rule is rules[0]) == ((condition, attempt) in HOLDS)


def test_every_condition_that_a_file_may_have_is_in_the_table() -> None:
    from process_control.config.job_file import CONDITIONS as OF_FILES

    assert set(OF_FILES) == set(CONDITIONS) == set(CONDITION_VALUES)


def test_an_exit_code_tells_of_a_command_that_could_not_be_executed_too() -> None:
    rules = rules_of([{"exit_code": [[127, 127]], "verdict": "retry"}])

    assert judge(ATTEMPTS["a command that is not there"], rules=rules).verdict is Verdict.RETRY


def test_the_first_rule_that_matches_a_fact_decides() -> None:
    rules = rules_of(
        [
            {"signal": [9], "verdict": "hold"},
            {"exit_code": [[75, 75]], "verdict": "warn"},
            {"exit_code": [[75, 75]], "verdict": "hold"},
        ]
    )

    judgement = judge(facts(exit_code=75), rules=rules)

    assert (judgement.verdict, judgement.rule) == (Verdict.WARN, rules[1])


def test_the_worst_verdict_of_all_facts_wins() -> None:
    rules = rules_of([{"exit_code": [[75, 75]], "verdict": "ignore"}, {"stderr": REGEX, "verdict": "hold"}])
    seen = facts(exit_code=75, lines=lines((STDERR, 1, ()), (STDERR, 2, (2,))))

    judgement = judge(seen, rules=rules)

    assert (judgement.outcome, judgement.reason, judgement.verdict) == ("failed", "stderr", Verdict.HOLD)
    assert judgement.detail == "line 2 of stderr matches rule 2"
    assert judgement.line is not None
    assert (judgement.line.stream, judgement.line.number, judgement.line.text) == (STDERR, 2, "line 2")


def test_of_equals_what_a_rule_decided_is_told() -> None:
    rules = rules_of([{"stdout": REGEX, "verdict": "fail"}])
    seen = facts(exit_code=3, lines=lines((STDOUT, 1, (1,))))

    judgement = judge(seen, rules=rules)

    assert (judgement.reason, judgement.rule, exit_status(seen, judgement)) == ("output", rules[0], 3)


def test_lines_that_no_rule_matched_fall_to_the_policy_on_stderr() -> None:
    rules = rules_of([{"stderr": REGEX, "verdict": "ignore"}])
    noisy = lines((STDERR, 1, (1,)), (STDERR, 2, (1,)))
    noisier = lines((STDERR, 1, (1,)), (STDERR, 2, ()), (STDERR, 3, ()))

    judgements = [judge(facts(lines=each), rules=rules, stderr="warn") for each in (noisy, noisier)]

    assert [judgement.outcome for judgement in judgements] == ["succeeded", "warned"]
    assert judgements[1].detail == "2 lines of stderr match no rule, the first is line 2"


def test_all_conditions_of_a_rule_are_needed_and_it_decides_about_each_fact_that_it_names() -> None:
    rules = rules_of([{"exit_code": [[1, 1]], "stderr": REGEX, "verdict": "ignore"}])
    both = facts(exit_code=1, lines=lines((STDERR, 1, (1,))))
    only_the_code = facts(exit_code=1)
    only_the_line = facts(lines=lines((STDERR, 1, (1,))))
    another_line = facts(exit_code=1, lines=lines((STDERR, 1, (1,)), (STDERR, 2, ())))

    told = [judge(seen, rules=rules) for seen in (both, only_the_code, only_the_line, another_line)]

    assert [(judgement.outcome, judgement.reason) for judgement in told] == [
        ("succeeded", None),
        ("failed", "exit_code"),
        ("succeeded", None),
        ("failed", "stderr"),
    ]


def test_a_line_that_a_rule_asks_for_besides_is_the_deciding_line() -> None:
    rules = rules_of([{"exit_code": [[1, 1]], "stdout": REGEX, "verdict": "hold"}])

    judgement = judge(facts(exit_code=1, lines=lines((STDOUT, 7, (1,)))), rules=rules)

    assert (judgement.reason, judgement.line and judgement.line.number) == ("exit_code", 7)


def test_what_is_said_of_exit_code_0_and_something_else_is_about_the_other() -> None:
    rules = rules_of([{"exit_code": [[0, 0]], "shorter_than": 5.0, "verdict": "fail"}])

    judgement = judge(ATTEMPTS["4 seconds"], rules=rules)

    assert (judgement.reason, judgement.detail) == ("too_short", "took only 4 s")
    assert exit_status(ATTEMPTS["4 seconds"], judgement) == 1


@pytest.mark.parametrize("verdict", ["ignore", "warn"])
def test_an_exit_code_that_is_fine_is_not_the_runs_when_something_else_fails(verdict: str) -> None:
    rules = rules_of([{"exit_code": [[75, 75]], "verdict": verdict}])
    seen = facts(exit_code=75, lines=lines((STDERR, 1, ())))

    assert exit_status(seen, judge(seen, rules=rules)) == 1


def test_an_exit_code_that_failed_too_is_the_runs_when_a_line_is_worse() -> None:
    rules = rules_of([{"stderr": REGEX, "verdict": "hold"}])
    seen = facts(exit_code=3, lines=lines((STDERR, 1, (1,))))

    judgement = judge(seen, rules=rules)

    assert (judgement.reason, exit_status(seen, judgement)) == ("stderr", 3)


# --- retries --------------------------------------------------------------------------------------------------------


FAILURES = {
    "an exit code": facts(exit_code=3),
    "a signal": facts(signal=9),
    "a timeout": facts(timed_out=True, exit_code=None, signal=9),
    "stderr": facts(lines=lines((STDERR, 1, ()))),
}


@pytest.mark.parametrize("name", FAILURES)
def test_without_a_rule_a_failure_is_tried_again_while_attempts_are_left(name: str) -> None:
    assert judge(FAILURES[name], has_attempts_left=True).verdict is Verdict.RETRY
    assert judge(FAILURES[name], has_attempts_left=False).verdict is Verdict.FAIL


@pytest.mark.parametrize("name", ["a command that is not there", "a leftover"])
def test_what_another_try_would_not_mend_is_not_tried_again(name: str) -> None:
    assert judge(ATTEMPTS[name], has_attempts_left=True).verdict is not Verdict.RETRY


def test_a_rule_says_fail_of_what_is_not_to_be_tried_again() -> None:
    rules = rules_of([{"exit_code": [[3, 3]], "verdict": "fail"}])

    assert judge(facts(exit_code=3), rules=rules, has_attempts_left=True).verdict is Verdict.FAIL


def test_nothing_is_tried_again_beside_processes_that_could_not_be_ended() -> None:
    seen = facts(exit_code=3, survivors=["pid 7 (x)"])

    assert judge(seen, has_attempts_left=True).verdict is Verdict.FAIL


# --- lists of commands ----------------------------------------------------------------------------------------------


def test_the_facts_of_a_command_of_a_list_are_judged_when_it_ends() -> None:
    rules = rules_of([{"exit_code": [[3, 3]], "verdict": "warn"}])

    assert judge_command(facts(exit_code=3), stderr="fail", rules=rules).verdict is Verdict.WARN
    assert judge_command(facts(exit_code=4), stderr="fail", rules=rules).verdict is Verdict.FAIL


def test_what_a_command_of_a_list_came_to_counts_at_the_end() -> None:
    rules = rules_of([{"exit_code": [[3, 3]], "verdict": "warn"}])
    seen = facts(command_index=1)
    seen.earlier = [judge_command(facts(exit_code=3), stderr="fail", rules=rules)]

    judgement = judge(seen, rules=rules)

    assert (judgement.outcome, judgement.detail, exit_status(seen, judgement)) == ("warned", "exited with 3", 0)


def test_a_missing_line_is_judged_with_the_attempt_and_not_with_a_command() -> None:
    rules = rules_of([{"stdout_missing": REGEX, "verdict": "fail"}])
    seen = ATTEMPTS["no line of stdout that should be there"]

    assert judge_command(seen, stderr="fail", rules=rules).verdict is Verdict.IGNORE
    assert judge(seen, rules=rules).detail == "no line of stdout matched 'x'"


# --- for all rules and facts ----------------------------------------------------------------------------------------


conditions = st.dictionaries(st.sampled_from(sorted(CONDITION_VALUES)), st.none(), min_size=1, max_size=3)
codes = st.lists(st.integers(0, 255).map(lambda code: [code, code]), min_size=1, max_size=2)
verdicts = st.sampled_from(["ignore", "warn", "retry", "fail", "hold"])


@st.composite
def any_rule(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(conditions)
    rule = {name: CONDITION_VALUES[name] for name in names}
    if "exit_code" in rule:
        rule["exit_code"] = draw(codes)
    return {**rule, "verdict": draw(verdicts)}


some_lines = st.lists(
    st.tuples(st.sampled_from([STDERR, STDOUT]), st.integers(1, 9), st.sampled_from([(), (1,), (2,), (1, 2)])),
    max_size=3,
)
any_facts = st.builds(
    lambda seen, **how: facts(lines=lines(*[each for each in seen if each[2] or each[0] == STDERR]), **how),
    some_lines,
    exit_code=st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
    timed_out=st.booleans(),
    leftovers=st.lists(st.just("pid 7 (x)"), max_size=1),
    duration_seconds=st.floats(0, 200),
)


@given(any_facts, st.lists(any_rule(), max_size=4), st.booleans())
def test_the_verdict_is_the_worst_that_the_rules_and_the_defaults_say(
    seen: Facts, values: list[dict[str, Any]], has_attempts_left: bool
) -> None:
    rules = rules_of(values)

    judgement = judge(seen, rules=rules, has_attempts_left=has_attempts_left)

    said = {rule.verdict for rule in rules} | {Verdict.IGNORE, Verdict.WARN, Verdict.FAIL, Verdict.RETRY}
    assert judgement.verdict in said
    assert (judgement.outcome == "failed") == (judgement.verdict > Verdict.WARN)
    assert (exit_status(seen, judgement) == 0) == (judgement.verdict <= Verdict.WARN)
    if judgement.rule is not None:
        assert judgement.verdict is judgement.rule.verdict


@given(any_facts, st.lists(any_rule(), max_size=4))
def test_a_rule_in_front_that_ignores_everything_leaves_nothing(seen: Facts, values: list[dict[str, Any]]) -> None:
    everything = [
        {name: value, "verdict": "ignore"}
        for name, value in CONDITION_VALUES.items()
        if name not in ("stderr", "stdout")
    ]
    everything += [{"exit_code": [[0, 255]], "verdict": "ignore"}, {"signal": list(range(65)), "verdict": "ignore"}]
    seen.lines = lines()

    assert judge(seen, rules=rules_of([*everything, *values])).verdict is Verdict.IGNORE


@given(any_facts, st.lists(any_rule(), max_size=4), st.sampled_from(["fail", "warn", "ignore"]))
def test_a_plain_success_that_is_not_looked_at_is_one_by_the_table_too(
    seen: Facts, values: list[dict[str, Any]], stderr: str
) -> None:
    if seen.is_plain_success() and not may_judge_successes(values, {}):
        seen.lines = lines(missing_was_there="stdout_missing" not in str(values))

        assert judge(seen, rules=rules_of(values), stderr=stderr).outcome == "succeeded"


def test_an_expectation_always_looks_at_successes() -> None:
    assert may_judge_successes([], {"longer_than": 5.0})
    assert not may_judge_successes([], {})
    assert not may_judge_successes([{"exit_code": [[1, 255]], "verdict": "hold"}], {})
    assert may_judge_successes([{"exit_code": [[0, 0]], "verdict": "hold"}], {})
    assert not may_judge_successes([{"stdout": "x", "stderr": "y", "verdict": "hold"}], {})
