"""The crontab of all jobs, word for word: one comment and one line a job, and nothing that cron would misread."""

import subprocess
from dataclasses import replace

import pytest

from kit.cron_reader import read
from process_control.crontab.text import (
    Crontab,
    InvalidFile,
    Manner,
    PlannedJob,
    command_for_cron,
    on_one_line,
    write_crontab,
)
from process_control.errors import BadConfiguration, Fault

IN_CRON_D = Manner(
    target="/etc/cron.d/process-control",
    job_directory="/var/lib/process-control",
    user="jobs",
    run_job=("/usr/bin/run-job",),
    configuration=None,
    template=None,
    host="db1",
)
ON_THE_CONSOLE = replace(IN_CRON_D, target="console", user=None)
BACKUP = PlannedJob(slug="backup", schedule=("30 2 * * *",))
ACCOUNTS = {"jobs", "root"}


def crontab(*jobs: PlannedJob | InvalidFile, manner: Manner = IN_CRON_D) -> Crontab:
    return write_crontab(
        jobs, manner, is_account=ACCOUNTS.__contains__, is_zone_of_host=lambda name: name == "Europe/Berlin"
    )


def body(*jobs: PlannedJob | InvalidFile, manner: Manner = IN_CRON_D) -> str:
    """Return what stands below the two lines of the header."""
    return crontab(*jobs, manner=manner).text.split("\n", 2)[2]


# --- word for word ---------------------------------------------------------------------------------------------------


def test_a_crontab_of_every_kind_of_job_is_this_text() -> None:
    made = crontab(
        PlannedJob(slug="zip", schedule=("@daily", "0 12 * * Mon-Fri")),
        PlannedJob(slug="Apart", schedule=("H H(1-5) * * *",)),
        BACKUP,
        PlannedJob(slug="by-hand"),
        PlannedJob(slug="idle", schedule=("* * * * *",), disabled=True),
        PlannedJob(slug="here", schedule=("5 4 * * *",), time_zone="Europe/Berlin"),
        PlannedJob(slug="tokyo", schedule=("0 9 * * *",), time_zone="Asia/Tokyo"),
        InvalidFile(
            slug="purge",
            faults=(
                Fault("unknown key 'timout'", where="purge.yaml:7:1", hint="did you mean 'timeout'?"),
                Fault("'name' is missing", where="purge.yaml:1:1"),
            ),
        ),
        InvalidFile(slug="not a name", faults=(Fault("'not a name.yaml' is not a valid name for a job file"),)),
    )

    assert made.text == (
        "# Written by cron-generate from the jobs in /var/lib/process-control\n"
        "# What is edited here is lost: edit the job files, then run cron-generate\n"
        "# /var/lib/process-control/Apart.yaml\n"
        "57 1 * * * jobs /usr/bin/run-job --scheduled Apart\n"
        "# /var/lib/process-control/backup.yaml\n"
        "30 2 * * * jobs /usr/bin/run-job --scheduled backup\n"
        "# /var/lib/process-control/here.yaml\n"
        "5 4 * * * jobs /usr/bin/run-job --scheduled here\n"
        "# disabled: /var/lib/process-control/idle.yaml\n"
        "# invalid: /var/lib/process-control/not a name.yaml: 'not a name.yaml' is not a valid name for a job file\n"
        "# invalid: /var/lib/process-control/purge.yaml: purge.yaml:7:1: unknown key 'timout' (and 1 more)\n"
        "# not for cron: /var/lib/process-control/tokyo.yaml: "
        "tokyo.yaml: cron only knows the host's time zone; this job wants Asia/Tokyo\n"
        "# /var/lib/process-control/zip.yaml\n"
        "0 0 * * * jobs /usr/bin/run-job --scheduled zip\n"
        "0 12 * * 1-5 jobs /usr/bin/run-job --scheduled zip\n"
    )
    assert (made.jobs, made.lines, made.disabled) == (4, 5, 1)
    assert [left.slug for left in made.left_out] == ["not a name", "purge", "tokyo"]
    assert made.left_out[2].faults == (
        Fault(
            "cron only knows the host's time zone; this job wants Asia/Tokyo",
            where="tokyo.yaml",
            hint="write the schedule in the host's time, and remove time_zone",
        ),
    )


def test_cron_mails_the_output_of_those_jobs_only_that_are_not_told_otherwise() -> None:
    told = PlannedJob(slug="a-told", schedule=("0 1 * * *",), is_reported=True)
    idle = PlannedJob(slug="idle", schedule=("* * * * *",), disabled=True, is_reported=True)

    assert "MAILTO" not in body(BACKUP, idle)
    assert body(told, BACKUP, idle) == (
        "# /var/lib/process-control/backup.yaml\n"
        "30 2 * * * jobs /usr/bin/run-job --scheduled backup\n"
        'MAILTO=""\n'
        "# /var/lib/process-control/a-told.yaml\n"
        "0 1 * * * jobs /usr/bin/run-job --scheduled a-told\n"
        "# disabled: /var/lib/process-control/idle.yaml\n"
    )
    assert body(told).startswith('MAILTO=""\n')


def test_without_jobs_there_is_a_header_that_cron_reads() -> None:
    assert crontab().text == (
        "# Written by cron-generate from the jobs in /var/lib/process-control\n"
        "# What is edited here is lost: edit the job files, then run cron-generate\n"
    )


def test_where_cron_reads_no_user_there_is_none() -> None:
    assert body(BACKUP, manner=ON_THE_CONSOLE) == (
        "# /var/lib/process-control/backup.yaml\n30 2 * * * /usr/bin/run-job --scheduled backup\n"
    )


def test_two_schedules_that_are_the_same_make_one_line() -> None:
    assert body(PlannedJob(slug="a", schedule=("@daily", "0 0 * * *", "0 0 * * *"))).count("--scheduled") == 1


def test_the_stub_is_called_past_the_console_script_and_the_configuration_named() -> None:
    manner = replace(
        IN_CRON_D, run_job=("/usr/bin/python3.11", "-I", "-S", "/opt/pc/cli/stub.py"), configuration="/srv/pc.yaml"
    )

    assert body(BACKUP, manner=manner).splitlines()[1] == (
        "30 2 * * * jobs /usr/bin/python3.11 -I -S /opt/pc/cli/stub.py --scheduled backup --config /srv/pc.yaml"
    )


def test_the_spread_of_h_depends_on_host_and_job() -> None:
    spread = PlannedJob(slug="a", schedule=("H H * * *",))

    lines = {body(spread, manner=replace(IN_CRON_D, host=host)) for host in ("db1", "db2", "db3")}

    assert len(lines) == 3


# --- cron_template ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "manner", "written"),
    [
        (
            "# {source}\n{schedule} {user} {command}\n",
            IN_CRON_D,
            "# /var/lib/process-control/backup.yaml\n30 2 * * * jobs /usr/bin/run-job --scheduled backup\n",
        ),
        (
            "\n# {source}\nLANG=C\n{schedule}\t{user}\tnice {command} --debug",
            IN_CRON_D,
            (
                "\n# /var/lib/process-control/backup.yaml\nLANG=C\n"
                "30 2 * * *\tjobs\tnice /usr/bin/run-job --scheduled backup --debug\n"
            ),
        ),
        ("{schedule} {user} {command}", ON_THE_CONSOLE, "30 2 * * * /usr/bin/run-job --scheduled backup\n"),
        (
            "{schedule} root su {user} -c '{command}'  # {{}}",
            IN_CRON_D,
            "30 2 * * * root su jobs -c '/usr/bin/run-job --scheduled backup'  # {}\n",
        ),
    ],
    ids=["the documented one", "several lines", "without users", "another user"],
)
def test_a_template_is_filled_in_for_each_job(template: str, manner: Manner, written: str) -> None:
    assert body(BACKUP, manner=replace(manner, template=template)) == written


def test_a_template_has_its_lines_for_each_schedule() -> None:
    both = PlannedJob(slug="a", schedule=("@hourly", "@daily"))

    text = body(both, manner=replace(IN_CRON_D, template="#\n{schedule} {user} {command}"))

    assert [line.split(" jobs")[0] for line in text.splitlines()] == ["#", "0 * * * *", "#", "0 0 * * *"]


BAD_TEMPLATES = {
    "no user": (
        "{schedule} {command}",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control: cron_template has no line that runs the job: "
            "30 2 * * * /usr/bin/run-job --scheduled backup\n  hint: write one: {schedule} {user} {command}"
        ),
    ),
    "a field too many": (
        "0 {schedule} {user} {command}",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control:3: nothing was written: cron would ignore the whole file, because this line "
            "has a bad hour: '30': 0 30 2 * * * jobs /usr/bin/run-job --scheduled backup\n"
            "  hint: fix cron_template in the configuration"
        ),
    ),
    "a variable without a value": (
        "MAILTO=\n{schedule} {user} {command}",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control:3: nothing was written: cron would ignore the whole file, because this line "
            "has a bad minute: 'MAILTO=': MAILTO=\n  hint: fix cron_template in the configuration"
        ),
    ),
    "nothing that runs": (
        "# {source}",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control: cron_template has no line that runs the job: "
            "# /var/lib/process-control/backup.yaml\n  hint: write one: {schedule} {user} {command}"
        ),
    ),
    "another time than the job's": (
        "@daily {user} {command}",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control: cron_template has no line that runs the job: "
            "@daily jobs /usr/bin/run-job --scheduled backup\n  hint: write one: {schedule} {user} {command}"
        ),
    ),
    "a percent": (
        "{schedule} {user} {command} > /tmp/$(date +%F)",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control:3: cron reads a % as the end of the command: "
            "/usr/bin/run-job --scheduled backup > /tmp/$(date +%F)\n  hint: write \\% in cron_template"
        ),
    ),
    "a carriage return": (
        "{schedule} {user} {command}\r\n",
        IN_CRON_D,
        (
            "/etc/cron.d/process-control:3: nothing was written: cron would ignore the whole file, because this line "
            "has the character '\\r': 30 2 * * * jobs /usr/bin/run-job --scheduled backup\\x0d\n"
            "  hint: fix cron_template in the configuration"
        ),
    ),
}


@pytest.mark.parametrize(("template", "manner", "message"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES.keys())
def test_a_template_that_would_break_the_file_is_refused_with_its_line(
    template: str, manner: Manner, message: str
) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        crontab(BACKUP, manner=replace(manner, template=template))

    assert str(refusal.value) == message


def test_an_escaped_percent_in_a_template_is_left_as_it_is() -> None:
    made = body(BACKUP, manner=replace(IN_CRON_D, template="{schedule} {user} {command} --debug=$(date +\\%F)"))

    assert made.endswith("--debug=$(date +\\%F)\n")


def test_of_many_lines_that_are_bad_three_are_told() -> None:
    jobs = [PlannedJob(slug=f"job{number}", schedule=("@daily",)) for number in range(10)]

    with pytest.raises(BadConfiguration) as refusal:
        crontab(*jobs, manner=replace(IN_CRON_D, template="0 {schedule} {user} {command}"))

    assert [fault.where for fault in refusal.value.faults] == [f"/etc/cron.d/process-control:{n}" for n in (3, 4, 5)]


# --- what cron would ignore, or misread ------------------------------------------------------------------------------


def test_a_line_longer_than_cron_reads_is_refused() -> None:
    manner = replace(IN_CRON_D, configuration="/" + "x" * 1000)

    with pytest.raises(BadConfiguration) as refusal:
        crontab(BACKUP, manner=manner)

    (fault,) = refusal.value.faults
    assert fault.where == "/etc/cron.d/process-control:4"
    assert "has a command of 1046 bytes; cron reads 998: 30 2 * * * jobs /usr/bin/run-job" in fault.what
    assert fault.hint == "shorten the paths, or set runner_path to a short one, in the configuration"


def test_near_the_limit_of_cron_only_comments_about_faults_are_left() -> None:
    bad = InvalidFile(slug="bad", faults=(Fault("is no job"),))
    off = PlannedJob(slug="off", schedule=("@daily",), disabled=True)

    def made_of(count: int, template: str | None = None) -> Crontab:
        jobs = [PlannedJob(slug=f"job{number}", schedule=("@daily",)) for number in range(count)]
        return crontab(*jobs, bad, off, manner=replace(IN_CRON_D, template=template))

    few, many = made_of(4948), made_of(9000)
    with_comments = made_of(4000, template="# {source}\n# {command}\n{schedule} {user} {command}\n")

    assert few.text.count("\n") == 9900
    assert many.text.count("\n") == 9004
    assert (many.jobs, many.lines, many.disabled) == (9000, 9000, 1)
    comments = [line for line in many.text.splitlines() if line.startswith("#")]
    assert comments[2:] == [
        "# No comment for each job: cron reads no more lines",
        "# invalid: /var/lib/process-control/bad.yaml: is no job",
    ]
    assert with_comments.text.count("\n") == 4004


def test_more_lines_than_cron_reads_are_refused_with_what_to_do() -> None:
    jobs = [PlannedJob(slug=f"job{number}", schedule=("@daily", "@weekly")) for number in range(5000)]

    with pytest.raises(BadConfiguration) as refusal:
        crontab(*jobs)
    with pytest.raises(BadConfiguration) as with_a_template:
        crontab(*jobs, manner=replace(IN_CRON_D, template="{schedule} {user} {command}\n\n"))

    split = "split the jobs over two configurations, each with an output_crontab"
    assert str(refusal.value) == (
        "/etc/cron.d/process-control:10001: nothing was written: cron would ignore the whole file, because this line "
        f"is one line more than the 10000 that cron reads\n  hint: {split}"
    )
    assert with_a_template.value.faults[0].hint == (
        f'write one line for each job, cron_template: "{{schedule}} {{user}} {{command}}\\n"; or {split}'
    )


@pytest.mark.parametrize("user", ["", "jobs root", "jobs\n* * * * * root true", "jobs\t"])
def test_a_user_that_cron_would_misread_is_refused(user: str) -> None:
    with pytest.raises(BadConfiguration) as refusal:
        crontab(BACKUP, manner=replace(IN_CRON_D, user=user))

    assert str(refusal.value).startswith(f"/etc/cron.d/process-control: cron cannot read the user name {user!r}\n")


def test_a_user_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="a user that does not exist: 'gone'"):
        crontab(BACKUP, manner=replace(IN_CRON_D, user="gone"))


@pytest.mark.parametrize("odd", ["\n", "\r", "\0", "\x1b", "\x7f"])
@pytest.mark.parametrize("place", ["run_job", "configuration"])
def test_a_path_that_no_line_can_hold_is_refused(odd: str, place: str) -> None:
    path = f"/srv/a{odd}b"

    with pytest.raises(BadConfiguration, match="which a crontab cannot contain"):
        crontab(BACKUP, manner=replace(IN_CRON_D, **{place: path if place == "configuration" else (path,)}))


HOSTILE_WORDS = [
    "plain",
    "with blank",
    "100%",
    "%",
    "a\\%b",
    "a\\\\%b",
    "\\",
    "ends\\",
    "two\\\\",
    "it's",
    'say "x"',
    "'\\'%\\\\'",
    "$(touch /tmp/x); `id` & | < > * ? [a] {b} ~ ! #",
    "$HOME",
    "tab\there",
    "é ☕ \U0001f600",
    "broken \udcff byte",
    "-I",
    "",
]


@pytest.mark.parametrize("word", HOSTILE_WORDS)
def test_a_word_arrives_through_cron_and_its_shell_as_it_was(word: str) -> None:
    line = f"* * * * * {command_for_cron(['/usr/bin/printf', '%s.', word, 'next'])}\n"

    (entry,) = read(line.encode("utf-8", "surrogateescape"), has_users=False, accounts=set())
    printed = subprocess.run(["/bin/sh", "-c", entry.command], capture_output=True, check=True).stdout

    assert printed == f"{word}.next.".encode("utf-8", "surrogateescape")
    assert not entry.has_input


@pytest.mark.parametrize("word", HOSTILE_WORDS)
def test_crons_that_keep_two_backslashes_hand_on_the_same(word: str) -> None:
    """Debian's cron makes one backslash of two, others do not: so there are never two."""
    assert "\\\\" not in command_for_cron([word])


# --- what comes from a process that is not trusted --------------------------------------------------------------------

INJECTIONS = [
    "a\n* * * * * root /bin/sh",
    "a\r* * * * * root /bin/sh",
    "a\u2028* * * * * root /bin/sh",
    "../../etc/passwd",
    "a --scheduled b",
    "a;id",
    "a%id",
    "$(id)",
    "",
    "-a",
    "x" * 65,
    "é",
]


@pytest.mark.parametrize("slug", INJECTIONS)
def test_what_is_no_slug_becomes_a_comment_and_a_fault(slug: str) -> None:
    made = crontab(PlannedJob(slug=slug, schedule=("* * * * *",)), BACKUP)

    lines = read(made.text.encode(), has_users=True, accounts=ACCOUNTS)
    assert [line.words for line in lines] == [["/usr/bin/run-job", "--scheduled", "backup"]]
    assert [left.slug for left in made.left_out] == [slug]


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *\n* * * * * root /bin/sh #", "* * * * * root /bin/sh #", "A=b", "@reboot", "* * * * * x", "% * * * *"],
)
def test_what_is_no_schedule_becomes_a_comment_and_a_fault(schedule: str) -> None:
    made = crontab(PlannedJob(slug="bad", schedule=(schedule,)), BACKUP)

    lines = read(made.text.encode(), has_users=True, accounts=ACCOUNTS)
    assert [line.words[-1] for line in lines] == ["backup"]
    assert [left.slug for left in made.left_out] == ["bad"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_a_fault_or_a_zone_makes_a_line_of_its_own(text: str) -> None:
    jobs = [
        PlannedJob(slug="zone", schedule=("@daily",), time_zone=text),
        InvalidFile(slug=text, faults=(Fault(text, where=text, hint=text),)),
        BACKUP,
    ]

    made = crontab(*jobs, manner=replace(IN_CRON_D, job_directory=f"/srv/{text}"))

    lines = read(made.text.encode(), has_users=True, accounts=ACCOUNTS)
    assert [line.words[-1] for line in lines] == ["backup"]
    assert made.text.isprintable() or set(made.text) - {"\n"} == {c for c in made.text if c.isprintable()}


def test_a_comment_is_one_line_and_not_endless() -> None:
    assert on_one_line("a\nb\tc\x1b") == "a b c\\x1b"
    assert len(on_one_line("x" * 10_000)) == 300


# --- the lines of watch ----------------------------------------------------------------------------------------------

WATCHED = replace(IN_CRON_D, process_control=("/usr/bin/process-control",))
EVERY_MINUTE = "* * * * * jobs /usr/bin/process-control watch"
AT_BOOT = "@reboot jobs /usr/bin/process-control watch"


@pytest.mark.parametrize(
    ("job", "manner", "lines"),
    [
        (BACKUP, WATCHED, []),
        (replace(BACKUP, catches_up=True), WATCHED, [EVERY_MINUTE, AT_BOOT]),
        (replace(BACKUP, is_watched=True), WATCHED, [EVERY_MINUTE]),
        (BACKUP, replace(WATCHED, is_watched=True), [EVERY_MINUTE]),
        (replace(BACKUP, catches_up=True, disabled=True), WATCHED, []),
        (PlannedJob(slug="by-hand", catches_up=True), WATCHED, []),
        (
            replace(BACKUP, catches_up=True),
            replace(WATCHED, user=None, target="console", configuration="/etc/a%b.yaml"),
            [
                "* * * * * /usr/bin/process-control watch --config /etc/a\\%b.yaml",
                "@reboot /usr/bin/process-control watch --config /etc/a\\%b.yaml",
            ],
        ),
    ],
)
def test_the_lines_of_watch_stand_first_when_somebody_needs_them(
    job: PlannedJob, manner: Manner, lines: list[str]
) -> None:
    made = body(job, manner=manner).splitlines()

    assert [line for line in made if "watch" in line] == lines
    assert made[: len(lines)] == lines
