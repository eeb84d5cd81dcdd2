"""Every key of a job is tried in the fleet: here is written where.

Most are tried with the examples of `kit.contract`, whose runs leave the same under cron, scheduler and fleet. What
needs several planned times is in test_contract_of_policies.py, one body for all three; what needs planned times that
come by the clock, in test_policies.py.
"""

import re
from pathlib import Path

import pytest

from fleet.test_contract import IN_FLEET
from process_control.config.keys.job_fields import JOB_FIELDS

TESTS = Path(__file__).parent
#: Tried with an example of `kit.contract`.
EXAMPLES = {
    *("command", "slow_start_command", "only_if", "disabled", "timeout", "kill_grace", "leftovers", "run_unlogged"),
    *("silence_timeout", "environment", "working_directory", "umask", "stderr", "verdicts", "retry", "backoff", "hold"),
    *("slow_start", "start_within", "jitter", "expect", "limits", "schedule", "run_on"),
}
#: The file, and a test in it that has a job with the key.
TRIED = {
    "schedule": ("test_contract_of_policies", "test_planned_times_are_those_of_one_host"),
    "time_zone": ("test_contract_of_policies", "test_planned_times_are_those_of_one_host"),
    "exclude": ("test_policies", "test_on_overlap_and_exclude_mean_in_the_fleet_what_they_mean_on_one_host"),
    "on_overlap": ("test_policies", "test_on_overlap_and_exclude_mean_in_the_fleet_what_they_mean_on_one_host"),
    "catch_up": ("test_policies", "test_catch_up_makes_up_for_what_no_control_process_has_seen_in_time"),
    "start_within": ("test_policies", "test_catch_up_makes_up_for_what_no_control_process_has_seen_in_time"),
    "slow_start": ("test_contract_of_policies", "test_a_new_and_a_changed_job_start_slowly_and_one_failure_holds_them"),
    "hold": ("test_contract_of_policies", "test_without_a_small_command_a_slow_start_and_a_probe_use_the_full_one"),
    "pool": ("test_contract_of_policies", "test_a_start_waits_for_a_place_in_its_pool_and_runs_when_one_is_free"),
    "queue_timeout": (
        "test_contract_of_policies",
        "test_a_start_that_has_waited_too_long_for_its_pool_is_skipped_and_says_who_had_it",
    ),
    "lock": ("test_past", "test_history_has_the_runs_of_all_hosts_and_why_says_what_is_in_the_way"),
    "after": ("test_chains", "test_a_follower_runs_on_another_host_for_the_planned_time_of_its_cause"),
    "run_on": ("test_worker_process", "test_a_worker_that_is_asked_to_end_takes_nothing_more_and_waits_for_its_runs"),
    "on_host_loss": (
        "test_dead_processes",
        "test_a_run_that_was_lost_with_its_worker_is_run_once_more_on_the_same_host",
    ),
    "on_partition": ("test_cut_off_hosts", "test_with_on_partition_keep_a_run_out_of_reach_goes_on_beside_the_next"),
}
#: The host that runs the job reads them itself, and none says whether, when or how often it runs.
OF_THE_RUN = {
    *("name", "description", "owner", "tags", "environment_file", "inherit_environment", "stdout"),
    *("failmail", "failure_threshold_for_mail", "notify", "ping"),
}


def test_every_key_of_a_job_is_tried_in_the_fleet_or_is_none_of_its_business() -> None:
    keys = {field.key for field in JOB_FIELDS if not field.spelling_of}

    assert keys == EXAMPLES | set(TRIED) | OF_THE_RUN
    assert not OF_THE_RUN & (EXAMPLES | set(TRIED))


@pytest.mark.parametrize("key", sorted(EXAMPLES - set(TRIED)))
def test_an_example_has_the_key(key: str) -> None:
    assert [text for text in IN_FLEET.values() if re.search(rf"^{key}:", text, re.MULTILINE)]


@pytest.mark.parametrize("key", TRIED)
def test_the_test_that_is_named_is_there_and_its_file_has_the_key(key: str) -> None:
    name, test = TRIED[key]
    text = (TESTS / f"{name}.py").read_text()

    assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{name}.py has no {test}"
    assert f"{key}:" in text
