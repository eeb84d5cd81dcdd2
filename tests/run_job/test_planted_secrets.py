"""Twenty secrets of every shape, printed and passed on by a job that fails: nowhere but in its raw log."""

import json
import re
from html import unescape

import pytest

from kit.harness import Box, Storm, command_line, pids
from kit.mail_server import mail_server, mail_to, wait_until_told
from kit.runs import script, the_end
from kit.syslog_listener import Listener

SECRETS = {
    "PLAIN": "correct-horse-battery-staple",
    "BLANKS": "two words and more",
    "QUOTES": 'it\'s "quoted" here',
    "MARKUP": "<b>&amp;secret&lt;</b>",
    "JSON": '{"token":"abcdefgh"}',
    "BACKSLASH": r"back\slash\nsecret",
    "DOLLAR": "$HOME/$(secret)`x`",
    "PERCENT": "100%25%secret%d",
    "REGEX": "(secret|[a-z]+)*$",
    "UMLAUT": "gehört-nicht-dir",
    "WIDE": "秘密の合言葉です",
    "EMOJI": "🔑🔑🔑🔑secret",
    "URL": "postgres://shop:s3cr3t@db2/shop",
    "BASE64": "c2VjcmV0IHNlY3JldCBzZWNyZXQ=",
    "LONG": "long-secret-" * 40,
    "NUMBER": "12345678901234567890",
    "SEMICOLON": "a;b|c&d>e<f;secret",
    "HASH": "#not-a-comment-secret",
    "EQUALS": "key=value=secret==",
    "STARS": "***secret***",
}
ABOUT_ONE = ("history", "status", "logs", "show")
VIEWS = [
    *([verb, "job", *flags] for verb in ABOUT_ONE for flags in ([], ["--json"])),
    *(["logs", "job", "--times"], ["audit"], ["audit", "--json"], ["list"], ["list", "--json"]),
    *(["lint"], ["check"], ["learn", "job"]),
]


def hits(text: str) -> list[str]:
    """Return the names of the secrets that stand in the text: as they are, or as JSON or HTML would write them."""
    forms = [text, unescape(text), text.replace("\\\\", "\\").replace('\\"', '"'), re.sub(r"\s+", " ", text)]
    decoded = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text)
    forms.append(decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return [name for name, secret in SECRETS.items() if any(secret in form for form in forms)]


@pytest.mark.fault("Secrets planted in environment files", small=len(SECRETS), full=len(SECRETS), wanted="no hit")
def test_no_secret_is_shown_mailed_or_recorded(box: Box, storm: Storm) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    secrets.chmod(0o600)
    started, release = box.fifo("started"), box.fifo("release")
    names = " ".join(SECRETS)
    text = f"for name in {names}; do printenv $name; printenv $name >&2; done\n"
    job = script(box, "job.sh", f"{text}echo up > {started}; read line < {release}; exit 3")
    box.job("job", f"command: {job}\nenvironment_file: {secrets}\nverdicts: [{{stderr: secret, verdict: fail}}]")
    with mail_server() as server, Listener(box.root / "syslog") as syslog:
        mail_to(box, server)
        box.configure(syslog={"address": str(box.root / "syslog")})
        with box.start("job") as live:
            started.read_line()
            ours = [pid for pid in pids() if "run-job" in command_line(pid) or "process_control" in command_line(pid)]
            command_lines = "\n".join(command_line(pid) for pid in ours)
            release.write_line()
            result = live.wait()
        wait_until_told(box)
        (mail,) = server.mails
        invocations = "\n".join(str(line) for line in syslog.lines())

    assert result.exit_code == 3
    printed = box.log_bytes("job").decode()
    assert sorted(hits(printed)) == sorted(SECRETS)  # the job itself decides what is in its log
    shown = {" ".join(words): str(box.process_control(*words)) for words in VIEWS}
    kept = [path for path in box.state_directory.rglob("*") if path.is_file()]
    places = {
        **shown,
        "the report": result.stdout + result.stderr,
        "the mail": mail.message.as_string() + mail.text + (mail.html or ""),
        "syslog": invocations,
        "process list": command_lines,
        "state": "\n".join(path.read_bytes().decode("utf-8", "replace") for path in kept),
        "the end": json.dumps(the_end(box), ensure_ascii=False),
    }
    found = {place: hits(text) for place, text in places.items() if hits(text)}
    assert found == {}
    storm.found(f"{len(SECRETS)} secrets, {len(places)} places, no hit")
