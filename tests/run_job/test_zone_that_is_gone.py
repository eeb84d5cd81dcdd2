"""A time zone that an upgrade of the host has taken away: a cached job is as invalid as a new one."""

import pytest

from kit import mount_namespaces
from kit.harness import Box, Result
from kit.old_versions import seen_days_ago

ZONE = "America/Indiana/Tell_City"
HIDE = f'mount --bind /dev/null /usr/share/zoneinfo/{ZONE} && exec "$@"'


@pytest.fixture
def east(box: Box) -> Box:
    """A box with a job in that zone, seen by every command while the zone was there."""
    mount_namespaces.needed()
    box.job("east", f"command: 'true'\nschedule: '* * * * *'\ntime_zone: {ZONE}\n")
    seen_days_ago(box.configuration)
    box.process_control("check")
    box.run("east")
    return box


def without_the_zone(box: Box, *command: str) -> Result:
    return box.command([*mount_namespaces.IN_ONE, "sh", "-c", HIDE, "sh", *command])


@pytest.mark.needs_root
def test_a_cached_job_whose_zone_is_gone_is_invalid_everywhere(east: Box) -> None:
    product = east.product

    check = without_the_zone(east, str(product.process_control), "check")
    listed = without_the_zone(east, str(product.process_control), "list")
    by_hand = without_the_zone(east, str(product.run_job), "east")
    generated = without_the_zone(east, str(product.cron_generate), "--output", "console")

    fault = f"unknown time zone '{ZONE}'"
    assert (check.exit_code, by_hand.exit_code, generated.exit_code) == (2, 78, 1)
    assert f"CRITICAL: east (invalid: east.yaml:4:12: {fault})" in check.stdout
    assert listed.stdout.startswith("east\t-\tinvalid\t") or "\tinvalid\t" in listed.stdout
    assert by_hand.stderr.startswith(f"east.yaml:4:12: {fault}\n")
    assert f"# invalid: {east.job_directory}/east.yaml: east.yaml:4:12: {fault}" in generated.stdout


@pytest.mark.needs_root
def test_a_cached_configuration_whose_zone_is_gone_is_refused(east: Box) -> None:
    east.configure(default_job_config={"time_zone": ZONE})
    east.run("east")

    result = without_the_zone(east, str(east.product.run_job), "east")

    assert result.exit_code == 78
    assert f"unknown time zone '{ZONE}'" in result.stderr
