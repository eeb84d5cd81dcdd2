"""The page about the API is followed: its commands run beside a page that is served, and print what is shown."""

import os
import re
import shutil
import subprocess

import pytest

from kit.harness import PROJECT, Box
from kit.pages import served

PAGE = PROJECT / "docs" / "how-to" / "use-the-api.md"
SCRIPT = re.compile(r"test_use_the_api\.py[^\n]*-->\n```sh\n(.*?)^```\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed: apt-get install jq")
def test_its_commands_print_what_is_shown(web_box: Box) -> None:
    box = web_box
    box.job("backup", "command: sh -c 'echo disk full >&2; exit 3'")
    box.job("report", "command: 'true'")
    box.run("backup")
    box.run("report")
    token = box.process_control("web", "token", "create", "ci", "--role", "operator").stdout.strip()
    blocks = SCRIPT.findall(PAGE.read_text())
    assert len(blocks) == 6

    with served(box) as site:
        for script, shown in blocks:
            environment = {"PATH": os.environ["PATH"], "TOKEN": token, "PAGE": f"{site.address}/api/v1"}
            done = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr + script
            printed = done.stdout.replace(f"@{os.uname().nodename}", "@db1")
            pattern = re.escape(shown).replace(re.escape("...\n"), r"(?s:.*)")
            assert re.fullmatch(pattern, printed), printed
    box.wait_until_all_ended()
