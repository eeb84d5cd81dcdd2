"""The promises with a control group, tried on a kernel whose groups are all of version 2.

A part of them; where this host can make no groups itself all of them. Storms are too slow there.
"""

import pytest

from kit.control_groups import own_group
from kit.harness import Box
from kit.other_kernel import run_tests_there

pytestmark = pytest.mark.needs_root

FILES = "tests/run_job/test_control_groups.py tests/run_job/test_what_it_used.py"
PART = f"{FILES} -m 'not fault' -k 'with_group and (outlives or prune or nobody_waited)'"
ALL = "tests/run_job -m '(each_way or with_group) and not fault' -k with_group"


@pytest.mark.long
def test_what_is_promised_with_a_control_group_holds_there_too(box: Box) -> None:
    arguments, seconds, fewest, starts = (ALL, 900.0, 45, "") if own_group() is None else (PART, 180.0, 4, "cold")

    passed, printed = run_tests_there(box, arguments, seconds=seconds, starts=starts)

    assert not printed, printed
    assert passed >= fewest
