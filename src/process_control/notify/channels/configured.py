"""The channels that a configuration may use: the only place that names them all."""

from process_control.config.settings import Settings
from process_control.notify.channel import Channel
from process_control.notify.channels.mail.channel import MailChannel


def channels_of(settings: Settings) -> list[Channel]:
    """Return every channel, new: whether it reaches somebody about a job, each finds by the job."""
    return [MailChannel(settings)]
