"""A buffer that the C library searches finds what Python finds, and looks at no byte behind the part that is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_control.system.searched_memory import SearchedMemory

BYTES = st.binary(max_size=40).map(lambda data: bytes(byte % 3 for byte in data))  # few different ones: many near hits


@given(data=BYTES, needle=st.binary(min_size=1, max_size=4).map(lambda data: bytes(byte % 3 for byte in data)))
def test_it_finds_what_python_finds(data: bytes, needle: bytes) -> None:
    memory = SearchedMemory(40)
    memory.buffer[: len(data)] = data

    assert all(memory.has(needle, size) == (needle in data[:size]) for size in range(len(data) + 1))


def test_more_than_there_is_cannot_be_asked() -> None:
    with pytest.raises(ValueError, match="41 bytes of a buffer of 40"):
        SearchedMemory(40).has(b"a", 41)
