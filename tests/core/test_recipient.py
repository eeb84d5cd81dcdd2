"""What may be shown of a recipient: never a part of a URL that may be a secret."""

import pytest

from process_control.core.recipient import Recipient


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mailto:ann@example.org,bob@example.org", "ann@example.org, bob@example.org"),
        ("https://hooks.example.org", "https://hooks.example.org/…"),
        ("https://ann:S3cret@hooks.example.org:8443/S3cret?S3cret", "https://hooks.example.org:8443/…"),
        ("https://hooks.example.org?S3cret", "https://hooks.example.org/…"),
        ("http://[::1]:8080/S3cret", "http://[::1]:8080/…"),
        ("alertmanager+http://ann:S3cret@prometheus:9093", "alertmanager+http://prometheus:9093/…"),
        ("exec:/usr/local/bin/notify-us", "exec:/usr/local/bin/notify-us"),
        ("exec:/usr/local/bin/notify-us --token S3cret", "exec:/usr/local/bin/notify-us…"),
        ("slack://S3cret/S3cret/S3cret", "slack://…"),
        ("pagerduty://S3cret@S3cret", "pagerduty://…"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert Recipient(url=url).shown == shown


def test_of_a_secret_url_its_file_is_shown() -> None:
    assert Recipient(url_file="/etc/process-control/slack.url").shown == "the URL in /etc/process-control/slack.url"
