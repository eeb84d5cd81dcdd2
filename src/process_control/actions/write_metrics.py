"""Write the metrics to a file that others read at any time, such as the textfile collector of node_exporter."""

from process_control.config.settings import Settings
from process_control.core.metrics import exposition
from process_control.system.account import Account
from process_control.system.as_account import ask_as
from process_control.system.replace import replace
from process_control.views.metrics import read_metrics

MODE = 0o644


def write_metrics(settings: Settings, path: str, *, reader: Account) -> None:
    """Replace the file at `path` atomically. Only the writing has our own rights: `reader` reads, in a child.

    Raises NotPermitted (77), CannotRecord (74), BadConfiguration (78); then the file is as it was.
    """
    text = ask_as(reader, lambda: exposition(read_metrics(settings)))
    replace(path, text.encode(), mode=MODE)
