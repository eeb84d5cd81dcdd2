"""`up --fleet`: a whole fleet of one host, from one command, and nothing of it left behind."""

import signal

from kit import fleets
from kit.fleets import free_port, result_of
from kit.harness import Box, Product, until


def test_up_fleet_starts_all_that_a_fleet_needs_and_ends_it(with_fleet: Product, box: Box) -> None:
    box.product = with_fleet
    (with_fleet.prefix / "bin" / "temporal").symlink_to(fleets.SERVER)  # as pip would have put it
    box.configure(fleet={"address": f"127.0.0.1:{free_port()}"})
    box.job("tried", "command: /bin/true")

    with box.start_command([str(with_fleet.process_control), "up", "--fleet"]) as live:
        live.wait_for_line("Control-C ends it", stream="stderr")
        started = box.process_control("run", "tried", "--fleet")
        until(lambda: result_of(box, "tried"), "the end of the run")
        result = result_of(box, "tried")
        live.signal(signal.SIGINT)
        ended = live.wait()

    assert (started.exit_code, result, ended.exit_code) == (0, "succeeded", 0), ended
    assert "takes runs for any" in ended.stderr
    assert box.processes() == []
