"""contrib/container: what the Containerfile says, done line by line in a clean Debian, and its command as process 1."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.deb import package_of
from kit.debian_tree import DebianTree, needed
from kit.events import until
from kit.installation import PROJECT, Product

CONTEXT = PROJECT / "contrib" / "container"
#: The tree knows the packages that it has, and the test has no network.
APT_GET = '#!/bin/sh\n[ "$1" = update ] || exec /usr/bin/apt-get "$@"\n'


def instructions() -> list[tuple[str, str]]:
    """Return word and argument of each instruction."""
    lines = (CONTEXT / "Containerfile").read_text().replace("\\\n", "").splitlines()
    parted = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return [(word, argument.strip()) for word, _, argument in parted]


@pytest.fixture
def container(product: Product, tmp_path: Path) -> Iterator[tuple[DebianTree, list[str]]]:
    """The image, and the words that start it."""
    needed()
    package = package_of(product)
    with DebianTree.below(tmp_path) as tree:
        shutil.copytree(CONTEXT, tree.given, dirs_exist_ok=True)
        shutil.copy(package, tree.given)
        wrapper = tree.path("/usr/local/bin/apt-get")
        wrapper.write_text(APT_GET)
        wrapper.chmod(0o755)
        yield tree, build(tree)


def build(tree: DebianTree) -> list[str]:
    start: list[str] = []
    for word, argument in instructions():
        match word:
            case "COPY":
                source, target = argument.split()
                source += "." if source.endswith("/") else ""
                tree.must(f"cd /given && cp -r {source} {target}")
            case "RUN":
                tree.must(argument)
            case "USER":
                start = ["setpriv", f"--reuid={argument}", f"--regid={argument}", "--init-groups", *start]
            case "ENTRYPOINT" | "CMD":
                start += json.loads(argument)
            case _:
                assert word in ("FROM", "VOLUME")
    return start


def test_the_containerfile_begins_with_the_debian_that_this_test_has() -> None:
    assert instructions()[0] == ("FROM", "debian:12-slim")


@pytest.mark.long
@pytest.mark.needs_root
def test_the_scheduler_is_process_1_starts_a_job_at_its_minute_and_ends_at_term(
    container: tuple[DebianTree, list[str]],
) -> None:
    tree, words = container
    start = " ".join(words)

    with tree.start(f"exec unshare --pid --fork --mount-proc {start} > /tmp/said 2>&1") as scheduler:

        def runs() -> list[dict[str, str]]:
            done = tree.run("setpriv --reuid=jobs --regid=jobs --init-groups process-control history --json hello")
            return [run for run in json.loads(done.stdout or '{"runs": []}')["runs"] if run["outcome"] != "running"]

        until(lambda: runs() or scheduler.poll() is not None, "a planned time", seconds=150)
        (run,) = runs()
        assert (run["outcome"], run["trigger"]) == ("succeeded", "scheduler"), tree.must("cat /tmp/said")
        tree.must("kill -TERM $(cat /proc/[0-9]*/status | awk '/^NSpid:.*\\t1$/ && NF == 3 {print $2}')")
        scheduler.wait(60)

    assert scheduler.returncode == 0
    assert tree.must("find /var/lib/process-control-state /var/log/process-control ! -user jobs") == ""
