"""Fixtures of this folder."""

from collections.abc import Iterator

import pytest

from kit.host import Host, new_host


@pytest.fixture
def host() -> Iterator[Host]:
    """A root directory of its own, with a job directory and without a configuration."""
    with new_host() as host:
        host.jobs.mkdir()
        yield host
