"""The guards of runs that are no children of the present launcher: watched until each has ended."""

import os
import select
from collections.abc import Callable

#: So many are watched by a descriptor, of which most processes have 1,024.
MAX_WATCHED = 300


class Guards:
    """`has_ended` is called with the number of each run whose guard is gone."""

    def __init__(self, has_ended: Callable[[int], None]) -> None:
        self._has_ended = has_ended
        #: the numbers, by descriptor of the guard
        self._watched: dict[int, int] = {}
        #: those for which there is no descriptor, by number: the pid of their guard
        self._others: dict[int, int] = {}

    def descriptors(self) -> dict[int, int]:
        """Return what is to be polled, and for what."""
        return dict.fromkeys(self._watched, select.POLLIN)

    def are_watching(self, number: int) -> bool:
        return number in self._others or number in self._watched.values()

    def watch(self, number: int, pid: int) -> None:
        """Watch a guard, or look for it from time to time when there are too many."""
        try:
            if len(self._watched) < MAX_WATCHED:
                self._watched[os.pidfd_open(pid)] = number
                return
            os.kill(pid, 0)
        except ProcessLookupError:
            self._has_ended(number)
            return
        except OSError:  # of another user: it is there; no descriptor is left: look again
            pass
        self._others[number] = pid

    def look_for_the_others(self) -> None:
        others, self._others = self._others, {}
        for number, pid in others.items():
            self.watch(number, pid)

    def handle(self, descriptor: int) -> bool:
        """Return whether the descriptor is one of ours: its guard has ended."""
        number = self._watched.pop(descriptor, None)
        if number is None:
            return False
        os.close(descriptor)
        self._has_ended(number)
        return True
