"""`run-job` with other times than the product's: with longer ones no stall of the host decides what a test sees."""

from kit.harness import Box

DRIVER = """\
import sys
sys.path.insert(0, sys.argv.pop(1))
sys.dont_write_bytecode = True
from {package} import {module}
{changes}
from process_control.cli.run_job.main import main
main()
"""


def run_job_with(box: Box, module: str, **seconds: float) -> list[str]:
    """Return the words of a `run-job` in which these constants of a module of the product are what is given."""
    package, _, name = module.rpartition(".")
    changes = "\n".join(f"{name}.{one}  # is there\n{name}.{one} = {value}" for one, value in seconds.items())
    driver = box.root / "driver.py"
    driver.write_text(DRIVER.format(package=package, module=name, changes=changes))
    return [*box.product.python, "-I", str(driver), str(box.product.site_packages)]


def waiting_for_readers(box: Box, *, at_the_end: bool = False) -> list[str]:
    """Return the words of a `run-job` that waits long for a reader of shown output, or only `at_the_end` of the run."""
    seconds = {"_NO_PROGRESS_SECONDS": 120.0, "_LAST_WORDS_SECONDS": 120.0}
    if not at_the_end:
        seconds["_WAITS_IN_ALL_SECONDS"] = 120.0
    return run_job_with(box, "process_control.run.outlet", **seconds)
