"""Names of characters that are invisible, or look like others.

Lean module, pure.
"""

NAMES = {
    "\u00a0": "a no-break space",
    "\u00ad": "a soft hyphen",
    "\u1680": "a space of another script",
    "\u2002": "an en space",
    "\u2003": "an em space",
    "\u2007": "a figure space",
    "\u2009": "a thin space",
    "\u200a": "a hair space",
    "\u200b": "a zero-width space",
    "\u200c": "a zero-width non-joiner",
    "\u200d": "a zero-width joiner",
    "\u200e": "a left-to-right mark",
    "\u200f": "a right-to-left mark",
    "\u2010": "a typographic hyphen",
    "\u2011": "a no-break hyphen",
    "\u2012": "a figure dash",
    "\u2013": "an en dash",
    "\u2014": "an em dash",
    "\u2018": "a typographic quote",
    "\u2019": "a typographic quote",
    "\u201a": "a typographic quote",
    "\u201b": "a typographic quote",
    "\u201c": "a typographic quote",
    "\u201d": "a typographic quote",
    "\u201e": "a typographic quote",
    "\u201f": "a typographic quote",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
    "\u202a": "a mark of text direction",
    "\u202b": "a mark of text direction",
    "\u202c": "a mark of text direction",
    "\u202d": "a mark of text direction",
    "\u202e": "a mark of text direction",
    "\u202f": "a narrow no-break space",
    "\u205f": "a mathematical space",
    "\u2060": "a word joiner",
    "\u2066": "a mark of text direction",
    "\u2067": "a mark of text direction",
    "\u2068": "a mark of text direction",
    "\u2069": "a mark of text direction",
    "\u2212": "a minus sign that is no hyphen",
    "\u3000": "an ideographic space",
    "\u2026": "an ellipsis that is one character",
    "\ufeff": "a byte-order mark",
    "\r": "a carriage return",
}
QUOTES = frozenset("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f")
#: Those of NAMES that are visible: right in a text for people.
VISIBLE = frozenset("\u2010\u2012\u2013\u2014\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2026\u2212")


def named(character: str) -> str:
    """Return `a no-break space (U+00A0)`; an empty text for a character that is not in NAMES."""
    name = NAMES.get(character)
    if name is None:
        return ""
    sign = f" {character}" if character in VISIBLE else ""
    return f"{name}{sign} (U+{ord(character):04X})"
