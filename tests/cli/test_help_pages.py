"""`help PAGE`: the documentation is installed with the package, and a terminal is enough to read it."""

import json
import re

import pytest

from kit.harness import PROJECT, Box


def without_comments(text: str) -> str:
    return re.sub(r"<!-- .* -->\n", "", text)


def test_a_page_is_shown_by_its_name(box: Box) -> None:
    shown = box.process_control("help", "at-3-am")

    assert shown.exit_code == 0
    assert shown.stdout == without_comments((PROJECT / "docs" / "how-to" / "at-3-am.md").read_text())


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("how-to/from-crontab", "from-crontab"),
        ("how-to/from-crontab.md", "from-crontab"),
        ("../how-to/at-3-am.md", "at-3-am"),
        ("docs/tutorial.md", "tutorial"),
        ("docs/how-to/logs.md", "how-to/logs"),
        ("logs.md", "how-to/logs"),
    ],
)
def test_a_page_is_found_by_its_path_as_links_write_it(box: Box, name: str, page: str) -> None:
    shown = box.process_control("help", name)

    assert (shown.exit_code, shown.stdout) == (0, box.process_control("help", page).stdout)


def test_what_only_tests_need_is_left_out(box: Box) -> None:
    shown = box.process_control("help", "tutorial").stdout

    assert "```yaml\n" in shown
    assert ("<!--" in shown, "```yaml wrong" in shown) == (False, False)


@pytest.mark.parametrize("page", ["backup-and-move", "configuration", "fates", "states"])
def test_no_table_of_a_page_is_cut_on_a_terminal(box: Box, page: str) -> None:
    shown = box.process_control("help", page, tty=True, columns=80).stdout

    assert shown.count("…") == box.process_control("help", page).stdout.count("…")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["secrets", "now"],
            "'secrets' is a page, and nothing can follow it: now\n  hint: process-control help --help\n",
        ),
        (["--pages", "secrets"], "--pages takes no words: secrets\n  hint: process-control help --help\n"),
        (["run-job"], "'run-job' is another command\n  hint: see: run-job --help\n"),
        (["cron-generate"], "'cron-generate' is another command\n  hint: see: cron-generate --help\n"),
    ],
)
def test_words_that_mean_no_page_are_a_usage_error(box: Box, words: list[str], said: str) -> None:
    shown = box.process_control("help", *words)

    assert (shown.exit_code, shown.stderr) == (2, f"process-control help: {said}")


def test_a_page_on_a_terminal_is_set_for_it(box: Box) -> None:
    shown = box.process_control("help", "secrets", tty=True, columns=80)

    assert shown.exit_code == 0
    assert "```" not in shown.stdout
    assert "\x1b[" in shown.stdout


def test_every_page_that_is_listed_is_shown(box: Box) -> None:
    listed = json.loads(box.process_control("help", "--pages", "--json").stdout)["pages"]

    names = [each["page"] for each in listed]
    assert {"tutorial", "at-3-am", "how-to/logs", "secrets", "states", "from-other-tools"} <= {*names}
    assert len(names) == len({*names})
    assert [each for each in listed if not each["title"] or "<" in each["title"]] == []
    assert [
        name for name in ("how-to/logs", "screens") if not box.process_control("help", name).stdout.startswith("# ")
    ] == []


def test_the_list_in_a_pipe_has_tabs(box: Box) -> None:
    lines = box.process_control("help", "--pages").stdout.splitlines()

    assert "secrets\tSecrets" in lines


def test_a_verb_comes_before_a_page(box: Box) -> None:
    shown = box.process_control("help", "logs").stdout

    assert shown.startswith("Usage: process-control logs")


def test_an_unknown_word_gets_the_nearest_page_or_verb(box: Box) -> None:
    near, far = box.process_control("help", "secretz"), box.process_control("help", "qqq")

    assert (near.exit_code, far.exit_code) == (2, 2)
    assert near.stderr == "process-control help: no verb and no page 'secretz'\n  hint: did you mean 'secrets'?\n"
    assert far.stderr.endswith("\n  hint: see: process-control help --pages\n")
