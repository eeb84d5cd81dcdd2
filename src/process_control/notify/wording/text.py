"""A message for a terminal: the reason first, prose of at most 78 columns, lines of the job as they are. Pure."""

from textwrap import wrap

from process_control.core.terminal_markup import plain_text
from process_control.notify.message import one_line
from process_control.notify.wording.letter import Letter

#: Two columns stay free for the `> ` of an answer.
COLUMNS = 80 - len("> ")
MAX_LINE = 500


def as_text(letter: Letter) -> str:
    """Return the message as plain text."""
    parts = [_prose(f"{letter.about} {letter.verdict}") + (f"\n{_prose(letter.headline)}" if letter.headline else "")]
    parts += [_prose(sentence) for sentence in letter.sentences]
    if letter.output:
        lines = plain_text(letter.output, secrets=letter.secrets, max_line=MAX_LINE).split("\n")
        parts.append("\n".join([letter.output_title, *[f"  | {line}".rstrip() for line in lines]]))
    if letter.jobs:
        parts.append(_jobs(letter))
    if letter.changes:
        parts.append("\n".join([one_line(letter.changes_title), *[_item(each) for each in letter.changes]]))
    if letter.facts:
        parts.append(_facts(letter.facts))
    if letter.runbook:
        parts.append("From its job file\n" + _indented(letter.runbook))
    if letter.commands:
        parts.append("\n".join(f"{one_line(what)}:\n  {one_line(line)}" for what, line in letter.commands))
    if letter.footer:
        parts.append(f"-- \n{one_line(letter.footer)}")
    return "\n\n".join(parts) + "\n"


def more_jobs(letter: Letter) -> str:
    return f"and {letter.more_jobs:,} more" if letter.more_jobs else ""


def _jobs(letter: Letter) -> str:
    width = max(len(one_line(slug)) for slug, _ in letter.jobs)
    lines = [f"  {one_line(slug):<{width}}  {one_line(what)}".rstrip() for slug, what in letter.jobs]
    return "\n".join([*lines, f"  {more_jobs(letter)}"] if letter.more_jobs else lines)


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    width = max(len(name) for name, _ in facts)
    return "\n".join(_prose(value, first=f"{name:<{width}}  ", then=" " * (width + 2)) for name, value in facts)


def _item(text: str) -> str:
    return _prose(text, first="  - ", then="    ")


def _indented(text: str) -> str:
    return "\n".join(_prose(line, first="  ", then="  ") for line in text.splitlines())


def _prose(text: str, *, first: str = "", then: str = "") -> str:
    """Return words in lines of at most COLUMNS; a word that is longer, like a path, has a line for itself."""
    lines = wrap(
        one_line(text),
        COLUMNS,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) or first.rstrip()
