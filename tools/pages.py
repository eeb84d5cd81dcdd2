"""Write what follows from the commands: man pages and shell completion, below share/, pages of `--json`,
of the API, fates and metrics; and the description of the API, which the page serves.

`python -m tools.pages` rewrites them in the source tree; a test compares.
"""

import sys
from pathlib import Path

from process_control.cli.command import Command
from process_control.cli.main import process_control
from process_control.cli.run_job.flags import RUN_JOB
from process_control.cli.verbs.check import check_jobs_icinga
from process_control.cli.verbs.cron_generate import cron_generate
from tools.api_page import api_page
from tools.command_of_click import command_of
from tools.completion import bash, fish, zsh
from tools.fates_page import fates_page
from tools.json_page import json_page
from tools.man_pages import man_pages
from tools.metrics_page import metrics_page
from tools.openapi import description_text

SHARE = Path(__file__).parents[1] / "share"
OPENAPI = SHARE.parent / "src" / "process_control" / "web" / "api" / "openapi.json"
JSON_PAGE = SHARE.parent / "docs" / "reference" / "json.md"

#: Commands besides run-job and process-control.
OTHERS = (("cron-generate", cron_generate), ("check-jobs-icinga", check_jobs_icinga))


def outputs() -> dict[Path, str]:
    """Return every generated file and its text."""
    big, others = command_of(process_control, "process-control"), other_commands()
    pages = man_pages(big, others)
    found = {SHARE / "man" / f"man{name[-1]}" / name: text for name, text in pages.items()}
    commands = (RUN_JOB, big, *others)
    for command in commands:
        found[SHARE / "bash-completion" / "completions" / command.name] = bash.script(command)
        found[SHARE / "fish" / "vendor_completions.d" / f"{command.name}.fish"] = fish.script(command)
    found[SHARE / "zsh" / "site-functions" / "_process-control"] = zsh.script(commands)
    found[JSON_PAGE] = json_page()
    found[JSON_PAGE.with_name("api.md")] = api_page()
    found[OPENAPI] = description_text()
    found[JSON_PAGE.with_name("fates.md")] = fates_page()
    found[JSON_PAGE.with_name("metrics.md")] = metrics_page()
    return found


def other_commands() -> tuple[Command, ...]:
    return tuple(command_of(command, name) for name, command in OTHERS)


def main() -> int:
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
