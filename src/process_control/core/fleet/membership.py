"""Which jobs belong to the fleet.

Lean module: imports nothing.
"""

LOCAL, ALL = "local", "all"


def belongs_to_fleet(run_on: str, address: str | None) -> bool:
    """Return whether the fleet starts a job. `address`: the key `fleet.address`, which switches the fleet on."""
    return address is not None and run_on != LOCAL
