"""The product with its extra [fleet], a server with a control process for all tests of one worker, and its hosts."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kit import fleets
from kit.fleets import Fleet
from kit.harness import Box, Product
from kit.warm_commands import OF_A_FLEET, warm_commands


@pytest.fixture(scope="session")
def with_fleet(product: Product) -> Iterator[Product]:
    """The product with its extra [fleet], where every account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="process-control-fleet-", dir="/tmp"))
    folder.chmod(0o755)
    copy = product.copy_to(folder / "installation")
    copy.add_extra("fleet", as_links=True)
    with warm_commands(copy, more=OF_A_FLEET):
        yield copy
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fleet(with_fleet: Product) -> Iterator[Fleet]:
    """A fleet without hosts, for all tests of one worker: jobs have names of their own in each test."""
    with fleets.fleet(with_fleet) as fleet:
        yield fleet


@pytest.fixture
def make_host(fleet: Fleet, make_box: Callable[..., Box]) -> Iterator[Callable[..., Box]]:
    """Make hosts of the fleet, each with its worker: `make_host("web1", tags=["db"])`."""
    with ExitStack() as stack:

        def make(name: str, *, pools: dict[str, object] | None = None, **keys: object) -> Box:
            box = make_box(pools=pools)
            fleet.configure(box, **keys)
            stack.enter_context(fleets.worker(box, name))
            return box

        yield make
