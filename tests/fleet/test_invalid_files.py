"""`run`, `stop`, `hold`, `release` with --fleet of a job whose file is invalid: it is named, the others are done."""

import pytest

from kit.fleets import Fleet, state_of
from kit.harness import Box


@pytest.fixture
def host(fleet: Fleet, box: Box) -> Box:
    fleet.configure(box)
    box.job("broken", "comand: /bin/true")
    return box


@pytest.mark.parametrize("verb", ["run", "stop", "hold", "release"])
def test_a_job_whose_file_is_invalid_is_an_error(host: Box, verb: str) -> None:
    answer = host.process_control(verb, "broken", "--fleet")

    assert answer.exit_code == 78, answer
    assert "unknown key 'comand'" in answer.stderr


def test_beside_an_invalid_file_the_other_jobs_are_held_and_started(host: Box) -> None:
    host.job("whole", "command: /bin/true")
    host.process_control("fleet", "apply")

    started = host.process_control("run", "broken", "whole", "--fleet", "--yes")
    held = host.process_control("hold", "broken", "whole", "--fleet", "--yes")
    state = state_of(host, "whole")
    host.process_control("stop", "whole", "--fleet")

    assert (started.exit_code, held.exit_code) == (1, 78)
    assert started.stdout.splitlines()[0].startswith("whole\tm-")
    assert "unknown key 'comand'" in started.stdout
    assert "broken: left out, its file is invalid: " in held.stderr
    assert state["state"] in ("held", "running")
