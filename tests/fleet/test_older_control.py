"""Control processes of an older version than the commands: what they do not know is said, not passed over."""

from pathlib import Path

from kit import fleets
from kit.fleets import state_of
from kit.harness import Box, Product


def test_a_hold_with_an_end_that_the_control_processes_do_not_know_is_refused_in_words(
    box: Box, with_fleet: Product, tmp_path: Path
) -> None:
    older = with_fleet.copy_to(tmp_path / "older")
    lock = older.package / "fleet" / "lock_v1.py"
    text = lock.read_text()
    lock.write_text(
        text.replace("until = None if asked.seconds is None else now + asked.seconds", "until = None").replace(
            "        return job.hold_at(now)\n", "        return None\n"
        )
    )
    assert lock.read_text().count("return None") == text.count("return None") + 1

    with fleets.fleet(older) as fleet:
        fleet.configure(box)
        box.product = with_fleet
        box.job("held-on", "command: /bin/true")
        box.process_control("fleet", "apply")
        shortly = box.process_control("pause", "held-on", "--fleet", "--for", "2h")
        state = state_of(box, "held-on")
        without_end = box.process_control("hold", "held-on", "--fleet")

    assert shortly.exit_code == 75
    assert "held-on: it is held without an end: the control processes are of an older version\n" in shortly.stderr
    assert "  hint: upgrade fleet control; to release it: process-control release held-on --fleet" in shortly.stderr
    assert (state["state"], "until" in state["why"]) == ("held", False)
    assert (without_end.exit_code, without_end.stdout) == (0, "held-on\theld\theld\t\n")
