"""A message as HTML that needs nothing from anywhere: no image, no script, no font. Pure.

All text is escaped; the only markup of a job is that of its output's colours.
"""

from html import escape

from process_control.core.terminal_markup import html_of, plain_text
from process_control.notify.message import one_line
from process_control.notify.wording.letter import Letter
from process_control.notify.wording.page_style import LIGHT, MONO, SANS, sheet
from process_control.notify.wording.text import MAX_LINE, more_jobs

_PAGE = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{{title}}</title>
<style>
{sheet().replace("{", "{{").replace("}", "}}")}
</style></head>
<body class="page" style="margin:0;padding:0;background:{LIGHT["page"]};-webkit-text-size-adjust:100%">
{{before}}<table role="presentation" class="page" width="100%" cellspacing="0" cellpadding="0" border="0"
 style="background:{LIGHT["page"]}"><tr>
<td class="frame" align="center" style="padding:24px 12px">
<table role="presentation" class="card" width="100%" cellspacing="0" cellpadding="0" border="0"
 style="max-width:720px;background:{LIGHT["card"]};border:1px solid {LIGHT["line"]};border-radius:10px;
border-collapse:separate;overflow:hidden;color:{LIGHT["ink"]};font:15px/1.5 {SANS};text-align:left">
<tr><td class="bar-{{tone}}" style="background:{{colour}};height:4px;line-height:4px;font-size:0">&nbsp;</td></tr>
{{body}}
</table></td></tr></table></body></html>
"""
#: What a mail program shows beside the subject.
_BEFORE = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}</div>\n'
_ROW = '<tr><td class="pad" style="padding:{above}px 28px 0">{content}</td></tr>'
_HEAD = (
    f'<div class="soft" style="font-size:13px;color:{LIGHT["soft"]}">{{host}}</div>'
    '<h1 class="ink" style="margin:2px 0 0;font-size:21px;line-height:1.35;font-weight:600;overflow-wrap:anywhere">'
    '{about} <span class="{tone}" style="color:{colour};font-weight:600">{verdict}</span></h1>'
)
_SOFT = f'<div class="soft" style="margin-top:4px;color:{LIGHT["soft"]};overflow-wrap:anywhere">{{}}</div>'
_PROSE = '<div class="ink" style="overflow-wrap:anywhere">{}</div>'
_TITLE = f'<h2 class="soft" style="margin:0 0 6px;font-size:13px;font-weight:600;color:{LIGHT["soft"]}">{{}}</h2>'
_WELL = (
    f'<pre class="well ink" style="margin:0;padding:{{pad}};background:{LIGHT["well"]};'
    f"border:1px solid {LIGHT['line']};border-radius:6px;font:13px/1.5 {MONO};white-space:pre-wrap;"
    'overflow-wrap:anywhere">{text}</pre>'
)
_WHAT = f'<div class="soft" style="margin:10px 0 3px;font-size:13px;color:{LIGHT["soft"]}">{{}}</div>'
_TABLE = '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" border="0">{}</table>'
_PAIR = (
    f'<tr><td class="name soft" style="padding:3px 20px 3px 0;width:1%;white-space:nowrap;vertical-align:top;'
    f'color:{LIGHT["soft"]}">{{}}</td>'
    '<td class="value ink" style="padding:3px 0;vertical-align:top;overflow-wrap:anywhere">{}</td></tr>'
)
_JOB = (
    f'<tr><td class="line ink" style="padding:5px 16px 5px 0;border-bottom:1px solid {LIGHT["line"]};'
    'overflow-wrap:anywhere;font-weight:600">{}</td>'
    f'<td class="line soft" style="padding:5px 0;border-bottom:1px solid {LIGHT["line"]};color:{LIGHT["soft"]};'
    'text-align:right">{}</td></tr>'
)
_ITEM = '<li class="ink" style="margin:0 0 4px;padding:0;overflow-wrap:anywhere">{}</li>'
_LIST = '<ul style="margin:0;padding:0 0 0 18px">{}</ul>'
_FOOT = (
    f'<tr><td class="pad" style="padding:24px 28px 22px"><div class="soft line" style="border-top:1px solid '
    f'{LIGHT["line"]};padding-top:12px;font-size:13px;color:{LIGHT["soft"]}">{{}}</div></td></tr>'
)


def as_page(letter: Letter) -> str:
    """Return the whole page."""
    colour = LIGHT[letter.tone]
    head = _HEAD.format(
        host=_escaped(letter.host),
        about=_escaped(letter.about),
        verdict=_escaped(letter.verdict),
        tone=letter.tone,
        colour=colour,
    )
    rows = [_row(head + (_SOFT.format(_escaped(letter.headline)) if letter.headline else ""), above=22)]
    rows += [_row(_PROSE.format(_escaped(each)), above=14) for each in letter.sentences]
    rows += [_row(part) for part in _parts(letter)]
    rows.append(_FOOT.format(_escaped(letter.footer)))
    return _PAGE.format(
        title=_escaped(letter.subject), before=_before(letter), tone=letter.tone, colour=colour, body="\n".join(rows)
    )


def _parts(letter: Letter) -> list[str]:
    parts = []
    if letter.output:
        text = html_of(letter.output, secrets=letter.secrets, max_line=MAX_LINE, is_mail=True)
        parts.append(_TITLE.format(_escaped(letter.output_title)) + _WELL.format(pad="12px 14px", text=text))
    if letter.jobs:
        more = _SOFT.format(more_jobs(letter)) if letter.more_jobs else ""
        jobs = "".join(_JOB.format(_escaped(slug), _escaped(what)) for slug, what in letter.jobs)
        parts.append(_TABLE.format(jobs) + more)
    if letter.changes:
        items = "".join(_ITEM.format(_escaped(each)) for each in letter.changes)
        parts.append(_TITLE.format(_escaped(letter.changes_title)) + _LIST.format(items))
    if letter.facts:
        parts.append(_TABLE.format("\n".join(_PAIR.format(*map(_escaped, pair)) for pair in letter.facts)))
    if letter.runbook:
        text = "<br>".join(map(_escaped, letter.runbook.splitlines()))
        parts.append(_TITLE.format("From its job file") + _PROSE.format(text))
    if letter.commands:
        lines = (
            _WHAT.format(_escaped(what)) + _WELL.format(pad="7px 12px", text=_escaped(line))
            for what, line in letter.commands
        )
        parts.append(_TITLE.format("What you can do") + "\n".join(lines))
    return parts


def _row(content: str, *, above: int = 20) -> str:
    return _ROW.format(above=above, content=content)


def _before(letter: Letter) -> str:
    """Return the last line of output, else the headline: what is seen of a message before it is opened."""
    lines = plain_text(letter.output, secrets=letter.secrets, max_line=MAX_LINE).split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), letter.headline)
    return _BEFORE.format(_escaped(last)) if last else ""


def _escaped(text: str) -> str:
    return escape(one_line(text))
