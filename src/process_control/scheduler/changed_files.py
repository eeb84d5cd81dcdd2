"""Whether job files, configuration, or zone and name of the host have changed since they were read."""

import time

from process_control.actions.watch import stamp_of_files, stamp_without_files
from process_control.config.settings import Settings
from process_control.system.inotify import DirectoryWatch

#: A look at thousands of files costs milliseconds: when the kernel has seen no change, it is taken that often only.
FULL_LOOK_SECONDS = 60.0


class ChangedFiles:
    """What the files were like when they were read last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = DirectoryWatch()
        self._stamp = self._small_stamp = ""
        self._looked = 0.0

    def before_reading(self) -> tuple[str, str]:
        """Return what to pass to `were_read`. Call it before the files are read: what changes meanwhile counts."""
        self._directory.watch(self._settings.job_directory)
        return stamp_without_files(self._settings), stamp_of_files(self._settings)

    def were_read(self, stamps: tuple[str, str]) -> None:
        self._small_stamp, self._stamp = stamps
        self._looked = time.monotonic()

    def have_changed(self) -> bool:
        is_due = time.monotonic() - self._looked >= FULL_LOOK_SECONDS
        has_event = self._directory.has_changed()
        if not is_due and not has_event and stamp_without_files(self._settings) == self._small_stamp:
            return False
        if stamp_of_files(self._settings) != self._stamp:
            return True
        self._looked = time.monotonic()
        return False
