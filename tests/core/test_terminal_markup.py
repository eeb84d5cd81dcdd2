"""The output of a job as text and as HTML: colours, progress bars, and no markup that a job wrote."""

import re
import time
from html import escape, unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.core.terminal_markup import COLOURS, GREY, INLINE, INLINE_BEHIND, html_of, plain_text

CLASSES = {
    *[f"t-{name}" for name in (*COLOURS, GREY)],
    *[f"t-on-{name}" for name in (*COLOURS, GREY)],
    *[f"t-{name}" for name in ("bold", "dim", "italic", "underline", "struck", "inverse")],
}
SPAN = re.compile(r'<span class="([a-z -]+)"(?: style="([-a-z0-9:;#.,()]+( line-through)?)")?>')
RED = '<span class="t-red">'


@pytest.mark.parametrize(
    ("output", "plain"),
    [
        ("plain\n", "plain\n"),
        ("\x1b[31mred\x1b[0m\n", "red\n"),
        (" 10 %\r 20 %\r100 %\n", "100 %\n"),
        ("100 %\r\n", "100 %\n"),
        ("downloading a long name\rdone\n", "done\n"),
        ("begun\r", "begun"),
        ("\r\x1b[K\r50 %\x1b[K\n", "50 %\n"),
        ("gone\x1b[2K\n", "\n"),
        ("half\b\b\x1b[K\n", "ha\n"),
        ("|\b/\b-\b\\\b \n", " \n"),
        ("_\bu_\bn_\bd\n", "und\n"),
        ("\b\b\bx", "x"),
        ("12345\x1b[1Gab", "ab"),
        ("\x1b]0;title\x07text\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\\n", "textlink\n"),
        ("\x1b(Bbox\x1b[2J\x1b[10;4H\x1b[?25lx\n", "boxx\n"),
        ("\x1b]0;never ends\nnext line\n", "\nnext line\n"),
        ("bell\x07 null\0 bidi\u202e\n", "bell\\x07 null\\x00 bidi\\u202e\n"),
        ("a\tb\n", "a    b\n"),
        (b"not \xff utf-8\n", "not \\xff utf-8\n"),
        ("", ""),
    ],
)
def test_the_last_state_of_each_line_is_shown(output: str | bytes, plain: str) -> None:
    assert plain_text(output) == plain


@pytest.mark.parametrize(
    ("output", "html"),
    [
        ("\x1b[31mred\x1b[0m <b>", f"{RED}red</span> &lt;b&gt;"),
        ("\x1b[1;31mred\x1b[22m thin\x1b[39m off", f'<span class="t-red t-bold">red</span>{RED} thin</span> off'),
        ("\x1b[91mbright\x1b[m", f"{RED}bright</span>"),
        ("\x1b[90mgrey", '<span class="t-grey">grey</span>'),
        ("\x1b[38;5;196mcube", f"{RED}cube</span>"),
        ("\x1b[38;5;244mgrey", '<span class="t-grey">grey</span>'),
        ("\x1b[38;2;250;20;20mtrue", f"{RED}true</span>"),
        ("\x1b[38:2::250:20:20mcolons", f"{RED}colons</span>"),
        ("\x1b[38;2;250;20mcut short", "cut short"),
        ("\x1b[41mbehind", '<span class="t-on-red">behind</span>'),
        ("\x1b[7minverse", '<span class="t-inverse">inverse</span>'),
        ("\x1b[7;31minverse red", '<span class="t-on-red">inverse red</span>'),
        ("\x1b[4munder\x1b[24m\x1b[4:3mcurly\x1b[4:0mno", '<span class="t-underline">undercurly</span>no'),
        ("\x1b[31mtwo\nlines\x1b[0m", f"{RED}two</span>\n{RED}lines</span>"),
        ("\x1b[31m", ""),
    ],
)  # fmt: skip
def test_colours_become_spans_that_are_closed(output: str, html: str) -> None:
    assert html_of(output) == html


def test_a_mail_has_the_styles_at_the_elements_too() -> None:
    assert html_of("\x1b[1;31mred", is_mail=True) == (
        '<span class="t-red t-bold" style="color:#d1242f;font-weight:600">red</span>'
    )
    assert set(INLINE) == set(INLINE_BEHIND) == {*COLOURS, GREY}


def test_a_long_line_is_cut_with_a_word_in_both_forms() -> None:
    output = "\x1b[31m" + "x" * 30 + "\nshort\n"

    assert plain_text(output, max_line=10) == "x" * 10 + "… (20 more)\nshort\n"
    assert html_of(output, max_line=10).startswith(f"{RED}{'x' * 10}</span>… (20 more)\n")


def test_a_secret_that_the_screen_puts_together_is_masked() -> None:
    for output in ("tok\x1b[1men-12345", "tokXX\b\ben-12345", "old\rtoken-12345", "a token-12345 in a line"):
        assert "token-12345" not in plain_text(output, secrets=["token-12345"])
        assert "token-12345" not in re.sub("<[^>]*>", "", html_of(output, secrets=["token-12345"]))


ANY = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            ["\x1b[", "\x1b]", "\x1b", "m", "31", "38;5;", "48;2;1;2;3", ";", ":", "\r", "\b", "\n", "\x1b[K",
             "\x1b[7m", "<script>", "&amp;", '"', "x", "\x1b[0m", "\x9b31m", "\x1bP", "\x1b\\", "\x07", "\t", "9" * 50]
        ),
        max_size=60,
    ).map("".join),
)  # fmt: skip


@given(ANY, st.booleans(), st.sampled_from([None, 5]))
def test_the_html_has_only_our_spans_and_its_text_is_the_plain_text(
    output: bytes | str, is_mail: bool, max_line: int | None
) -> None:
    html = html_of(output, is_mail=is_mail, max_line=max_line)
    plain = plain_text(output, max_line=max_line)

    for span in SPAN.finditer(html):
        assert set(span[1].split()) <= CLASSES
    text = SPAN.sub("", html).replace("</span>", "")
    assert len(SPAN.findall(html)) == html.count("</span>")
    assert text == escape(plain)
    assert unescape(text) == plain
    assert plain.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "piece",
    ["\x1b[", "a\b", "\x1b[1m", "\x1b[1;", "1;", "\x1b]", "\x1b]0;x", "\x1b[31ma\x1b[0m", "\r", "\x1b[K", "x\x1b[2K",
     "\x1b[38;5;", "<", "\n", "x\r", "\x1b[38:2:", "\x1b[ "],
)  # fmt: skip
def test_twice_as_much_takes_about_twice_as_long(piece: str) -> None:
    """Of the least of three tries each; a square would be four times."""

    def seconds(count: int) -> float:
        output = "\x1b[" + piece * count
        times = []
        for _ in range(3):
            before = time.process_time()
            html_of(output)
            times.append(time.process_time() - before)
        return min(times)

    assert seconds(40_000) < 3 * seconds(20_000) + 0.02
