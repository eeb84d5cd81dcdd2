"""The fixtures of this folder: actions are called as any entry point calls them, and are seen to be silent."""

import os
from collections.abc import Callable, Iterator

import pytest

from kit.harness import Box
from process_control.actions.rights import Actor, become_actor
from process_control.config.all_jobs import load_all
from process_control.config.job_directory import InvalidJob
from process_control.config.settings import Settings, load_settings
from process_control.core.job import Job


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail a test whose actions wrote to stdout or stderr: printing belongs to the command line."""
    yield
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.fixture
def settings(box: Box) -> Settings:
    return load_settings(str(box.configuration), dict(os.environb))


@pytest.fixture
def actor(settings: Settings) -> Actor:
    return become_actor(settings, by="ada", command="a test")


@pytest.fixture
def jobs(settings: Settings) -> Callable[[], list[Job | InvalidJob]]:
    """Return what loads all jobs there are by then."""
    return lambda: load_all(settings)
