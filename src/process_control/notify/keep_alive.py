"""Re-sends open incidents to receivers that forget what is not repeated, as Prometheus' Alertmanager does."""

from collections.abc import Sequence

from process_control.config.settings import Settings
from process_control.core.incident import Incident

PREFIX = "alertmanager"


def keep_alive(settings: Settings, incidents: Sequence[Incident]) -> None:
    """Re-send what such receivers have been sent and is not over."""
