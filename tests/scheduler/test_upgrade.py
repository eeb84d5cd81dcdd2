"""An upgrade under the scheduler: while the files of the package are replaced, what is due starts in time."""

from collections.abc import Callable

import pytest

from kit.harness import Box, Product, until
from kit.runs import ends, outcomes
from kit.schedulers import scheduler


@pytest.fixture
def own_box(make_box: Callable[..., Box], product: Product) -> Box:
    """A box with an installation of its own."""
    box = make_box()
    box.product = product.copy_to(box.root / "installation")
    return box


def test_starts_need_no_file_of_the_package(own_box: Box) -> None:
    own_box.job("well", "command: /bin/true")
    own_box.job("badly", "command: sh -c 'echo no >&2; exit 3'")
    package = own_box.product.site_packages / "process_control"

    with scheduler(own_box) as live:
        live.ask("run", jobs=["well", "badly"])
        until(lambda: len(ends(own_box)) == 2, "two ends: the launcher has loaded all, and the jobs are in the cache")
        live.wait_until_idle()
        package.rename(package.with_name("away"))
        live.ask("run", jobs=["well", "badly"])
        until(lambda: len(ends(own_box)) == 4, "four ends")
        live.wait_until_idle()
        package.with_name("away").rename(package)

    assert sorted(outcomes(own_box)) == 2 * [("failed", "exit_code")] + 2 * [("succeeded", None)]
