"""A job that prints much: blocks of numbered lines, in turns on stdout and stderr. Used as a program and as a module.

A program's first argument says how many blocks it prints on each stream.
"""

import posix
import sys

BLOCK_BYTES = 64 << 10
LINE_BYTES = 128
DIFFERENT_BLOCKS = 16


def blocks(stream: str) -> list[bytes]:
    """Return the blocks that are printed on a stream (`o` or `e`), over and over."""
    lines = BLOCK_BYTES // LINE_BYTES
    numbers = [range(first * lines, (first + 1) * lines) for first in range(DIFFERENT_BLOCKS)]
    return [b"".join(_line(stream, number) for number in each) for each in numbers]


def _line(stream: str, number: int) -> bytes:
    return f"{stream} {number:08} what a job says while it works".ljust(LINE_BYTES - 1, ".").encode("ascii") + b"\n"


def print_blocks(count: int) -> None:
    out, fault = blocks("o"), blocks("e")
    for number in range(count):
        for descriptor, block in ((1, out[number % DIFFERENT_BLOCKS]), (2, fault[number % DIFFERENT_BLOCKS])):
            while block:
                block = block[posix.write(descriptor, block) :]


if __name__ == "__main__":
    print_blocks(int(sys.argv[1]))
