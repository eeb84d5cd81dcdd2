"""The short form of a message, for a chat: a few lines. Pure."""

from process_control.core.terminal_markup import plain_text
from process_control.notify.message import one_line
from process_control.notify.wording.letter import Letter, cut

MAX_SHORT = 1000
_MAX_VERDICT, MAX_LINE = 400, 200


def as_short(letter: Letter) -> str:
    """Return what happened, the last line of the output, and one line to paste; at most MAX_SHORT characters."""
    lines = [cut(one_line(f"{letter.host}: {letter.about} {letter.verdict}"), _MAX_VERDICT)]
    last = _last_line(letter)
    if last and last not in letter.verdict:
        lines.append(f"> {cut(last, MAX_LINE)}")
    if letter.jobs:
        names = ", ".join(slug for slug, _ in letter.jobs[:5])
        more = len(letter.jobs[5:]) + letter.more_jobs
        lines.append(cut(one_line(f"{names}{f' and {more} more' if more else ''}"), MAX_LINE))
    if letter.commands:
        lines.append(cut(one_line(letter.commands[0][1]), MAX_LINE))
    return cut("\n".join(lines), MAX_SHORT)


def _last_line(letter: Letter) -> str:
    lines = plain_text(letter.output, secrets=letter.secrets, max_line=MAX_LINE).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
