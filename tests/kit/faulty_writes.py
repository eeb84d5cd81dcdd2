"""A program of ours whose N-th write to the disk fails, or is the last before kill -9.

    path = faulty(box, "from process_control.cli.run_job.main import main")
    box.drive(path, …, env={"FAULT": "fail 3"})

FAULT is `fail N`, `kill-before N` or `kill-after N`. A child counts on from where its parent was.
"""

from pathlib import Path

from kit.harness import Box

DRIVER = """\
import os, posix, stat, sys

what, wanted = os.environ.pop("FAULT").split(" ")
seen = 0

def on_the_disk(name, arguments):
    if name in ("write", "pwrite", "fdatasync", "fsync"):
        return stat.S_ISREG(posix.fstat(arguments[0]).st_mode) or name.startswith("f")
    return name != "open" or bool(arguments[1] & posix.O_CREAT)

def guarded(name, real):
    def call(*arguments, **others):
        global seen
        if not on_the_disk(name, arguments):
            return real(*arguments, **others)
        seen += 1
        if seen == int(wanted):
            if what == "fail":
                raise OSError(28, "No space left on device", str(arguments[0]))
            try:
                if what == "kill-after":
                    real(*arguments, **others)
            finally:
                posix.kill(posix.getpid(), 9)
        return real(*arguments, **others)
    return call

for name in ("write", "pwrite", "fdatasync", "fsync", "rename", "mkdir", "open", "unlink"):
    setattr(posix, name, guarded(name, getattr(posix, name)))
    setattr(os, name, getattr(posix, name))
sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
"""


def faulty(box: Box, import_of_main: str) -> Path:
    """Write the program; `import_of_main` is the statement that imports `main`."""
    path = box.root / "driver.py"
    path.write_text(f"{DRIVER}{import_of_main}\nmain()\n")
    return path
