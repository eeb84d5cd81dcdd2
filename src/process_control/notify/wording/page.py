"""A message as HTML that needs nothing from anywhere: no image, no script, no font. Pure."""

from html import escape

from process_control.core.terminal_markup import html_of
from process_control.notify.wording.letter import Letter, one_line
from process_control.notify.wording.text import MAX_LINE, more_jobs


def as_page(letter: Letter) -> str:
    """Return the whole page."""
    parts = [f"<h1>{_escaped(letter.about)} {_escaped(letter.verdict)}</h1><p>{_escaped(letter.headline)}</p>"]
    parts += [f"<p>{_escaped(each)}</p>" for each in letter.sentences]
    if letter.output:
        shown = html_of(letter.output, secrets=letter.secrets, max_line=MAX_LINE, is_mail=True)
        parts.append(f"<h2>{_escaped(letter.output_title)}</h2><pre>{shown}</pre>")
    parts += [f"<p>{_escaped(slug)}: {_escaped(what)}</p>" for slug, what in letter.jobs]
    parts += [f"<p>{more_jobs(letter)}</p>"] if letter.more_jobs else []
    parts += [f"<p>{_escaped(each)}</p>" for each in letter.changes]
    parts += [f"<p>{_escaped(name)}: {_escaped(value)}</p>" for name, value in letter.facts]
    parts += [f"<p>{_escaped(what)}</p><pre>{_escaped(line)}</pre>" for what, line in letter.commands]
    return "\n".join(parts)


def _escaped(text: str) -> str:
    return escape(one_line(text))
