"""`up --fleet`: a whole fleet of one host, from one command, and nothing of it left behind."""

import os
import signal

from kit import fleets
from kit.fleets import result_of
from kit.harness import Box, Product, children, command_line, until
from kit.ports import free_port

PRUNES = "from process_control.cli.main import main"


def put_the_server_beside(product: Product) -> None:
    """Put the program of the server where pip would have put it."""
    program = product.prefix / "bin" / "temporal"
    program.unlink(missing_ok=True)
    program.symlink_to(fleets.SERVER)


def left_by(box: Box) -> list[str]:
    """Return what is left, but for the `prune` of the day: the first run has started it, and it ends by itself."""
    until(lambda: not any(PRUNES in each for each in commands_of(box)), "the prune of the day to end")
    return commands_of(box)


def commands_of(box: Box) -> list[str]:
    return [command_line(pid) for pid in box.processes()]


def test_up_fleet_starts_all_that_a_fleet_needs_and_ends_it(with_fleet: Product, box: Box) -> None:
    box.product = with_fleet
    put_the_server_beside(with_fleet)
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
    assert left_by(box) == []


def test_a_second_control_c_stops_the_runs_and_the_server_hears_of_it(with_fleet: Product, box: Box) -> None:
    box.product = with_fleet
    put_the_server_beside(with_fleet)
    begun = box.fifo("begun")
    box.configure(fleet={"address": f"127.0.0.1:{free_port()}"})
    box.job("endless", f"command: sh -c 'echo begun > {begun}; exec sleep 1000'")

    with box.start_command([str(with_fleet.process_control), "up", "--fleet"]) as live:
        live.wait_for_line("Control-C ends it", stream="stderr")
        box.process_control("run", "endless", "--fleet")
        begun.read_line()
        live.signal(signal.SIGINT)
        live.wait_for_line("ending: takes nothing more", stream="stderr")
        live.signal(signal.SIGINT)
        ended = live.wait()

    assert ended.exit_code == 0, ended
    assert "stops 1 run" in ended.stderr
    assert left_by(box) == []
    (run,) = box.process_control("history", "endless", "--json").json()["runs"]
    assert (run["outcome"], run["reason"]) == ("failed", "stopped")


def test_when_its_server_ends_up_fleet_says_so_and_ends_the_rest(with_fleet: Product, box: Box) -> None:
    box.product = with_fleet
    put_the_server_beside(with_fleet)
    box.configure(fleet={"address": f"127.0.0.1:{free_port()}"})
    box.job("tried", "command: /bin/true")

    with box.start_command([str(with_fleet.process_control), "up", "--fleet"]) as live:
        live.wait_for_line("Control-C ends it", stream="stderr")
        box.process_control("run", "tried", "--fleet")
        until(lambda: result_of(box, "tried"), "that all are connected")
        os.kill(next(pid for pid in children(live.pid) if "start-dev" in command_line(pid)), signal.SIGTERM)
        ended = live.wait()

    assert ended.exit_code == 75
    assert "the server: has ended with " in ended.stderr
    assert left_by(box) == []


def test_up_fleet_starts_no_server_for_a_connection_with_tls(with_fleet: Product, box: Box) -> None:
    box.product = with_fleet
    put_the_server_beside(with_fleet)
    address, key = f"127.0.0.1:{free_port()}", box.root / "api-key"
    key.write_text("a-key")
    key.chmod(0o600)
    box.configure(fleet={"address": address, "api_key_file": str(key)})

    up = box.process_control("up", "--fleet")

    assert up.exit_code == 78
    assert up.stderr.startswith(f"{address}: the server that up --fleet starts does not use TLS\n  hint: "), up
