"""The gate for text from outside (output, command lines): secrets are masked in it, and only then is it cut.

Lean module, pure.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AnyStr

MAX_LINE = 500
MASK = "***"
SHORTEST = 8
"""Of fewer characters no value is masked: it would be found in everything."""


def mask(text: str, secrets: list[str]) -> str:
    """Return `text` with each secret replaced by ***, the longest first."""
    for secret in sorted(_as_shown(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _as_shown(secrets: list[str]) -> list[str]:
    """Return the secrets as they may be shown: also without blanks at their ends, as a shell passes an unquoted one.

    Those that are no UTF-8 also as texts that replace or escape such bytes have them.
    """
    found = [*secrets, *[bare for secret in secrets if (bare := secret.strip()) != secret and len(bare) >= SHORTEST]]
    for secret in secrets:
        if not secret.isascii() and any("\udc80" <= char <= "\udcff" for char in secret):
            data = secret.encode("utf-8", "surrogateescape")
            found += [data.decode("utf-8", "replace"), data.decode("utf-8", "backslashreplace")]
    return found


def mask_and_cut(text: str, secrets: list[str], *, longest: int, is_cut: bool = False) -> str:
    """Return `text`, masked, of `longest` characters at most.

    `is_cut`: it was cut before, because nobody reads without a bound; then what may be half a secret at its end is
    masked too.
    """
    begun = max([overlap(text, secret) for secret in _as_shown(secrets)], default=0) if is_cut else 0
    masked = mask(text[: len(text) - begun], secrets) + MASK * (begun > 0)
    return masked if len(masked) <= longest else masked[: longest - 1] + "…"


def mask_beginning(text: str, secrets: list[str]) -> str:
    """Return the beginning of a line, masked; `text` may be cut."""
    return mask_and_cut(text, secrets, longest=MAX_LINE, is_cut=len(text) >= MAX_LINE)


def mask_excerpt(text: str, secrets: list[str]) -> str:
    """Return `mask(text)` for a text whose middle was left out: also without the halves of a secret at the cut."""
    head, opening, rest = text.partition("\n[... ")
    left_out, closing, tail = rest.partition(" bytes left out ...]\n")
    if not secrets or not left_out.isdigit():
        return mask(text, secrets)
    begun = max([overlap(head, secret) for secret in secrets])
    ended = max([overlap(secret, tail) for secret in secrets])
    head = mask(head[: len(head) - begun], secrets) + MASK * (begun > 0)
    return head + opening + left_out + closing + MASK * (ended > 0) + mask(tail[ended:], secrets)


def overlap(left: "AnyStr", right: "AnyStr") -> int:
    """Return how long the longest end of `left` is that `right` begins with, both not whole secrets."""
    longest = min(len(left), len(right)) - 1
    first = right[:1]
    start = left.find(first, len(left) - longest) if longest > 0 else -1
    while start >= 0:
        if right.startswith(left[start:]):
            return len(left) - start
        start = left.find(first, start + 1)
    return 0
