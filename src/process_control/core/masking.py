"""Masks secrets in text from outside (output, command lines). Text is masked first, then cut.

Lean module, pure.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AnyStr

MAX_LINE = 500
MASK = "***"
#: Shorter values are not masked: they would be found everywhere.
MIN_MASKED = 8


def mask(text: str, secrets: list[str]) -> str:
    """Return `text` with each secret replaced by ***, the longest first."""
    for secret in sorted(_as_shown(secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _as_shown(secrets: list[str]) -> list[str]:
    """Return all spellings of the secrets: also without outer blanks, as a shell passes an unquoted value.

    Secrets that are not UTF-8 also with those bytes replaced or escaped.
    """
    found = [*secrets, *[bare for secret in secrets if (bare := secret.strip()) != secret and len(bare) >= MIN_MASKED]]
    for secret in secrets:
        if not secret.isascii() and any("\udc80" <= char <= "\udcff" for char in secret):
            data = secret.encode("utf-8", "surrogateescape")
            found += [data.decode("utf-8", "replace"), data.decode("utf-8", "backslashreplace")]
    return found


def mask_and_cut(text: str, secrets: list[str], *, max_length: int, is_cut: bool = False) -> str:
    """Return `text`, masked, with at most `max_length` characters.

    `is_cut`: the text was cut before; then what may be half a secret at its end is masked too.
    """
    begun = max([overlap(text, secret) for secret in _as_shown(secrets)], default=0) if is_cut else 0
    masked = mask(text[: len(text) - begun], secrets) + MASK * (begun > 0)
    return masked if len(masked) <= max_length else masked[: max_length - 1] + "…"


def mask_beginning(text: str, secrets: list[str]) -> str:
    """Return at most MAX_LINE characters of a line, masked; `text` may be cut already."""
    return mask_and_cut(text, secrets, max_length=MAX_LINE, is_cut=len(text) >= MAX_LINE)


def mask_excerpt(text: str, secrets: list[str]) -> str:
    """Return `text`, whose middle was left out, masked: also the halves of a secret at the cut."""
    head, opening, rest = text.partition("\n[... ")
    left_out, closing, tail = rest.partition(" bytes left out ...]\n")
    if not secrets or not left_out.isdigit():
        return mask(text, secrets)
    begun = max([overlap(head, secret) for secret in secrets])
    ended = max([overlap(secret, tail) for secret in secrets])
    head = mask(head[: len(head) - begun], secrets) + MASK * (begun > 0)
    return head + opening + left_out + closing + MASK * (ended > 0) + mask(tail[ended:], secrets)


def overlap(left: "AnyStr", right: "AnyStr") -> int:
    """Return the length of the longest end of `left`, short of all of either, with which `right` begins."""
    longest = min(len(left), len(right)) - 1
    first = right[:1]
    start = left.find(first, len(left) - longest) if longest > 0 else -1
    while start >= 0:
        if right.startswith(left[start:]):
            return len(left) - start
        start = left.find(first, start + 1)
    return 0
