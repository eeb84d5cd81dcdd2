"""The product with its extra `web`, a browser for the tests of a file, and hosts with a page."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from kit.extras import with_extra
from kit.harness import Box, Product
from kit.pages import browser_at, chromium
from kit.warm_commands import OF_A_PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def with_web(product: Product) -> Iterator[Product]:
    """The product with its extra [web]."""
    with with_extra(product, "web", more=OF_A_PAGE) as copy:
        yield copy


@pytest.fixture
def make_web_box(make_box: Callable[..., Box], with_web: Product) -> Callable[..., Box]:
    """Make hosts where the page is installed, see `make_box`."""

    def make(**how: object) -> Box:
        box = make_box(**how)
        box.product = with_web
        return box

    return make


@pytest.fixture
def web_box(make_web_box: Callable[..., Box]) -> Box:
    """A host where the page is installed."""
    return make_web_box()


@pytest.fixture(scope="session")
def address_of_browser() -> Iterator[str]:
    """Where the chromium of Debian runs: it takes a second of processor time to start."""
    with chromium() as address:
        yield address


@pytest.fixture(scope="module")
def browser(address_of_browser: str) -> Iterator["Browser"]:
    """Connect to chromium for all tests of a file: while it is connected, its thread has no other event loop."""
    with browser_at(address_of_browser) as browser:
        yield browser


@pytest.fixture(scope="module")
def shared_box(with_web: Product) -> Iterator[Box]:
    """One host for all tests of a file, where the page is installed."""
    box = Box.configured(with_web)
    yield box
    left = box.close()
    if left:
        pytest.fail(f"left behind by the tests: {left}")
