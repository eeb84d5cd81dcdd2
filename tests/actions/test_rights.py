"""Becoming the service user, as any entry point does it before it touches the state."""

import os
import pwd
from collections.abc import Callable

import pytest

from kit.harness import SERVICE_USER, STRANGER, Box
from process_control.actions.rights import become_actor, become_reader, who
from process_control.config.settings import load_settings
from process_control.errors import NotPermitted
from process_control.system.account import service_account
from process_control.system.as_account import ask_as
from process_control.system.ask import ask


@pytest.mark.needs_root
def test_root_becomes_the_service_user_whose_directories_are_there(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    settings = load_settings(str(box.configuration), {})

    def become() -> list[object]:
        actor = become_actor(settings, by="ada", command="a test")
        return [os.geteuid(), actor.by, actor.who]

    assert ask(become) == [pwd.getpwnam(SERVICE_USER).pw_uid, "ada", f"ada@{os.uname().nodename}"]
    assert box.state_directory.owner() == SERVICE_USER


@pytest.mark.needs_root
def test_a_stranger_becomes_nobody_and_is_given_the_sudo_line(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    settings = load_settings(str(box.configuration), {})

    for become in (
        lambda: become_actor(settings, by="eve", command="process-control hold").by,
        lambda: become_reader(settings, command="process-control hold").name,
    ):
        with pytest.raises(NotPermitted) as refused:
            ask_as(service_account(STRANGER), become)

        assert refused.value.faults[0].hint == f"sudo -u {SERVICE_USER} process-control hold"
    assert not box.state_directory.exists()


def test_who_asks_through_sudo_has_the_name_that_sudo_gives() -> None:
    us = pwd.getpwuid(os.getuid()).pw_name

    assert who({}) == us
    assert who({b"SUDO_USER": b"ada"}) == ("ada" if os.getuid() == 0 else us)
    assert who({b"SUDO_USER": b"a\x1b[2J"}) == us
