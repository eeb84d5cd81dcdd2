"""Memory and processes of a whole job, held by control groups (cgroup v2) of a real kernel, the test's own."""

from typing import Any

import pytest

from kit.harness import Box
from kit.other_kernel import run_there
from kit.runs import ends, script, starts

pytestmark = pytest.mark.needs_root

HUNGRY = "dd if=/dev/zero of=/dev/null bs=200M count=1"
"""Has its memory with fewer calls of the kernel than an interpreter: each one is slow there."""
FORKS = "import os, signal; [os.fork() or signal.pause() for _ in range(50)]"


def jobs_there(box: Box) -> dict[str, dict[str, Any]]:
    """Run the jobs of this file in the other kernel; return the last end of each."""
    child = script(box, "child.sh", f"{HUNGRY} & wait; echo the parent goes on; sleep 1000")
    box.job("hungry", f"command: {HUNGRY}\nlimits: {{memory: 20 MB, required: true}}")
    box.job("tree", f"command: {child}\nlimits: {{memory: 20 MB, required: true}}")
    box.job("modest", "command: echo small\nlimits: {memory: 20 MB, processes: 20, required: true}")
    box.job("forks", f"command: python3 -I -S -c '{FORKS}'\nlimits: {{processes: 5, required: true}}\nstderr: ignore")
    box.job(
        "again",
        f"command: {HUNGRY}\nlimits: {{memory: 20 MB, required: true}}\nretry: {{attempts: 2, delay: 0.1s}}",
    )
    slugs = ("hungry", "tree", "modest", "forks", "again")
    run_there(box, [f"run-job {slug} > {box.root}/{slug}.out 2>&1; echo $? > {box.root}/{slug}.code" for slug in slugs])
    return {slug: ends(box, slug)[-1] for slug in slugs}


@pytest.mark.long
def test_the_kernel_holds_memory_and_processes_and_the_reason_says_so(box: Box) -> None:
    told = jobs_there(box)

    codes = {slug: int((box.root / f"{slug}.code").read_text()) for slug in told}
    assert {slug: (end["outcome"], end["reason"]) for slug, end in told.items()} == {
        "hungry": ("failed", "oom"),
        "tree": ("failed", "oom"),  # all of it is ended, not the child alone
        "modest": ("succeeded", None),
        "forks": ("failed", "exit_code"),
        "again": ("failed", "oom"),
    }
    assert told["hungry"]["detail"] == "used more memory than limits.memory, so the kernel killed it"
    assert (codes["hungry"], codes["modest"]) == (137, 0)
    assert told["hungry"]["memory_bytes"] <= 20_000_000
    assert {(end["cpu_of"], end["memory_of"]) for end in told.values()} == {("tree", "tree")}
    assert told["again"]["memory_bytes"] > 16_000_000  # of the hungriest attempt, up to where the kernel ended it
    assert "Resource temporarily unavailable" in box.log_bytes("forks").decode()
    assert "the parent goes on" not in box.log_bytes("tree").decode()
    assert [attempt["reason"] for attempt in told["again"]["attempts"]] == ["oom", "oom"]
    assert starts(box, "modest")[0]["limits"] == {"memory": 20_000_000, "processes": 20}
