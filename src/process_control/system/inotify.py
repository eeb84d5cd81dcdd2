"""Whether anything in a directory was written, made, removed or renamed since the last question, see inotify(7)."""

import os

from process_control.system import linux

# attributes, the end of writing, moves, creation, removal, and the directory itself
_EVENTS = 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800


class DirectoryWatch:
    """Open from the first `watch` on. Where the kernel cannot watch, everything counts as changed."""

    def __init__(self) -> None:
        self._descriptor = -1

    def watch(self, path: str) -> None:
        """Watch this directory from now on, and no other."""
        self.close()
        try:
            if linux.network_file_system(path) is None:  # what other hosts write there is not seen
                self._descriptor = linux.inotify(path, _EVENTS)
        except OSError:
            pass

    @property
    def can_see(self) -> bool:
        """Whether the kernel watches the directory."""
        return self._descriptor != -1

    def has_changed(self) -> bool:
        """Return whether anything happened since the last call."""
        if self._descriptor == -1:
            return True
        found = False
        try:
            while os.read(self._descriptor, 1 << 16):
                found = True
        except BlockingIOError:
            return found
        except OSError:
            pass
        return True

    def close(self) -> None:
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1
