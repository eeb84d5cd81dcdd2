"""`help PAGE`: the documentation is installed with the package, and a terminal is enough to read it."""

import json

from kit.harness import PROJECT, Box


def test_a_page_is_shown_by_its_name(box: Box) -> None:
    shown = box.process_control("help", "at-3-am")

    assert shown.exit_code == 0
    assert shown.stdout == (PROJECT / "docs" / "how-to" / "at-3-am.md").read_text()


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
