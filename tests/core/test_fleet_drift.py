"""Drift: the job files of a host that are not those that were applied."""

from process_control.core.fleet.drift import Drift, drift_in_words, drift_of
from process_control.core.fleet.lock_state import JobSpec

APPLIED = [
    JobSpec(job="same", hash="1"),
    JobSpec(job="other", hash="2"),
    JobSpec(job="gone", hash="3", queue="host/web1"),
    JobSpec(job="broken", hash="4", queue="tag/db"),
    JobSpec(job="not-here", hash="5", queue="host/web2"),
    JobSpec(job="not-ours", hash="6", queue="tag/mail"),
]


def test_only_jobs_that_the_host_may_be_asked_to_run_can_drift() -> None:
    drift = drift_of("web1", ["db"], {"same": "1", "other": "9", "broken": None, "not-here": "8", "more": "7"}, APPLIED)

    assert drift == [
        Drift(job="broken", here="invalid", applied="4"),
        Drift(job="gone", here="missing", applied="3"),
        Drift(job="other", here="9", applied="2"),
    ]
    assert drift_in_words(drift) == "3 jobs: broken (invalid), gone (missing), other"
    assert drift_in_words(drift, 1) == "3 jobs: broken (invalid) and 2 more"
    assert drift_in_words(drift[2:]) == "1 job: other"
    assert drift_in_words([]) == ""
