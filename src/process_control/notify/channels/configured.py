"""The channels by the scheme of a URL: the only place that names them all."""

from collections.abc import Iterable

from process_control.config.settings import Settings
from process_control.core.recipient import Recipient
from process_control.notify.channel import Channel
from process_control.notify.channels.mail.channel import MailChannel


def channel_for(recipient: Recipient, settings: Settings, *, known: Iterable[Channel] = ()) -> Channel:  # noqa: ARG001
    """Return the channel of a recipient; of `known` ones that which serves it too."""
    return next((channel for channel in known if isinstance(channel, MailChannel)), None) or MailChannel(settings)
