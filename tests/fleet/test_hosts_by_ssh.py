"""`--host` with the real ssh and sshd: hosts on loopback addresses, each with a box of its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box, Product
from kit.other_hosts import OtherHosts, other_hosts
from process_control import __version__

HOSTS = [f"web{number}" for number in range(1, 6)]
#: As a shell's start file that greets, and one that says good-bye.
NOISY = 'SetEnv {own}\n  ForceCommand echo Welcome; sh -c "$SSH_ORIGINAL_COMMAND"; code=$?; echo bye; exit $code'


@pytest.fixture(scope="module")
def hosts(product: Product) -> Iterator[OtherHosts]:
    """Five hosts, asked for what may take 30 s: this one may be busy.

    web2 prints when somebody logs in, web3 lacks the package, web4 lets nobody run it."""
    root = Path(tempfile.mkdtemp(prefix="pc-hosts-", dir="/tmp"))
    boxes = {name: Box.configured(product) for name in HOSTS}
    try:
        for name, box in boxes.items():
            box.job("good", 'command: "true"\nschedule: "* * * * *"')
            box.job(f"of-{name}", "command: sh -c 'echo oops; exit 3'\nschedule: '7 3 * * *'")
        boxes["web1"].run("of-web1")
        own = f"PATH={product.prefix}/bin:/usr/bin:/bin PROCESS_CONTROL_CONFIG={boxes['web2'].configuration}"
        matches = {
            "web2": NOISY.format(own=own),
            "web3": "SetEnv PATH=/usr/bin:/bin",
            "web4": f"SetEnv PATH={product.prefix}/bin:/usr/bin:/bin PROCESS_CONTROL_CONFIG=/nowhere.yaml",
        }
        with other_hosts(root, boxes, matches=matches) as found:
            yield found
    finally:
        for box in boxes.values():
            box.close()
        shutil.rmtree(root)


def test_hosts_answer_one_command(box: Box, hosts: OtherHosts) -> None:
    box.configure(fleet={"hosts": {"all": HOSTS}})

    done = box.process_control("history", "--host", "@all", "--json", env=hosts.environment)

    errors = {host["host"]: (host["error"] or {}).get("what") for host in done.json()["hosts"]}
    assert errors == {
        **dict.fromkeys(HOSTS),
        "web3": "process-control is not there",
        "web4": "/nowhere.yaml: no such configuration file",
    }
    assert done.exit_code == 1
    versions = {host["version"] for host in done.json()["hosts"] if host["host"] != "web3"}
    assert versions == {__version__}
    assert [(run["host"], run["job"]) for run in done.json()["runs"]] == [("web1", "of-web1")]


def test_a_log_comes_from_the_host_that_is_named(box: Box, hosts: OtherHosts) -> None:
    logs = box.process_control("logs", "web1/of-web1", env=hosts.environment)
    assert (logs.stdout, logs.exit_code) == ("web1\toops\n", 0)


def test_ssh_that_cannot_or_may_not_is_a_row_with_a_hint(box: Box, hosts: OtherHosts) -> None:
    done = box.process_control("history", "--host", "nokey,unknown,closed,no.such.host.invalid", env=hosts.environment)

    assert done.exit_code == 1
    rows = {line.split("\t")[0]: line.split("\t")[-1].partition(";")[0] for line in done.stdout.splitlines()[1:]}
    assert rows == {
        "nokey": "it refuses the key",
        "unknown": "its host key is not known",
        "closed": "nothing listens for ssh there",
        "no.such.host.invalid": "its name is not known",
    }


def test_the_connection_is_kept_for_the_next_command(box: Box, hosts: OtherHosts) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        env = {**hosts.environment, "XDG_RUNTIME_DIR": runtime}
        first = box.process_control("history", "--host", "web5", env=env)
        (socket,) = (Path(runtime) / "process-control-ssh").iterdir()

        def control(order: str) -> int:
            command = ["ssh", "-O", order, "-o", f"ControlPath={socket}", "web5"]
            return subprocess.run(command, capture_output=True, check=False).returncode

        was_kept = control("check")
        second = box.process_control("history", "--host", "web5", env=env)
        control("exit")

    assert (first.exit_code, second.exit_code, was_kept) == (0, 0, 0)
    assert first.stdout.splitlines()[0] == second.stdout.splitlines()[0]
