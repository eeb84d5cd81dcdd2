"""A question is answered by a child that has become the service user, and its answer is plain values."""

import os
import pwd
from pathlib import Path

import pytest

from kit.harness import SERVICE_USER
from process_control.errors import BadConfiguration, CannotRecord, Fault, NotPermitted, ProcessControlError
from process_control.system.account import account_of, service_account
from process_control.system.as_account import ask_as


@pytest.mark.needs_root
def test_the_service_user_answers_for_good(tmp_path: Path) -> None:
    def who() -> list[object]:
        return [os.getresuid(), os.getresgid(), os.getgroups(), os.getpid()]

    uids, gids, groups, pid = ask_as(service_account(SERVICE_USER), who)

    service = pwd.getpwnam(SERVICE_USER)
    assert (uids, gids, groups) == ([service.pw_uid] * 3, [service.pw_gid] * 3, [service.pw_gid])
    assert pid != os.getpid()
    assert os.geteuid() == 0


def test_who_is_not_root_or_asks_itself_answers_here() -> None:
    assert ask_as(account_of(os.geteuid()), os.getpid) == os.getpid()


@pytest.mark.needs_root
@pytest.mark.parametrize(
    "error",
    [
        BadConfiguration(faults=[Fault("one", where="a:1", hint="x"), Fault("two")]),
        NotPermitted("no", where="/a", hint="chmod"),
        ProcessControlError("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back_as_it_was(error: ProcessControlError) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as told:
        ask_as(service_account(SERVICE_USER), fail)

    assert type(told.value) is type(error)
    assert told.value.faults == error.faults


@pytest.mark.needs_root
def test_an_error_that_another_module_has_made_of_the_root_of_all_changes_no_other() -> None:
    class NoAnswer(ProcessControlError):
        def __init__(self, server: str) -> None:
            super().__init__(f"{server} does not answer")

    def fail() -> None:
        raise NoAnswer("db1")

    with pytest.raises(ProcessControlError, match="db1 does not answer") as told:
        ask_as(service_account(SERVICE_USER), fail)

    assert type(told.value) is ProcessControlError


@pytest.mark.needs_root
def test_a_fault_of_ours_names_itself() -> None:
    def fail() -> None:
        raise TypeError("here")

    with pytest.raises(RuntimeError, match=r"^as user 'games': TypeError: here$"):
        ask_as(service_account(SERVICE_USER), fail)


@pytest.mark.needs_root
def test_a_child_that_ends_without_an_answer_is_told() -> None:
    with pytest.raises(CannotRecord, match="the process of user 'games' ended without an answer"):
        ask_as(service_account(SERVICE_USER), lambda: os._exit(0))


@pytest.mark.needs_root
def test_bytes_that_are_no_text_come_back() -> None:
    assert ask_as(service_account(SERVICE_USER), lambda: ["\udcff é \n"]) == ["\udcff é \n"]
