"""Every answer of `--json` about the fleet has the shape that docs/reference/json.md shows."""

from collections.abc import Callable

from kit.fleets import result_of
from kit.harness import Box, until
from kit.shapes import has_its_shape


def test_answers_about_the_fleet_have_their_shapes(make_host: Callable[..., Box]) -> None:
    box = make_host("shape1")
    box.job("shaped", "command: sh -c 'echo hi; exit 1'\nschedule: '0 5 * * *'\ntime_zone: UTC")
    box.job("wrong", "comand: x")

    def shape(command: str, *words: str) -> None:
        has_its_shape(box.process_control(*command.split()[:1], *words, "--json"), f"process-control {command}")

    def fleet(verb: str, *words: str) -> None:
        has_its_shape(box.process_control("fleet", verb, *words, "--json"), f"process-control fleet {verb}")

    fleet("apply", "--dry-run")
    fleet("apply")
    shape("run", "shaped", "--fleet")
    until(lambda: result_of(box, "shaped"), "the end")
    for verb in ("status", "hosts", "doctor"):
        fleet(verb)
    fleet("doctor", "--fix")
    for words in (["history", "--fleet"], ["slots", "--fleet"], ["stop", "shaped", "--fleet"]):
        shape(words[0], *words[1:])
    shape("slots --count", "--count", "--fleet")
    shape("why", "shaped", "--fleet")
    shape("why", "shaped", "yesterday", "--fleet")
    shape("logs --fleet", "shaped", "--fleet")
    shape("hold", "shaped", "--fleet")
    shape("release", "shaped", "--fleet")
    shape("pause", "shaped", "--fleet", "--for", "1h")
    shape("check", "shaped", "--fleet")
    shape("run", "never-applied", "--fleet")
