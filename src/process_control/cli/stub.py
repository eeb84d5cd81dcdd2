"""What crontabs of earlier versions call, until `cron-generate` has written them again.

Lean module: it is `entry/stub.py` from here on. TODO when 1.0 is out: remove it.
"""

__file__ = __file__.rpartition("/cli/")[0] + "/entry/stub.py"
with open(__file__, "rb") as file:
    exec(compile(file.read(), __file__, "exec"))
