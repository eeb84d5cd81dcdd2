"""What each line of a crontab becomes: every line is accounted for, and the job does what cron did with the line."""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.harness import PROJECT
from process_control.config.job_file import read_job
from process_control.core.job import Job
from process_control.crontab.cron_command import read_command
from process_control.crontab.job_of_entry import Draft, Source, draft_of, origin_of
from process_control.crontab.name_of_command import free_slug, is_numbered, slug_of
from process_control.crontab.read import Kind, Line, read_lines
from process_control.crontab.rules import read_variable
from process_control.errors import BadConfiguration, Fault

CRONTABS = sorted(path for path in (PROJECT / "tests" / "data" / "crontabs").iterdir() if path.name != "README.md")


def drafts(text: str, *, has_users: bool = False, user: str = "root") -> list[Draft | Fault]:
    source = Source(name="crontab", owner=None)
    lines = [line for line in read_lines(text, has_users=has_users) if line.kind is Kind.ENTRY]
    return [draft_of(line, source, user=user, host="host") for line in lines]


def job_of(text: str, *, has_users: bool = False) -> Job:
    [draft] = drafts(text, has_users=has_users)
    assert isinstance(draft, Draft), draft
    return read_job(draft.text.encode(), slug=draft.slug, path="/x.yaml", default_values={}, log_bytes=1)


def fault_of(text: str, *, has_users: bool = False) -> tuple[str, str]:
    [fault] = drafts(text, has_users=has_users)
    assert isinstance(fault, Fault), fault
    return fault.what, fault.hint


SAID = {
    "plain words": ("1 2 * * * /bin/a b 'c d'", [["/bin/a", "b", "c d"]]),
    "blanks before and behind": (" \t1\t2 * * *   /bin/a   b \t ", [["/bin/a", "b"]]),
    "double quotes": ('@daily /bin/a "b c"', [["/bin/a", "b c"]]),
    "a pipe": ("* * * * * a | b", [["sh", "-c", "a | b"]]),
    "both quotes": ("* * * * * a \"$x\" 'y'", [["sh", "-c", "a \"$x\" 'y'"]]),
    "single quotes alone": ("* * * * * cd /x; a 'y'", [["sh", "-c", "cd /x; a 'y'"]]),
    "a tilde": ("* * * * * ~/a", [["sh", "-c", "~/a"]]),
    "an equals sign in front": ("* * * * * A=1 b", [["sh", "-c", "A=1 b"]]),
    "a builtin": ("* * * * * echo hi", [["sh", "-c", "echo hi"]]),
    "a hash in a word": ("* * * * * a b#c", [["sh", "-c", "a b#c"]]),
    "a comment behind": ("* * * * * a # b", [["sh", "-c", "a # b"]]),
    "a colon and a blank": ("* * * * * a 'b: c'", [["a", "b: c"]]),
    "an escaped percent": ("* * * * * date +\\%F", [["date", "+%F"]]),
    "a percent in quotes is one all the same": (
        "* * * * * a '\\%d'",
        [["a", "%d"]],
    ),
    "a backslash": ("* * * * * a \\; b", [["sh", "-c", "a \\; b"]]),
    "two backslashes": ("* * * * * a \\\\ b", [["sh", "-c", "a \\ b"]]),
    "input": ("* * * * * mail -s hi root%Hello%World", ["Hello\nWorld\n", "mail -s hi root"]),
    "input that ends with a newline": ("* * * * * cat%a%", ["a\n", "cat"]),
    "an empty line as input": ("* * * * * cat%%", ["\n", "cat"]),
    "no input behind a percent": ("* * * * * /bin/cat%", [["/bin/cat"]]),
    "input with an escaped percent": ("* * * * * cat%a\\%b\\c", ["a%b\\c\n", "cat"]),
    "input with blanks": ("* * * * * cat%  a  ", ["  a  \n", "cat"]),
    "not ASCII": ("* * * * * /bin/a ü€", [["sh", "-c", "/bin/a ü€"]]),
    "braces": ("* * * * * /bin/a {b,c}", [["sh", "-c", "/bin/a {b,c}"]]),
    "a background process": ("* * * * * /bin/a &", [["sh", "-c", "/bin/a &"]]),
    "another shell": ("SHELL=/bin/bash\n* * * * * a | b", [["/bin/bash", "-c", "a | b"]]),
    "another shell that is not needed": ("SHELL=/bin/bash\n* * * * * /bin/a b", [["/bin/a", "b"]]),
    "a shell that is none": ("SHELL=/usr/bin/python3\n* * * * * print(1)", [["/usr/bin/python3", "-c", "print(1)"]]),
    "a PATH without a shell": ("PATH=/opt/x\n* * * * * a | b", [["/bin/sh", "-c", "a | b"]]),
    "a minus in front": ("* * * * * -a b", [["-a", "b"]]),
}


@pytest.mark.parametrize(("text", "wanted"), SAID.values(), ids=SAID.keys())
def test_the_command_is_the_one_that_cron_ran(text: str, wanted: list[list[str] | str]) -> None:
    job = job_of(f"{text}\n")

    if isinstance(wanted[0], list):
        assert job.command == wanted
    else:
        [words] = job.command
        assert words[:3] == ["sh", "-c", 'printf "%s\\n" "$@" | sh -c "$0"']
        shown = subprocess.run([*words[:3], "cat", *words[4:]], capture_output=True, text=True, check=True).stdout
        assert [shown, words[3]] == wanted


UNSAID = {
    "@reboot": ("@reboot a", "'@reboot' is not a time that cron can plan", "start it from a systemd unit with "),
    "a date that never comes": ("0 0 30 2 * a", "", ""),
    "a variable that no job can have": (
        '"A B"=c\n* * * * * a',
        "gets the variable 'A B', which is no name for a job file",
        "rename it",
    ),
    "a variable of ours": (
        "PROCESS_CONTROL_JOB=x\n* * * * * a",
        "gets the variable PROCESS_CONTROL_JOB, which process-control sets itself",
        "rename it",
    ),
}


@pytest.mark.parametrize(("text", "what", "hint"), UNSAID.values(), ids=UNSAID.keys())
def test_what_a_job_file_cannot_say_is_named_with_its_reason(text: str, what: str, hint: str) -> None:
    if not what:
        draft = drafts(f"{text}\n")[0]
        assert isinstance(draft, Draft)
        with pytest.raises(Exception, match="never fires"):
            read_job(draft.text.encode(), slug="x", path="/x", default_values={}, log_bytes=1)
        return
    assert fault_of(f"{text}\n")[0] == what
    assert fault_of(f"{text}\n")[1].startswith(hint)


def test_another_user_is_named_with_the_way_to_import_it() -> None:
    assert fault_of("1 2 * * * www-data a\n", has_users=True) == (
        "runs as user 'www-data', and jobs run as 'root'",
        "import it with a configuration that has 'user: www-data': --config FILE",
    )


def test_variables_are_kept_as_cron_sets_them() -> None:
    job = job_of(
        'SHELL=/bin/bash\nA = " b "\nPATH=$HOME/bin:/bin\nHOME=/srv\nMAILTO=a@b.org, root\nTZ=UTC\nLOGNAME=x\n'
        "CRON_TZ=Asia/Tokyo\n* * * * * /bin/a\n"
    )

    assert job.environment == {"SHELL": "/bin/bash", "A": " b", "PATH": "$HOME/bin:/bin", "HOME": "/srv", "TZ": "UTC"}
    assert (job.working_directory, job.time_zone) == ("/srv", "Asia/Tokyo")
    assert job.failmail_to == ["a@b.org", "root"]


def test_a_variable_counts_for_the_lines_below_it_only() -> None:
    [first, second] = drafts('* * * * * a\nMAILTO=""\n* * * * * b\n')

    assert isinstance(first, Draft)
    assert isinstance(second, Draft)
    assert ("failmail" in first.text, "failmail: false" in second.text) == (False, True)


def test_what_cron_never_did_is_switched_off() -> None:
    job = job_of("* * * * * nohup /bin/a &\n")

    assert (job.stderr, job.timeout_seconds, job.leftovers) == ("warn", 0, "keep")
    assert job.environment == {"PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("above", "description"),
    [
        ("# One\n# two", "One\ntwo"),
        ("# One: two", "One: two"),
        ("# One\n", None),
        ("# m h  dom mon dow   command", None),
        ("#\n#-----\n# The shop", "The shop"),
        ("#5 4 * * * old", None),
        ("# The shop\n#5 4 * * * old", None),
        ("A=b", None),
    ],
)
def test_the_comment_above_is_the_description(above: str, description: str | None) -> None:
    assert job_of(f"{above}\n* * * * * /bin/a\n").description == description


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        ("/usr/bin/backup.sh --all", "backup"),
        ("cd /srv && flock -n /l nice -n 5 ./poll", "poll"),
        ("test -x /usr/bin/certbot && perl -e 'sleep int(rand(4))' && certbot -q renew", "certbot"),
        ("[ -x /etc/init.d/anacron ] && if true; then invoke-rc.d anacron start; fi", "anacron"),
        ("cd / && run-parts --report /etc/cron.daily", "cron-daily"),
        ("python3 -m shop.clean", "shop-clean"),
        ("sudo -u www php artisan schedule:run", "artisan"),
        ("bash -lc 'cd /x; ./y.py'", "y"),
        ("FOO=1 /bin/true", "true"),
        ("$(x) `y` ", "X"),
        ("%", "other"),
        ("cd /tmp && date >/dev/null 2>&1", "date"),
        ("cd /tmp && >>/x/log 2>&1 ./poll<in", "poll"),
        ("sleep 20; /x/poll &>/dev/null", "poll"),
        ("sleep $((RANDOM ", "other"),
        ("cd /tmp && 1 && A=b", "other"),
        ("tar czf /x-`date +", "tar"),
    ],
)
def test_the_slug_is_the_name_of_what_runs(command: str, slug: str) -> None:
    assert slug_of(command, otherwise="other") == slug


def test_a_second_one_of_the_name_is_counted() -> None:
    assert free_slug("A", {"a"}, {"a-2"}) == ("A-3", 3)
    assert free_slug("a", set(), number=4) == ("a-4", 4)
    assert free_slug("x" * 64, {"x" * 64}) == ("x" * 62 + "-2", 2)
    assert [is_numbered(each, "x" * 64) for each in ("x" * 64, "x" * 62 + "-2", "x-2")] == [True, True, False]


@pytest.mark.parametrize(
    ("command", "is_noted"),
    [
        ("sleep $((RANDOM % 600)); /bin/true", True),
        ("sleep $(( (RANDOM) % 600)); /bin/true", True),
        ("tar czf /x/$(date +%F).tgz /y", True),
        ("tar czf /x/`date +%F`.tgz /y", True),
        ('date "+%F"', True),
        ('echo "a \\" b" \'c\' $(d)%input', False),
    ],
)
def test_a_percent_that_cuts_a_command_off_is_noted(command: str, is_noted: bool) -> None:
    [draft] = drafts(f"1 2 * * * {command}\n")

    assert isinstance(draft, Draft)
    words = "the % ends the command here and begins its input, as cron reads it (\\% is a plain %)"
    assert (words in [str(remark) for remark in draft.remarks]) == is_noted


@pytest.mark.parametrize("path", CRONTABS, ids=[path.name for path in CRONTABS])
def test_every_line_of_a_package_is_a_job_or_has_its_reason(path: Path) -> None:
    text = path.read_text()
    for line in read_lines(text, has_users=True):
        assert line.kind is not Kind.UNREADABLE, line.fault
        if line.kind is Kind.ENTRY:
            _is_job_or_fault(line, user=line.entry.user if line.entry else None)


def _is_job_or_fault(line: Line, *, user: str | None = "root") -> None:
    draft = draft_of(line, Source(name="/etc/cron.d/x", owner=None), user=user or "root", host="host")
    if isinstance(draft, Fault):
        assert draft.what
        assert draft.hint
        return
    assert origin_of(draft.text) is not None
    with contextlib.suppress(BadConfiguration):  # then these are the faults
        read_job(draft.text.encode(), slug=draft.slug, path="/x.yaml", default_values={}, log_bytes=1)


PIECES = st.sampled_from(
    [
        *(
            "*",
            "*/5",
            "1-5",
            "mon",
            "@daily",
            "@reboot",
            " ",
            "\t",
            "%",
            "\\%",
            "\\",
            "'",
            '"',
            "#",
            "=",
            "MAILTO",
            "\n",
        ),
        *(
            "root",
            "a",
            "/bin/a b",
            "|",
            "&&",
            "$x",
            ": ",
            "- ",
            "{",
            "[",
            "\r",
            "\0",
            "é",
            "\udcff",
            "\u2028",
            "0",
            "60",
        ),
        *("H", ",", "~"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(PIECES, max_size=60).map("".join),
    st.lists(PIECES, max_size=20).map(lambda pieces: "* * * * * " + "".join(pieces)),
)


@given(text=TEXTS, has_users=st.booleans())
def test_any_text_is_read_and_every_line_accounted_for(text: str, has_users: bool) -> None:
    lines = read_lines(text, has_users=has_users)

    assert "\n".join(line.text for line in lines) == text.removesuffix("\n")
    for line in lines:
        if line.kind is Kind.UNREADABLE:
            assert line.fault
        elif line.kind is Kind.ENTRY:
            _is_job_or_fault(line)
        elif line.kind is Kind.VARIABLE:
            assert read_variable(line.text) is not None
        else:
            assert re.fullmatch(r"[ \t]*(?:#.*)?", line.text, re.DOTALL)


@given(text=st.text(alphabet="a%\\ '", max_size=12))
def test_a_command_without_percent_and_backslash_stays_as_it_is(text: str) -> None:
    if not set(text) & set("%\\"):
        assert read_command(text).command == text
