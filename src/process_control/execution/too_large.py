"""Explain that environment and arguments are too large for the kernel: which of them is large, never its value.

Lean module, loaded only then.
"""


def too_large_in_words(argv: list[str], environment: dict[bytes, bytes]) -> str:
    """Return in words which variable or argument is the largest, and its size with `NAME=` and the final zero byte."""
    variables = [(len(name) + len(value) + 2, name) for name, value in environment.items()]
    arguments = [(len(word.encode("utf-8", "surrogateescape")) + 1, number) for number, word in enumerate(argv)]
    size, number = max(arguments)
    largest = f"argument {number}"
    if variables and max(variables)[0] > size:
        size, name = max(variables)
        largest = f"the variable {name.decode('utf-8', 'replace')}"
    everything = sum([each for each, _ in variables]) + sum([each for each, _ in arguments])
    return (
        f"its environment and arguments are too large ({everything:,} bytes): most of it is {largest}, {size:,} bytes "
        "(limits: one 131,072, all a quarter of the stack)"
    )
