"""How the HTML of a message looks: colours for light and dark, styles at the elements, and a sheet for the rest. Pure.

Many mail programs keep only what stands at the element: that is the light look. The sheet adds the dark one, and what
phones need.
"""

from process_control.notify.wording.letter import Tone

SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"

LIGHT = {
    "page": "#f3f4f6",
    "card": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#5d646d",
    "line": "#e2e5e9",
    "well": "#f5f6f8",
    "bad": "#c0262d",
    "good": "#1a7a3c",
    "unsure": "#8f5f00",
}
DARK = {
    "page": "#0f1114",
    "card": "#181b1f",
    "ink": "#e8eaed",
    "soft": "#9aa2ab",
    "line": "#2c3137",
    "well": "#101316",
    "bad": "#ff8078",
    "good": "#67cf88",
    "unsure": "#e0b050",
}
#: The colours of output, see `core/terminal_markup.py`.
OUTPUT_LIGHT = {
    "red": "#b4232a",
    "green": "#1a7a3c",
    "yellow": "#8a5a00",
    "blue": "#1f5fbf",
    "magenta": "#8d3fa0",
    "cyan": "#0b7380",
    "grey": "#6b727a",
}
OUTPUT_DARK = {
    "red": "#ff8b84",
    "green": "#6fd28e",
    "yellow": "#e2b45c",
    "blue": "#82b4ff",
    "magenta": "#d79be6",
    "cyan": "#62c9d6",
    "grey": "#929aa3",
}


def sheet() -> str:
    """Return the style sheet."""
    dark = [
        f".page{{background:{DARK['page']}!important}}",
        f".card{{background:{DARK['card']}!important;border-color:{DARK['line']}!important}}",
        f".ink,.card{{color:{DARK['ink']}!important}}",
        f".soft{{color:{DARK['soft']}!important}}",
        f".line{{border-color:{DARK['line']}!important}}",
        f".well{{background:{DARK['well']}!important;border-color:{DARK['line']}!important}}",
        *[f".{tone}{{color:{DARK[tone]}!important}}.bar-{tone}{{background:{DARK[tone]}!important}}" for tone in Tone],
        *_of_output(OUTPUT_DARK),
    ]
    narrow = [
        ".pad{padding-left:18px!important;padding-right:18px!important}",
        ".frame{padding:0!important}",
        ".card{border-radius:0!important;border-left:0!important;border-right:0!important}",
        ".name{padding-right:12px!important}",
        ".name,.value{font-size:14px!important}",
        "h1{font-size:19px!important}",
    ]
    return "\n".join(
        [
            ":root{color-scheme:light dark;supported-color-schemes:light dark}",
            *_of_output(OUTPUT_LIGHT),
            f"@media (prefers-color-scheme:dark){{{''.join(dark)}}}",
            f"@media (max-width:520px){{{''.join(narrow)}}}",
        ]
    )


def _of_output(colours: dict[str, str]) -> list[str]:
    return [f".t-{name}{{color:{colour}!important}}" for name, colour in colours.items()]
