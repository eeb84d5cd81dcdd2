"""The channels by the scheme of a URL: the only place that names them all."""

from collections.abc import Iterable

from process_control.config.settings import Settings
from process_control.core import layout
from process_control.core.recipient import MAIL, Recipient
from process_control.notify.channel import Channel
from process_control.notify.channels.address import Unusable, url_of


def channel_for(recipient: Recipient, settings: Settings, *, known: Iterable[Channel] = ()) -> Channel:
    """Return the channel of a recipient; of `known` ones the mails', which serves all. Each is imported when used."""
    scheme = _scheme(recipient)
    if scheme == MAIL:
        from process_control.notify.channels.mail.channel import MailChannel

        return next((channel for channel in known if isinstance(channel, MailChannel)), None) or MailChannel(settings)
    if scheme in ("http", "https"):
        from process_control.notify.channels.webhook.channel import WebhookChannel

        return WebhookChannel()
    if scheme == "exec":
        from process_control.notify.channels.exec.channel import ExecChannel

        return ExecChannel()
    if scheme.startswith("alertmanager+"):
        from process_control.notify.channels.alertmanager.channel import AlertmanagerChannel

        return AlertmanagerChannel()
    from process_control.notify.channels.apprise.channel import AppriseChannel

    return AppriseChannel(store=layout.apprise_store(settings.state_directory))


def _scheme(recipient: Recipient) -> str:
    """Return the scheme; when its file cannot be read now, "": the channel that is taken then says why."""
    try:
        return url_of(recipient).partition(":")[0].lower()
    except Unusable:
        return recipient.scheme
