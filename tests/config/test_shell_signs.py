"""What only a shell understands in a command: which words `lint` names, and which it leaves alone."""

import pytest

from process_control.config.command_words import split
from process_control.config.shell_signs import shell_signs, warnings
from process_control.config.yaml.document import parse

NAMED = {
    "a pipe": ("echo x | wc -l", ["|"]),
    "a crontab's line": ("echo x | wc -l > out && echo $HOME *.txt", ["|", ">", "&&", "$HOME", "*.txt"]),
    "or": ("true || alert", ["||"]),
    "a semicolon": ("true; alert", ["true;"]),
    "in the background": ("server &", ["&"]),
    "a redirection": ("echo 3 >/flag", [">/flag"]),
    "of stderr": ("a >> b 2>&1", [">>", "2>&1"]),
    "away": ("a </dev/null 2>/dev/null &>x", ["</dev/null", "2>/dev/null", "&>x"]),
    "a here document": ("cat <<X", ["<<X"]),
    "a command inside": ("tar czf /b/www-$(hostname).tar.gz t", ["$(…"]),
    "a command in double quotes": ('tar czf "/b/$(date +%F).tgz" t', ["$(…"]),
    "a command in back quotes": ("echo `date`", ["`…"]),
    "a variable in braces": ("echo ${A}", ["${…"]),
    "a variable in double quotes": ('echo "$A"', ["$A"]),
    "the home": ("ls ~/x", ["~/"]),
    "somebody's home": ("ls ~ann/x", ["~ann/"]),
    "a star": ("rm -f /t/sess_*", ["/t/sess_*"]),
    "a question mark": ("rm /t/a?", ["/t/a?"]),
    "a comment": ("/bin/echo one   # say one", ["#"]),
    "cd": ("cd /srv && ./x", ["cd", "&&"]),
    "a variable of its own": ("A=b /bin/x", ["A="]),
    "a loop": ("for i in a b", ["for"]),
    "a subshell": ("(cd /x && y)", ["(cd", "&&"]),
    "behind a shell": ("sh -c 'a | b' | tee x", ["|"]),
}


@pytest.mark.parametrize(("command", "signs"), NAMED.values(), ids=NAMED.keys())
def test_what_only_a_shell_understands_is_named(command: str, signs: list[str]) -> None:
    assert list(dict.fromkeys(sign for _, sign in shell_signs(split(command)))) == signs


LEFT_ALONE = {
    "plain words": "/usr/bin/rsync -a --delete /a/ host:/b/",
    "a script of a shell": "sh -c 'cd /x && for i in *; do echo $i > ~/a; done'",
    "a script of a shell in double quotes": 'bash -lc "echo $HOME | wc"',
    "behind a wrapper": "env A=b timeout 5 /bin/bash -ec 'a | b'",
    "of another account": 'su ann -c "cd $HOME"',
    "single quotes": "awk '{print $1 > \"/tmp/x\"}' '*.txt' '|'",
    "backslashes": r"find /x -name \*.log -exec rm {} \;",
    "a bare end of find": "find /x -name '*.log' -exec rm {} ;",
    "a URL": "curl https://example.org/cron.php?key=a&job=1",
    "a regex": "grep -E a|b$ /x",
    "a bound": "mail --size=a>b",
    "another host's home": "rsync -a x host:~/y",
    "another host's variables": "ssh host echo $HOME ~/x",
    "a hash inside": "git checkout a#1",
    "a script of a program": "python3 -c 'import os; print(os.environ[\"A\"])'",
    "SQL in double quotes": 'psql -c "select $1 * 2"',
    "test": "[ -e /x ]",
}


@pytest.mark.parametrize("command", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_what_a_program_may_well_be_given_is_left_alone(command: str) -> None:
    assert list(shell_signs(split(command))) == []


def told(text: str) -> list[str]:
    return [str(fault) for fault in warnings(parse(text.encode(), "j.yaml"))]


WARNINGS = {
    "one": (
        "command: rm -f /t/sess_*",
        (
            "j.yaml:1:16: '/t/sess_*' means something only in a shell\n"
            "  hint: no shell runs: write command: sh -c 'rm -f /t/sess_*'"
        ),
    ),
    "an item of a list": (
        "command:\n  - /bin/true\n  - 'a | b'\n",
        "j.yaml:3:8: '|' means something only in a shell\n  hint: no shell runs: write - sh -c 'a | b'",
    ),
    "several": (
        "slow_start_command: a | b > c",
        (
            "j.yaml:1:23: '|', '>' mean something only in a shell\n"
            "  hint: no shell runs: write slow_start_command: sh -c 'a | b > c'"
        ),
    ),
    "what YAML would misread": (
        "command: 'echo a: b # c'",
        (
            "j.yaml:1:21: '#' means something only in a shell\n"
            "  hint: no shell runs: write command: \"sh -c 'echo a: b # c'\""
        ),
    ),
    "quotes": (
        "command: echo 'it' | wc",
        (
            "j.yaml:1:20: '|' means something only in a shell\n"
            "  hint: no shell runs: write command: sh -c 'echo '\"'\"'it'\"'\"' | wc'"
        ),
    ),
    "on the second line": (
        "command: |\n  echo a \\\n    b | wc\n",
        "j.yaml:3:7: '|' means something only in a shell\n  hint: no shell runs: write command: sh -c '…'",
    ),
    "in a condition": (
        "only_if: test -e $HOME/ready\n",
        (
            "j.yaml:1:18: '$HOME' means something only in a shell\n"
            "  hint: no shell runs: write only_if: sh -c 'test -e $HOME/ready'"
        ),
    ),
    "in the map of a condition": (
        "only_if: {command: 'ls | wc', timeout: 1m}\n",
        ("j.yaml:1:24: '|' means something only in a shell\n  hint: no shell runs: write command: sh -c 'ls | wc'"),
    ),
    "many": (
        "command: a | b > c && d; e $F ~/g *",
        (
            "j.yaml:1:12: '|', '>', '&&', 'd;', '$F' and 2 more mean something only in a shell\n"
            "  hint: no shell runs: write command: sh -c 'a | b > c && d; e $F ~/g *'"
        ),
    ),
}


@pytest.mark.parametrize(("text", "warning"), WARNINGS.values(), ids=WARNINGS.keys())
def test_the_warning_has_the_place_and_a_text_to_paste(text: str, warning: str) -> None:
    assert told(text) == [warning]


@pytest.mark.parametrize("text", [text for text, _ in WARNINGS.values()], ids=WARNINGS.keys())
def test_the_text_to_paste_warns_of_nothing(text: str) -> None:
    [warning] = told(text)
    _, _, paste = warning.partition("write ")

    assert told(paste if paste.startswith(("command", "slow", "only_if")) else f"command:\n  {paste}") == []


def test_a_command_that_cannot_be_split_is_told_by_the_reader_alone() -> None:
    assert told("command: echo 'a | b") == []
    assert told("command: |\n  a | b\n  c\n") == []
