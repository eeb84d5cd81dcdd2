"""Memory that is read into again and again, and searched for bytes by the C library: much faster than by Python."""

import ctypes


class SearchedMemory:
    """A buffer of a fixed size."""

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self._memory = (ctypes.c_char * size).from_buffer(self.buffer)
        self._find = ctypes.CDLL(None).memmem
        self._find.restype = ctypes.c_void_p
        self._find.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)

    def has(self, needle: bytes, size: int) -> bool:
        """Return whether the first bytes of it, so many, have a needle."""
        if not 0 <= size <= len(self.buffer):
            raise ValueError(f"{size} bytes of a buffer of {len(self.buffer)}")
        return self._find(self._memory, size, needle, len(needle)) is not None
