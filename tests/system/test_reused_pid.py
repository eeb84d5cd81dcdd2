"""A signal for the runner reaches that very process: never another one that has got its number since."""

import pytest

from kit import mount_namespaces
from kit.harness import Box

SCRIPT = """
import os, select, signal, sys
sys.path.insert(0, sys.argv[1])
from process_control.execution.guard_watch import Watch

runner = os.fork()
if runner == 0:
    os._exit(0)
handle = os.pidfd_open(runner)
os.waitpid(runner, 0)
watch = Watch(runner, handle, os.pipe()[0], start_seconds=60.0)
with open("/proc/sys/kernel/ns_last_pid", "w") as file:
    file.write(str(runner - 1))
other = os.fork()
if other == 0:
    signal.pause()
its_end = select.poll()
its_end.register(os.pidfd_open(other), select.POLLIN)
watch._hand_on(signal.SIGKILL, None)
print(other == runner, its_end.poll(500) == [])
os.kill(other, signal.SIGKILL)
ended = os.waitpid(other, 0)
"""


@pytest.mark.needs_root
def test_a_process_with_the_number_of_a_runner_that_has_ended_gets_none_of_its_signals(box: Box) -> None:
    mount_namespaces.needed()
    in_a_namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

    result = box.command([*in_a_namespace, *box.product.python, "-I", "-c", SCRIPT, str(box.product.site_packages)])

    assert (result.exit_code, result.stdout, result.stderr) == (0, "True True\n", "")
