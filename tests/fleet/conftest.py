"""The product with its extra [fleet], a server with a control process for all tests of one worker, and its hosts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from kit import fleets
from kit.extras import with_extra
from kit.fleets import Fleet
from kit.harness import Box, Product
from kit.warm_commands import OF_A_FLEET


@pytest.fixture(scope="session")
def with_fleet(product: Product) -> Iterator[Product]:
    """The product with its extra [fleet]."""
    with with_extra(product, "fleet", more=OF_A_FLEET, as_links=True) as copy:
        yield copy


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
