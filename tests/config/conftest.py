"""Fixtures of this folder."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from host import Host, new_host  # noqa: E402


@pytest.fixture
def host() -> Iterator[Host]:
    """A root directory of its own, with a job directory and without a configuration."""
    with new_host() as host:
        host.jobs.mkdir()
        yield host
