"""What a crontab line calls: `python3 -I -S …/cli/stub.py --scheduled SLUG`, past the slow console script.

Lean room. `-S` finds no site-packages, so this file puts the folder of its own package last on the path.
"""

import _signal
import sys

if _signal.getsignal(_signal.SIGINT) == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C while we import is an end, not a traceback

sys.path.append(__file__.rpartition("/process_control/")[0])

from process_control.cli.run_job import main

main()
