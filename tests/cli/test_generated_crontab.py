"""What a process of the service user answers is taken apart as jobs, or refused: it may have been subverted."""

from typing import Any

import pytest

from process_control.crontab.generate import _job_of
from process_control.crontab.text import InvalidFile, PlannedJob
from process_control.errors import Fault


def test_a_job_and_a_bad_file_come_back_as_they_were() -> None:
    assert _job_of({"slug": "a", "schedule": ["@daily"], "time_zone": None, "disabled": False}) == PlannedJob(
        slug="a", schedule=("@daily",)
    )
    assert _job_of({"slug": "b", "faults": [["what", "where", "mend", "line"]]}) == InvalidFile(
        slug="b", faults=(Fault("what", where="where", hint="mend"),)
    )


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        "a",
        {},
        {"slug": None},
        {"slug": 5, "schedule": [], "time_zone": None, "disabled": False},
        {"slug": "a", "schedule": None, "time_zone": None, "disabled": False},
        {"slug": "a", "schedule": [5], "time_zone": None, "disabled": False},
        {"slug": "a", "schedule": [["* * * * *"]], "time_zone": None, "disabled": False},
        {"slug": "a", "schedule": [], "time_zone": {}, "disabled": False},
        {"slug": "a", "faults": []},
        {"slug": "a", "faults": [["what"]]},
        {"slug": "a", "faults": 5},
    ],
    ids=repr,
)
def test_anything_else_is_refused(values: Any) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        _job_of(values)


def test_what_is_neither_enabled_nor_disabled_counts_as_disabled() -> None:
    job = _job_of({"slug": "a", "schedule": [], "time_zone": None, "disabled": "perhaps"})

    assert isinstance(job, PlannedJob)
    assert job.disabled
