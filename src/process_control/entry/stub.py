"""What a crontab line calls: `python3 -I -S …/entry/stub.py --scheduled SLUG`; the command `run-job` comes here too.

Lean module, and small: the interpreter compiles this file at each start of cron's. `-S` finds no site-packages, so the
folder of our own package comes last on the path. The lean rooms come out of one file, see `bundle.py`; without it they
are imported one by one.
"""

import _signal
import gc
import marshal
import posix
import sys
from binascii import crc32

gc.disable()  # until the job has lived for a moment: what is made by then is needed to the end
if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C while we import is an end, not a traceback

PACKAGE = __file__.rpartition("/entry/")[0]
if __name__ == "__main__":
    sys.path.append(PACKAGE.rpartition("/")[0])
try:
    descriptor = posix.open(f"{PACKAGE}/__pycache__/lean.{sys.hexversion:x}.bundle", posix.O_RDONLY | posix.O_CLOEXEC)
    size, checksum = posix.read(descriptor, 16).split()
    data = posix.read(descriptor, int(size))
    if crc32(data) != int(checksum, 16):
        raise ValueError
    head = marshal.loads(data)
    bundle = type(sys)("process_control.entry.bundle")
    exec(head[0], bundle.__dict__)
    bundle.load(bundle, PACKAGE, descriptor, head)
except Exception:  # noqa: BLE001  not written yet, or half of it: nothing depends on it
    pass

from process_control.cli.run_job.main import main  # noqa: E402

if __name__ == "__main__":
    main()
