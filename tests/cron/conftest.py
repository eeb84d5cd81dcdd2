"""The stage of this folder: one cron, one minute, all scenes."""

from collections.abc import Iterator

import pytest

from kit.harness import Product
from kit.one_minute import Stage
from kit.real_cron import RealCron


@pytest.fixture(scope="package")
def stage(product: Product) -> Iterator[Stage]:
    """All scenes of the collected tests, after their minute."""
    with RealCron() as cron:
        stage = Stage(product, cron)
        try:
            stage.play()
            yield stage
        finally:
            left = stage.clear()
        if left:
            pytest.fail(f"left behind by a scene: {left}")
