"""The failmail as a person reads it: subject, text and HTML. Pure; how it is sent is in `send.py`.

No text of a job reaches a header or the HTML unchanged: control characters are shown by number, the rest is escaped.
"""

import html
from dataclasses import dataclass

from process_control.notify.message import one_line

MAX_SUBJECT = 200
MAX_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The content of a mail, every text masked already."""

    host: str
    slug: str
    job_name: str
    headline: str
    #: The sentence that comes first: `failed: exited with 3`.
    verdict: str
    is_good_news: bool = False
    #: Pairs of name and value.
    facts: tuple[tuple[str, str], ...] = ()
    output_title: str = ""
    #: The lines that decided the run.
    output: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    #: Pairs: what for, and the command or line to paste.
    hints: tuple[tuple[str, str], ...] = ()
    runbook: str = ""
    footer: str = ""

    @property
    def subject(self) -> str:
        """`db1: backup failed: exited with 3`, on one line, of a length that every reader shows."""
        line = one_line(f"{self.host}: {self.slug} {self.verdict}")
        return line if len(line) <= MAX_SUBJECT else line[: MAX_SUBJECT - 1] + "…"


def as_text(mail: Mail) -> str:
    """Return the mail for a terminal: the reason first, at most 100 columns of ours."""
    parts = [f"{one_line(mail.slug)} {one_line(mail.verdict)}\n{one_line(mail.headline)}"]
    if mail.output:
        lines = "\n".join(f"  | {_shown(line)}" for line in mail.output)
        parts.append(f"{mail.output_title}\n{lines}")
    parts += [one_line(note) for note in mail.notes]
    width = max((len(name) for name, _ in mail.facts), default=0)
    if mail.facts:
        parts.append("\n".join(f"{name:<{width}}  {one_line(value)}" for name, value in mail.facts))
    if mail.runbook:
        parts.append("From its job file\n" + _indented(mail.runbook))
    if mail.hints:
        parts.append("\n".join(f"{what}:\n  {one_line(line)}" for what, line in mail.hints))
    if mail.footer:
        parts.append(f"-- \n{one_line(mail.footer)}")
    return "\n\n".join(parts) + "\n"


def _shown(line: str) -> str:
    text = one_line(line.replace("\t", "    "))
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}… ({len(text) - MAX_LINE} more)"


def _indented(text: str) -> str:
    return "\n".join(f"  {one_line(line)}".rstrip() for line in text.splitlines())


# --- HTML ------------------------------------------------------------------------------------------------------------

# Mail programs keep styles at the element and little else; colours hold on white and on black.
_PAGE = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">\n'
    '<meta name="viewport" content="width=device-width"><title>{title}</title></head>\n'
    '<body style="margin:0;padding:16px;font:15px/1.5 system-ui,-apple-system,Segoe UI,Roboto,sans-serif">\n'
    '<div style="max-width:760px;margin:0 auto">\n{body}\n</div></body></html>\n'
)
_HEAD = (
    '<div style="border-left:5px solid {colour};padding:4px 0 4px 14px;margin-bottom:20px">'
    '<div style="font-size:20px;font-weight:600">{slug} <span style="color:{colour}">{verdict}</span></div>'
    '<div style="opacity:.75">{headline}</div></div>'
)
_TITLE = '<div style="font-size:13px;font-weight:600;opacity:.75;margin:18px 0 6px">{}</div>'
_OUTPUT = (
    '<pre style="margin:0;padding:12px 14px;background:rgba(127,127,127,.13);border-radius:6px;font:13px/1.45 '
    'ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>'
)
_NAME = '<td style="padding:3px 18px 3px 0;opacity:.7;vertical-align:top;white-space:nowrap">{}</td>'
_VALUE = '<td style="padding:3px 0;overflow-wrap:anywhere">{}</td>'
_FOOT = (
    '<div style="margin-top:22px;padding-top:10px;border-top:1px solid rgba(127,127,127,.3);font-size:13px;'
    'opacity:.7">{}</div>'
)
BAD, GOOD = "#d1242f", "#1a7f37"


def as_html(mail: Mail) -> str:
    """Return the mail as HTML that needs nothing from anywhere: no image, no script, no style sheet."""
    parts = [
        _HEAD.format(
            colour=GOOD if mail.is_good_news else BAD,
            slug=_escaped(mail.slug),
            verdict=_escaped(mail.verdict),
            headline=_escaped(mail.headline),
        )
    ]
    if mail.output:
        lines = "\n".join(html.escape(_shown(line)) for line in mail.output)
        parts += [_TITLE.format(_escaped(mail.output_title)), _OUTPUT.format(lines)]
    parts += [f"<p>{_escaped(note)}</p>" for note in mail.notes]
    if mail.facts:
        rows = [
            f"<tr>{_NAME.format(_escaped(name))}{_VALUE.format(_escaped(value))}</tr>" for name, value in mail.facts
        ]
        parts.append('<table style="border-spacing:0;margin-top:16px">' + "\n".join(rows) + "</table>")
    if mail.runbook:
        text = "<br>".join(_escaped(line) for line in mail.runbook.splitlines())
        parts += [_TITLE.format("From its job file"), f"<div>{text}</div>"]
    for what, line in mail.hints:
        parts += [_TITLE.format(_escaped(what)), _OUTPUT.format(_escaped(line))]
    if mail.footer:
        parts.append(_FOOT.format(_escaped(mail.footer)))
    return _PAGE.format(title=_escaped(mail.subject), body="\n".join(parts))


def _escaped(text: str) -> str:
    return html.escape(one_line(text))
